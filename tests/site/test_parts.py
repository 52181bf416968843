"""The smaller parts: sentences around links, places of the graph, the mirror, badges."""

import json

import pytest
from support.base import UNSEAL
from support.sandbox import ROOT

from kbtool.adapters.mirror import mirror
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.facts import Facts
from kbtool.markdown.parse import parse_page
from kbtool.markdown.tree import read_tree
from kbtool.runbook.evidence import evidence_path
from kbtool.site.badge import badge
from kbtool.site.context import sentences
from kbtool.site.graph import places
from kbtool.workspace import open_workspace


@pytest.mark.parametrize(
    ("text", "before", "words", "after"),
    [
        ("One. Two [a](b) three. Four.", "Two ", "a", " three."),
        ("See [a](b).", "See ", "a", "."),
        ("*x* `y` [**a**](b) z", "x y ", "a", " z"),
        ("| [a](b) | what for |\n|---|---|\n", "", "a", " — what for"),
        ("- first\n- [a](b): why. More.\n", "", "a", ": why."),
        ("Un. Voir « [a](b) » ! Deux.", "Voir « ", "a", " » !"),
        ("v1.2 of [a](b), e.g. this. Next.", "v1.2 of ", "a", ", e.g. this."),
    ],
)
def test_sentence_around_a_link(text, before, words, after):
    (found,) = sentences(read_tree(text)).values()
    assert found == (before, words, after)


def test_a_long_sentence_is_cut_around_its_link():
    (found,) = sentences(read_tree(f"{'word ' * 100}[a](b){' word' * 100}")).values()
    assert found.before.startswith("…")
    assert found.after.endswith("…")
    assert len("".join(found)) < 280


def test_places_are_apart_and_stay_when_a_page_is_added_elsewhere():
    pages = ["README.md", *(f"a/{n}.md" for n in range(30)), *(f"b/c/{n}.md" for n in range(9))]
    found = places(pages)
    spots = list(found.values())
    assert (
        min((x - u) ** 2 + (y - v) ** 2 for i, (x, y) in enumerate(spots) for u, v in spots[:i])
        > 15**2
    )
    assert places(list(reversed(pages))) == found
    more = places([*pages, "b/c/z.md"])
    near = [more[p] for p in pages if p.startswith("a/")]
    assert near[0][0] - near[1][0] == pytest.approx(found["a/0.md"][0] - found["a/1.md"][0])


def test_mirror_writes_only_what_differs_and_removes_the_rest(tmp_path):
    folder = tmp_path / "out"
    assert set(mirror(folder, {"a.md": b"1", "b/c.md": b"2"}).written) == {"a.md", "b/c.md"}
    before = (folder / "a.md").stat().st_mtime_ns
    (folder / "x").symlink_to(tmp_path)
    done = mirror(folder, {"a.md": b"1", "b.md": b"3"})
    assert done.written == ("b.md",)
    assert set(done.removed) == {"b/c.md", "x"}
    assert done.kept == 1
    assert (folder / "a.md").stat().st_mtime_ns == before
    assert tmp_path.is_dir()
    assert not (folder / "b").exists()


def test_mirror_replaces_a_folder_by_a_file_and_back(tmp_path):
    mirror(tmp_path, {"a/b": b"1"})
    mirror(tmp_path, {"a": b"2"})
    assert (tmp_path / "a").read_bytes() == b"2"
    mirror(tmp_path, {"a/b": b"1"})
    assert (tmp_path / "a/b").read_bytes() == b"1"


def shown(change=lambda data: None, page=lambda text: text, today=None):
    kb = open_workspace([str(ROOT)]).load()
    data = json.loads(kb.facts.text(evidence_path(UNSEAL)))
    drills = data["profiles"]["embedded"]["scenarios"]
    change(drills)
    facts = Facts(
        today=today or kb.facts.today, digest=kb.facts.digest, text=lambda _: json.dumps(data)
    )
    text = page(kb.pages[UNSEAL].text)
    base = KnowledgeBase({UNSEAL: parse_page(UNSEAL, text)}, kb.files, kb.conventions, facts)
    return badge(base.pages[UNSEAL], base)


def test_badge_is_verified_only_while_every_claim_fits():
    assert shown().state == "verified"
    assert shown().real == ("postgres 18.6.3", "vault 2.7.2")


def test_badge_of_a_changed_step_is_stale():
    found = shown(page=lambda text: text.replace("bao operator unseal", "bao operator unseal -x"))
    assert found.state == "stale"
    assert "S2" in found.why[0]


def test_badge_of_a_red_drill_is_red():
    assert (
        shown(lambda drills: drills["vault-sealed"].update(verdict="red", reason="no")).state
        == "red"
    )


def test_badge_without_confinement_is_not_verified():
    assert shown(lambda drills: drills["vault-sealed"].update(layers=[])).state == "stale"


def test_badge_of_a_missing_scenario_is_not_verified():
    assert shown(lambda drills: drills.pop("vault-sealed")).state == "stale"


def test_badge_grows_old():
    from datetime import date

    assert shown(today=date(2028, 1, 1)).state == "old"


def test_badge_of_damaged_evidence():
    kb = open_workspace([str(ROOT)]).load()
    facts = Facts(today=kb.facts.today, digest=kb.facts.digest, text=lambda _: "{")
    base = KnowledgeBase({UNSEAL: kb.pages[UNSEAL]}, kb.files, kb.conventions, facts)
    assert badge(base.pages[UNSEAL], base).state == "damaged"
