"""Parity of this project's own profiles: read from them, as they run, and told in evidence."""

import json
import shutil

import pytest
from support.sandbox import ROOT, kbtool

from kbtool.app.parity import drift_of
from kbtool.errors import ConfigError
from kbtool.sandbox.loader import load_profile
from kbtool.sandbox.stage import load_parity, stage_of

PROFILES = ROOT / "sandbox" / "profiles"


@pytest.fixture
def project(tmp_path):
    """A copy of the profiles, in a project of their own."""
    shutil.copytree(ROOT / "sandbox", tmp_path / "sandbox")
    (tmp_path / "kbtool.toml").write_text("")
    return tmp_path


def edit(project, old, new, file="parity.toml"):
    path = project / "sandbox" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def parity(project, *arguments):
    return kbtool("sandbox", "parity", *arguments, state=project / "state", cwd=project)


def test_the_profiles_of_this_project_drift_only_where_it_is_accepted():
    code, output = kbtool("sandbox", "parity", "--format", "json", state="/nonexistent")
    answer = json.loads(output)
    assert (code, answer["ok"]) == (0, True)
    assert {each["profile"] for each in answer["profiles"]} >= {"embedded", "controlplane"}
    assert all(drift["reason"] for each in answer["profiles"] for drift in each["accepted"])


def test_the_stage_is_read_from_the_profile():
    stage = stage_of(load_profile(PROFILES, "controlplane"))
    assert stage.nodes == {"pi1": "server", "pi2": "agent", "pi3": "agent"}
    assert stage.apps == ("erp",)
    assert stage.parts["kubernetes"].version.startswith("1.34.")
    assert not stage.parts["longhorn"].real
    assert stage_of(load_profile(PROFILES, "embedded")).nodes == {}


def test_the_version_of_what_is_not_built_yet_is_the_pinned_one(monkeypatch, tmp_path):
    for name in ("KBTOOL_STORE", "KUBEBUILDER_ASSETS"):
        monkeypatch.setenv(name, str(tmp_path))
    profile = load_profile(PROFILES, "controlplane")
    words = (ROOT / "sandbox" / "controlplane" / "go.mod").read_text().split()
    assert f"v{stage_of(profile).parts['kubernetes'].version}" in words


def test_a_node_more_than_production_has_fails(project):
    edit(project, "name: pi3", "name: pi4", "profiles/controlplane/nodes.yaml")
    code, output = parity(project, "--profile", "controlplane")
    assert code == 1
    assert "✗ node pi4: extra  (production: none)" in output
    assert "✗ node pi3: missing  (production: agent)" in output


def test_an_acceptance_that_nothing_needs_fails(project):
    edit(project, '"etcd: extra"', '["etcd: extra", "etcd: missing"]')
    code, output = parity(project)
    assert code == 1
    assert "✗ etcd: missing: accepted, and there is no such difference" in output
    assert parity(project, "--profile", "embedded")[0] == 0


def test_without_a_manifest_there_is_nothing_to_compare_with(project):
    (project / "sandbox" / "parity.toml").unlink()
    code, output = parity(project)
    assert code == 2
    assert "no parity.toml in" in output
    assert drift_of(None, None, None) == ()


def test_a_fault_of_the_manifest_is_named_before_anything_is_started(project):
    edit(project, "[profile.embedded]", "[profile.embeded]")
    with pytest.raises(ConfigError, match="did you mean 'embedded'"):
        load_parity(project / "sandbox" / "profiles")
    assert parity(project)[0] == 2


def test_what_is_accepted_is_part_of_the_environment(project):
    before = load_profile(project / "sandbox" / "profiles", "embedded").digest
    edit(project, "etcd: extra", "etcd:  extra")
    assert load_profile(project / "sandbox" / "profiles", "embedded").digest != before
