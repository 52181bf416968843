"""`kbtool agents`: what AGENTS.md says is true, and stays so."""

import json

import pytest
from click.testing import CliRunner
from support.base import edit, pages

from kbtool.cli.agents import command
from kbtool.commands import COMMANDS


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.chdir(pages(tmp_path))
    return tmp_path


def agents(*arguments):
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def test_sync_writes_the_sections_and_a_second_time_nothing(base):
    text = (base / "AGENTS.md").read_text()
    edit(
        base,
        "AGENTS.md",
        "| folder | what |\n| --- | --- |\n| [vibe/ADR/]",
        "stale\n\n| [vibe/ADR/]",
    )
    assert agents("check").return_value == 1
    done = agents("sync", "--format", "json")
    assert (done.return_value, json.loads(done.stdout)["changed"]) == (0, ["AGENTS.md"])
    assert (base / "AGENTS.md").read_text() == text
    again = agents("sync", "--format", "json")
    assert (again.return_value, json.loads(again.stdout)["changed"]) == (0, [])
    assert agents("sync").stdout == "AGENTS.md: already current\n"
    assert agents("check").return_value == 0


def test_check_reports_only_what_agents_md_says(base):
    edit(
        base,
        "AGENTS.md",
        "## Operating rules\n",
        "## Operating rules\n\n`kbtool lnt`, `vibe/gone.md`\n",
    )
    with (base / "vibe/README.md").open("a") as hub:
        hub.write("\n[dead](gone.md)\n")
    done = agents("check", "--format", "json")
    found = json.loads(done.stdout)["findings"]
    assert [(f["rule"], f["path"]) for f in found] == [("KB602", "AGENTS.md")] * 2
    assert "did you mean lint?" in found[0]["help"]
    assert done.return_value == 1


def test_sync_leaves_the_rest_alone(base):
    edit(base, "AGENTS.md", "## Operating rules\n", "## Operating rules\n\n`vibe/gone.md`\n")
    edit(
        base,
        "AGENTS.md",
        "<!-- kb-generated commands -->\n",
        "<!-- kb-generated commands -->\n\nstale\n",
    )
    assert agents("sync").return_value == 0
    assert "`vibe/gone.md`" in (base / "AGENTS.md").read_text()
    assert "stale" not in (base / "AGENTS.md").read_text()


def test_the_table_has_every_command(base):
    text = (base / "AGENTS.md").read_text()
    for name, entry in COMMANDS.items():
        assert f"| {entry.job} | `kbtool {name}` | {entry.help} |" in text


def test_without_sections_one_is_told_how(base):
    (base / "AGENTS.md").write_text("# Agents\n\n[vibe](vibe/README.md)\n")
    done = agents("sync")
    assert done.return_value == 0
    assert "<!-- kb-generated map -->" in done.stderr


def test_without_agents_md_or_base(base, tmp_path_factory, monkeypatch):
    (base / "AGENTS.md").unlink()
    assert "no AGENTS.md" in agents("check").exception.message
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    assert "no knowledge base" in agents("check").exception.message
