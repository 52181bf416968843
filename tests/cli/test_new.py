"""`kbtool new` in a scratch repository: each kind, then lint."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from support.base import pages

from kbtool.cli.lint import command as lint_command
from kbtool.cli.new import command
from kbtool.scaffold.kinds import KINDS

KEYS = {
    "version": int,
    "kind": str,
    "path": str,
    "title": str,
    "number": (str, type(None)),
    "written": bool,
    "created": list,
    "changed": list,
    "fill": list,
    "places": list,
    "findings": list,
    "texts": dict,
}


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """A repository with an empty base, and an AGENTS.md that maps it."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "vibe").mkdir()
    (tmp_path / "AGENTS.md").write_text(
        "# Agents\n\n<!-- kb-generated map -->\n\n| folder | what |\n| --- | --- |\n\n<!-- /kb-generated -->\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments, code=0, **kwargs):
    done = CliRunner().invoke(
        command, [*arguments, "--format", "json"], standalone_mode=False, **kwargs
    )
    assert done.exception is None, done.exception
    assert done.return_value == code, done.output
    return json.loads(done.stdout)


def refused(*arguments, **kwargs):
    done = CliRunner().invoke(command, list(arguments), standalone_mode=False, **kwargs)
    assert done.exception is not None, done.output
    return done.exception.message


def findings():
    done = CliRunner().invoke(lint_command, ["--format", "json"], standalone_mode=False)
    return json.loads(done.stdout)["findings"]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_page_of_each_kind_lints_clean(scratch, kind):
    answer = new(kind, "A first page")
    assert findings() == []
    assert answer["findings"] == []
    assert (scratch / answer["path"]).is_file()
    assert answer["fill"]
    assert "AGENTS.md" in answer["changed"]
    assert KINDS[kind].folder in (scratch / "AGENTS.md").read_text()


def test_all_kinds_one_after_the_other(scratch):
    for number in (1, 2):
        for kind in KINDS:
            answer = new(
                kind, f"Page {number} of kind {kind}", *(["--big"] if kind == "prd" else [])
            )
            for path in answer["created"]:
                assert answer["path"] == path or path in answer["created"]
    new(
        "guidebook",
        "A page",
        "--into",
        "page-1-of-kind-guidebook",
        "--related",
        "0001-page-1-of-kind-adr",
    )
    assert findings() == []
    text = (scratch / "vibe/ADR/0001-page-1-of-kind-adr.md").read_text()
    assert "**Related**: [A page](../guidebooks/page-1-of-kind-guidebook/a-page.md)" in text
    rows = (scratch / "vibe/ADR/README.md").read_text()
    assert "| [0001](0001-page-1-of-kind-adr.md) | Page 1 of kind adr | Proposed |" in rows
    assert rows.index("0001-") < rows.index("0002-")


def test_the_answer(scratch):
    answer = new("adr", "Why", "`kbtool lint`", "Wins")
    assert {key: type(value) for key, value in answer.items()} == {
        key: str if key == "number" else kind for key, kind in KEYS.items()
    }
    assert answer["version"] == 1
    assert (answer["path"], answer["number"]) == ("vibe/ADR/0001-why-kbtool-lint-wins.md", "0001")
    assert answer["title"] == "ADR-0001: Why `kbtool lint` Wins"
    assert answer["created"] == [answer["path"], "vibe/ADR/README.md", "vibe/README.md"]
    assert answer["fill"][:4] == ["Deciders", "Context", "Decision", "Consequences"]
    text = (scratch / answer["path"]).read_text().split("\n")
    for place in answer["places"]:
        assert set(place) == {"name", "path", "line", "column", "hint"}
        if place["path"] == answer["path"]:
            assert text[place["line"] - 1][place["column"] - 1 :].startswith("_…")


def test_what_a_person_reads(scratch):
    done = CliRunner().invoke(command, ["runbook", "Empty the queue"], standalone_mode=False)
    assert done.stdout.splitlines() == [
        "wrote vibe/runbooks/empty-the-queue.md",
        "with: vibe/README.md, vibe/runbooks/README.md, AGENTS.md",
        "fill: Introduction, Guards, S1 [AGENT] Look at the state, "
        "S2 [HUMAN] Confirm that it is well again, ../README.md: Introduction",
    ]


def test_a_dry_run_shows_all_and_writes_nothing(scratch):
    before = files(scratch)
    answer = new("prd", "X", "--big", "--dry-run")
    assert files(scratch) == before
    assert answer["written"] is False
    assert set(answer["texts"]) == {*answer["created"], *answer["changed"]}
    shown = CliRunner().invoke(command, ["prd", "X", "--big", "--dry-run"], standalone_mode=False)
    assert "+++ b/vibe/PRD/x/STATUS.md" in shown.stdout
    assert "would write vibe/PRD/x/README.md" in shown.stdout
    assert files(scratch) == before
    wet = new("prd", "X", "--big")
    for path, text in answer["texts"].items():
        assert (scratch / path).read_text() == text
    assert {**wet, "written": False, "texts": answer["texts"]} == answer


def test_a_text_from_standard_input(scratch):
    text = "\ufeff# Our own\r\n\r\n**Status:** Accepted\r\n**Deciders:** us\r\n\r\n## Context\r\n\r\nc\r\n\r\n## Decision\r\n\r\nd\r\n\r\n## Consequences\r\n\r\n- e\r\n"
    answer = new("adr", "Use it", "--from", "-", input=text)
    assert answer["fill"] == ["../README.md: Introduction"]
    page = (scratch / "vibe/ADR/0001-use-it.md").read_text()
    assert page.partition("\n\n")[2].startswith(
        "# ADR-0001: Our own\n\n> **Status**: Accepted\n> **Date**: "
    )
    assert "\r" not in page
    assert findings() == []


def test_a_text_with_a_fault_is_written_and_the_fault_told(scratch):
    (scratch / "notes.md").write_text("See [this](gone.md).\n")
    answer = new("guidebook", "X", "--from", "notes.md", code=1)
    assert [(f["rule"], f["path"]) for f in answer["findings"]] == [("KB101", answer["path"])]
    assert (scratch / answer["path"]).is_file()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "holds no text"),
        (b" \n", "holds no text"),
        (b"a\0b", "holds no text"),
        (b"\xff", "not UTF-8"),
        (b"x" * (10 * 1024 * 1024 + 1), "too large"),
    ],
    ids=["empty", "blank", "nul", "latin", "large"],
)
def test_what_is_no_text(scratch, raw, why):
    assert why in refused("adr", "X", "--from", "-", input=raw)
    assert why in (refused("adr", "X", "--from", "f") if (scratch / "f").write_bytes(raw) else why)
    assert not list((scratch / "vibe").iterdir())


def test_a_file_that_is_not_there(scratch):
    assert "cannot be read" in refused("adr", "X", "--from", "gone.md")
    assert "cannot be read" in refused("adr", "X", "--from", "vibe")


def test_usage(scratch):
    new("adr", "One")
    before = files(scratch)
    for arguments, why in [
        (("adr", "One"), "has this title already"),
        (("adr", "…"), "no file name"),
        (("runbook", "../x"), "is a path"),
        (("adr", "X", "--date", "tomorrow"), "is no date"),
        (("adr", "X", "--related", "0001-on.md"), "there is no page '0001-on.md'"),
        (("adr", "X", "--related", "/etc/passwd"), "there is no page"),
        (("guidebook", "X", "--into", "mail"), "there is no guidebook"),
        (("novel", "X"), "'novel' is not one of"),
    ]:
        assert why in refused(*arguments), arguments
    assert files(scratch) == before


def test_no_base_no_page(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "there is no folder vibe/" in refused("adr", "X")
    (tmp_path / "kbtool.toml").write_text('preset = "plain"\n')
    (tmp_path / "vibe").mkdir()
    assert "the preset plain" in refused("adr", "X")


def test_from_a_folder_below_and_a_base_of_another_name(scratch, monkeypatch):
    (scratch / "kbtool.toml").write_text('base = "docs/kb"\nheader = "list"\n')
    (scratch / "docs/kb").mkdir(parents=True)
    monkeypatch.chdir(scratch / "docs")
    answer = new("inv", "Why")
    assert answer["path"] == "docs/kb/investigations/INV-001-why.md"
    assert "\n- **Status**: Open\n" in (scratch / answer["path"]).read_text()
    related = new("adr", "Then", "--related", "kb/investigations/INV-001-why.md")
    assert answer["path"] in related["changed"]
    assert findings() == []


def test_nothing_is_written_when_one_file_cannot_be(scratch):
    new("adr", "One")
    before = files(scratch)
    os.remove(scratch / "vibe/README.md")
    (scratch / "vibe/README.md").symlink_to("/nowhere/README.md")
    (scratch / "vibe/ADR/0002-two.md").symlink_to("nowhere.md")
    assert "0002-two.md" in refused("adr", "Two")
    os.remove(scratch / "vibe/ADR/0002-two.md")
    os.remove(scratch / "vibe/README.md")
    (scratch / "vibe/README.md").write_bytes(before[scratch / "vibe/README.md"])
    assert files(scratch) == before


def test_in_this_repositorys_own_pages(tmp_path, monkeypatch):
    """With its templates, its hubs and its words for them; a new runbook plans at once."""
    monkeypatch.chdir(pages(tmp_path))
    for kind in KINDS:
        answer = new(kind, f"A brand new {kind}")
        assert answer["findings"] == []
        assert answer["fill"], kind
    assert findings() == []
    done = subprocess.run(
        [sys.executable, "-m", "kbtool", "plan", "a-brand-new-runbook"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "S1 [AGENT]" in done.stdout
