"""What a page may claim: the file's round trip, staleness, and the header's date."""

from dataclasses import replace
from datetime import date

import pytest
from support.runbook import GUARDS, PROFILE, page, plan, runbook, step

from kbtool.runbook.drill import Result
from kbtool.runbook.evidence import (
    Circumstances,
    evidence_path,
    problems,
    read_evidence,
    recorded,
    verified_on,
    write_evidence,
)
from kbtool.runbook.execute import Outcome
from kbtool.runbook.last_verified import verified_edit
from kbtool.runbook.ports import Description, Layer, Part
from kbtool.runbook.weaker import weakened
from kbtool.text import apply_edits

TODAY = date(2026, 11, 24)
BOTH = GUARDS + "- **Break** `down`: postgres-down\n"
HELD = (Layer("no network", held=True),)


def describe(layers=HELD, environment="env"):
    return Description(
        "id", "embedded", (Part("vault", "2.6", real=True),), layers, (), (), (), (), environment
    )


def what(day=TODAY, strength=1):
    return Circumstances(day, "commit", "0.1", "hash", strength, 180)


def green(name, ran=("S1",)):
    return Result(name, "green", "", ("accept",), Outcome("green", "", ran, ()), 1.2)


def evidence(*results, old=None, day=TODAY, layers=HELD, guards=GUARDS, environment="env", always=False, strength=1, profile=PROFILE):  # fmt: skip
    made = plan(step(), guards=guards, profile=profile)
    return recorded(
        old, made, describe(layers, environment), results, what(day, strength), always=always
    )


def messages(found, book=None, today=TODAY):
    return [p.message for p in problems(found, book or runbook(step()), today, 180)]


def test_an_entry_tells_in_what_the_profile_differs_from_production():
    circumstances = replace(what(), drift=("etcd: extra. Accepted: r",))
    found = recorded(None, plan(step()), describe(), [green("sealed")], circumstances, always=False)
    assert found.entries["embedded"]["sealed"].drift == ["etcd: extra. Accepted: r"]
    assert read_evidence(write_evidence(found)) == found


def test_behind_a_weak_boundary_nothing_is_verified_and_the_file_says_why():
    made, description = plan(step()), replace(describe(), boundary="weak: privileged nodes")
    found = recorded(None, made, description, [green("sealed")], what(), always=False)
    assert found.entries["embedded"]["sealed"].boundary == "weak: privileged nodes"
    assert read_evidence(write_evidence(found)) == found
    assert verified_on(found, runbook(step())) is None
    assert verified_on(evidence(green("sealed")), runbook(step())) == "2026-11-24"
    assert "boundary" not in write_evidence(evidence(green("sealed")))


def test_a_weaker_profile_behind_a_boundary_that_holds_verifies_all_the_same():
    weak = replace(describe(), boundary="weak: privileged nodes")
    stronger = plan(step(), profile=replace(PROFILE, name="nodes"))
    first = evidence(green("sealed"))
    both = recorded(first, stronger, weak, [green("sealed")], what(strength=3), always=False)
    assert verified_on(both, runbook(step())) == "2026-11-24"


def test_round_trip_with_a_stable_text():
    found = evidence(green("sealed"))
    text = write_evidence(found)
    assert read_evidence(text) == found
    assert write_evidence(read_evidence(text)) == text
    assert text.endswith("}\n")
    assert evidence_path("a/b.md") == "a/b.evidence.json"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"version": 2}',
        '{"version": 1, "runbook": "x", "profiles": {"e": {"strength": 1, "scenarios": {"a": {}}}}}',
        "[" * 100_000,
    ],
)
def test_damaged_evidence_is_none(text):
    assert read_evidence(text) is None


def test_fresh_green_evidence_verifies():
    found = evidence(green("sealed"))
    assert messages(found) == []
    assert verified_on(found, runbook(step())) == "2026-11-24"


@pytest.mark.parametrize(
    ("found", "book", "said"),
    [
        (evidence(green("sealed")), runbook(step(block="false")), "stale, changed since: S1"),
        (evidence(green("sealed")), runbook(step(), guards=GUARDS + "- **Requires**: vault\n"), "Guards, or the order"),
        (evidence(green("sealed")), runbook(step(), guards=BOTH), "scenario down was never drilled"),
        (evidence(replace(green("sealed"), verdict="red", reason="S1: x")), runbook(step()), "red: S1: x"),
        (evidence(green("sealed"), layers=()), runbook(step()), "unconfined: nothing was measured"),
        (evidence(green("sealed"), layers=(Layer("no network", held=False),)), runbook(step()), "unconfined: no network"),
        (evidence(green("sealed", ())), runbook(step()), "S1 was run by no scenario"),
        (evidence(green("sealed"), day=date(2026, 1, 1)), runbook(step()), "327 days old"),
    ],
)  # fmt: skip
def test_what_does_not_hold(found, book, said):
    assert any(said in message for message in messages(found, book))
    if "days old" not in said:
        assert verified_on(found, book) is None


def test_a_repeated_drill_leaves_no_noise():
    first = evidence(green("sealed"))
    again = evidence(replace(green("sealed"), seconds=9.0), old=first, day=date(2026, 11, 30))
    assert write_evidence(again) == write_evidence(first)
    assert evidence(green("sealed"), old=first, day=date(2026, 11, 30), always=True) != first
    assert evidence(green("sealed"), old=first, day=date(2027, 3, 1)) != first  # past half its age
    assert evidence(green("sealed"), old=first, environment="other") != first
    assert evidence(replace(green("sealed"), verdict="red"), old=first) != first


def test_a_scenario_that_is_gone_takes_its_entry_along():
    both = evidence(green("sealed"), green("down"), guards=BOTH)
    assert set(both.entries["embedded"]) == {"sealed", "down"}
    assert set(evidence(green("sealed"), old=both).entries["embedded"]) == {"sealed"}


def test_the_date_is_the_oldest_of_all_scenarios():
    old = evidence(green("sealed"), guards=BOTH, day=date(2026, 11, 1))
    both = evidence(green("down"), old=old, guards=BOTH)
    assert verified_on(both, runbook(step(), guards=BOTH)) == "2026-11-01"


def test_the_strongest_profile_decides_and_its_red_takes_the_date_away():
    strong = replace(PROFILE, name="controlplane")
    weak = evidence(green("sealed"), day=date(2026, 11, 1))
    assert (
        verified_on(
            evidence(green("sealed"), old=weak, profile=strong, strength=2), runbook(step())
        )
        == "2026-11-24"
    )
    red = evidence(replace(green("sealed"), verdict="red"), old=weak, profile=strong, strength=2)
    assert verified_on(red, runbook(step())) is None


# ---------------------------------------------------------------------- the header
HEADERS = {
    "quote": ("> **Status**: Active\n", "> **Status**: Active\n> **Last Verified**: 2026-11-24\n"),
    "list": ("- **Status**: Active\n", "- **Status**: Active\n- **Last Verified**: 2026-11-24\n"),
    "joined": (
        "**Status**: Active · **Owner**: me\n",
        "**Status**: Active · **Owner**: me · **Last Verified**: 2026-11-24\n",
    ),
}


@pytest.mark.parametrize("style", HEADERS)
def test_the_date_comes_and_goes_in_the_pages_own_style(style):
    without, with_date = (page(step(), head=f"# R\n\n{head}") for head in HEADERS[style])
    added = apply_edits(without.text, [verified_edit(without, "2026-11-24")])
    assert added == with_date.text
    assert verified_edit(with_date, "2026-11-24") is None
    assert apply_edits(with_date.text, [verified_edit(with_date, None)]) == without.text
    newer = apply_edits(with_date.text, [verified_edit(with_date, "2026-12-01")])
    assert newer == with_date.text.replace("2026-11-24", "2026-12-01")


def test_a_page_without_header_gets_none():
    assert verified_edit(page(step()), "2026-11-24") is None
    assert verified_edit(page(step()), None) is None


# ---------------------------------------------------------------------- weakened proofs
FULL = step(
    fields="- **Timeout**: 2m",
    after="- **Expect**: `http vault/x {.a} == 1` within 5s\n- **Expect**: `exit 0`",
)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("- **Expect**: `exit 0`", "", "S1 Expect removed: `exit 0`"),
        ("{.a} == 1", "{.a} != 2", "S1 Expect loosened"),
        ("{.a} == 1", "{.a} exists", "S1 Expect loosened"),
        ("within 5s", "within 9s", "S1 Expect loosened"),
        ("**Timeout**: 2m", "**Timeout**: 3m", "its timeout grew from 120 s to 180 s"),
        ("### S1", "### S9", "S1 is gone, with 2 checks"),
        ("- **Accept**: `http vault/health status == 200`\n", "- **Accept**: `http vault/other status == 200`\n", "Accept removed"),
        ("- **Break** `sealed`: vault-sealed\n", "- **Break** `x`: vault-sealed\n", "scenario sealed is gone"),
    ],
)  # fmt: skip
def test_a_proof_made_weaker_is_named(old, new, said):
    from kbtool.markdown.parse import parse_page
    from kbtool.runbook.read import read_runbook

    before = page(FULL)
    assert old in before.text
    after = parse_page("r.md", before.text.replace(old, new))
    (sentence,) = weakened(
        read_runbook(before, lambda _: None), read_runbook(after, lambda _: None)
    )
    assert said in sentence


@pytest.mark.parametrize(("old", "new"), [("within 5s", "within 1s"), ("**Timeout**: 2m", "**Timeout**: 1m"), ("Do it", "Do this"), ("`exit 0`", "`exit 0`\n- **Expect**: `stdout =~ /x/`")])  # fmt: skip
def test_a_proof_made_stronger_is_not(old, new):
    from kbtool.markdown.parse import parse_page
    from kbtool.runbook.read import read_runbook

    before = page(FULL)
    after = parse_page("r.md", before.text.replace(old, new))
    assert (
        list(weakened(read_runbook(before, lambda _: None), read_runbook(after, lambda _: None)))
        == []
    )
