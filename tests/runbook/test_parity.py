"""Parity: every difference is named, accepted with a reason or not at all."""

import pytest

from kbtool.errors import ConfigError
from kbtool.runbook.parity import Piece, Stage, compare, parse_parity

PRODUCTION = """
[production]
apps = ["erp"]
[production.nodes]
pi1 = "server"
[production.parts]
kubernetes = { program = "k3s", version = "v1.2.3+k3s1" }
vault = {}
postgres = { program = "PostgreSQL", outside = "pi2" }
"""
SAME = {
    "kubernetes": Piece("k3s", "1.2.3+k3s1"),
    "vault": Piece("OpenBao", "2", outside=False),
    "postgres": Piece("PostgreSQL", "18", outside=True),
}
NODES, APPS = {"pi1": "server"}, ("erp",)


def manifest(accepted="", profiles=("p", "other")):
    text = f"{PRODUCTION}\n[profile.p]\naccepted = [{accepted}]\n"
    return parse_parity(text, profiles)


def parity(accepted="", nodes=NODES, apps=APPS, **parts):
    pieces = {name: piece for name, piece in {**SAME, **parts}.items() if piece}
    return compare(manifest(accepted), "p", Stage(pieces, nodes, apps))


def whats(found):
    return [drift.what for drift in found.open]


def test_what_is_the_same_is_no_drift_and_a_leading_v_is_none():
    found = parity()
    assert found.ok
    assert found.lines() == []


def test_what_has_no_version_in_production_is_told_and_compared_with_nothing():
    assert parity().unknown == {"vault": "2", "postgres": "18"}
    assert parity(vault=Piece("OpenBao", "99", outside=False)).ok


@pytest.mark.parametrize(
    ("piece", "what"),
    [
        (Piece("k3s", "1.2.4+k3s1"), "kubernetes: version 1.2.4+k3s1"),
        (Piece("k3s", ""), "kubernetes: version unknown"),
        (Piece("kube-apiserver", "1.2.3+k3s1"), "kubernetes: program kube-apiserver"),
        (Piece("", "model 1", real=False), "kubernetes: modelled"),
        (None, "kubernetes: missing"),
    ],
)
def test_a_part_that_differs_is_named_by_how_it_differs(piece, what):
    found = parity(kubernetes=piece)
    assert whats(found) == [what]
    assert not found.ok


@pytest.mark.parametrize(
    ("name", "piece", "what"),
    [
        ("vault", Piece("OpenBao", "2", outside=True), "vault: outside the cluster"),
        ("postgres", Piece("PostgreSQL", "18", outside=False), "postgres: inside the cluster"),
        ("etcd", Piece("etcd", "3"), "etcd: extra"),
    ],
)
def test_where_a_part_runs_is_compared_and_so_is_what_production_has_not(name, piece, what):
    assert whats(parity(**{name: piece})) == [what]


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ({}, "node pi1: missing"),
        ({"pi1": "agent"}, "node pi1: role agent"),
        ({"pi1": "server", "pi4": "agent"}, "node pi4: extra"),
    ],
)
def test_nodes_and_their_roles_are_compared(nodes, what):
    assert whats(parity(nodes=nodes)) == [what]


def test_applications_are_compared_both_ways():
    found = parity(apps=("canary",))
    assert [(d.what, d.production, d.here) for d in found.open] == [
        ("app erp: missing", "deployed", "none"),
        ("app canary: extra", "none", "deployed"),
    ]


def test_an_accepted_difference_passes_with_its_reason_and_enters_the_evidence():
    found = parity('{ what = ["app erp: missing", "node pi1: missing"], reason = "small" }', {}, ())
    assert found.ok
    assert found.lines() == ["node pi1: missing, app erp: missing. Accepted: small"]


def test_an_acceptance_is_for_the_very_value_it_names():
    accepted = '{ what = "kubernetes: version 1.2.4", reason = "r" }'
    assert parity(accepted, kubernetes=Piece("k3s", "1.2.4")).ok
    found = parity(accepted, kubernetes=Piece("k3s", "1.2.5"))
    assert whats(found) == ["kubernetes: version 1.2.5"]
    assert found.stale == ("kubernetes: version 1.2.4",)
    assert found.lines() == ["kubernetes: version 1.2.5. Not accepted"]


def test_an_acceptance_nothing_needs_is_a_finding():
    found = parity('{ what = "vault: missing", reason = "r" }')
    assert found.open == ()
    assert found.stale == ("vault: missing",)
    assert not found.ok


def test_what_one_profile_accepts_is_not_accepted_of_another():
    found = compare(
        manifest('{ what = "app erp: missing", reason = "r" }'), "other", Stage(SAME, NODES)
    )
    assert whats(found) == ["app erp: missing"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[productoin]", "unknown key productoin (did you mean 'production'?)"),
        ("[production]\napp = []", "unknown key production.app (did you mean 'apps'?)"),
        ("[production]\napps = [1]", "production.apps must be a list of text"),
        ("[production.nodes]\npi1 = 1", "production.nodes.pi1 must be text"),
        ("[production]\nparts = 1", "production.parts must be a table"),
        (
            "[production.parts]\nvault = { verson = '1' }",
            "unknown key production.parts.vault.verson (did you mean 'version'?)",
        ),
        ("[production.parts]\nvault = 1", "production.parts.vault must be a table"),
        ("[profile.embeded]", "unknown key profile.embeded (did you mean 'embedded'?)"),
        ("[profile.embedded]\naccepted = 1", "profile.embedded.accepted must be a list"),
        ("[profile]\nembedded = 1", "profile.embedded.accepted must be a list"),
        (
            "[profile.embedded]\naccepted = [{ what = 'x' }]",
            "profile.embedded.accepted[0] needs a reason",
        ),
        (
            "[profile.embedded]\naccepted = [{ reason = 'r' }]",
            "profile.embedded.accepted[0].what must be a list of text",
        ),
        (
            "[profile.embedded]\naccepted = [{ what = 'x', reason = 'r' }, { what = 'x', reason = 'r' }]",
            "profile.embedded: 'x' is accepted twice",
        ),
        (
            "[profile.embedded]\naccepted = [{ what = 'x', reason = 'r', why = 'r' }]",
            "unknown key profile.embedded.accepted[0].why",
        ),
    ],
)
def test_a_fault_of_the_file_is_named_with_its_key(text, fault):
    with pytest.raises(ConfigError) as error:
        parse_parity(text, ["embedded"])
    assert error.value.message == f"parity.toml: {fault}"


def test_all_faults_are_named_at_once_and_no_toml_is_one():
    with pytest.raises(ConfigError) as error:
        parse_parity("[a]\n[b]", [])
    assert len(error.value.message.splitlines()) == 2
    with pytest.raises(ConfigError, match="not readable as TOML"):
        parse_parity("[", [])
