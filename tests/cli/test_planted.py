"""Each rule's violation planted in a copy of the pages: found at its exact place, once, alone."""

import json
import os
import re

import pytest
from click.testing import CliRunner
from support.base import UNSEAL, edit, pages

from kbtool.cli.lint import command
from kbtool.lint.rules import RULES

ROOT_HUB, ADR_HUB = "vibe/README.md", "vibe/ADR/README.md"
ADR, VAULT = (
    "vibe/ADR/0003-pyromark-is-the-parse-door.md",
    "vibe/guidebooks/lab-ecosystem/secrets-and-vault.md",
)
TRIAL = "vibe/runbooks/trial.md"
FRENCH = (
    "Cette procédure remet le coffre en service après une coupure de courant. Regardez d'abord dans "
    "quel état il se trouve, puis faites saisir la clé par la personne qui la garde, et attendez que "
    "l'opérateur soit de nouveau connecté avant de relancer quoi que ce soit."
)
TOKEN = "hvs." + "CAESIJ8kq2vT0yWbR4mXz9LdPfHu"  # put together, so that no scanner finds it here

# rule → (path, old, new with the place marked ⟦so⟧). An empty place is ⟦⟧.
PLANTS = {
    "KB101": (VAULT, "## What goes wrong\n", "## What goes wrong\n\nSee [this](⟦gone.md⟧).\n"),
    "KB102": (VAULT, "## What goes wrong\n", "## What goes wrong\n\nSee [this](⟦#no-such-heading⟧).\n"),
    "KB103": (VAULT, "## What goes wrong\n", "## What goes wrong\n\nSee ⟦[this][nowhere]⟧.\n"),
    "KB104": (VAULT, "## What goes wrong\n", "## What goes wrong\n\nSee [this](⟦readme.md⟧).\n"),
    "KB105": (VAULT, "## What goes wrong\n", "## What goes wrong\n\nSee [this](⟦../../../../x.md⟧).\n"),
    "KB107": (ROOT_HUB, "| [Guidebooks](guidebooks/README.md) |", "| Guidebooks |"),
    "KB201": (ADR, "[vibe](../README.md) > [ADR](README.md) > **0003 pyromark is the parse door**", "⟦[vibe](../README.md) > **0003 pyromark is the parse door**⟧"),
    "KB202": (VAULT, "## What goes wrong", "⟦# What goes wrong⟧"),
    "KB203": (ADR, "> **Deciders**: kbtool maintainers\n", ""),
    "KB204": (ADR, "> **Deciders**: kbtool maintainers", "> ⟦**Deciders:** kbtool maintainers⟧"),
    "KB205": (ADR, "> **Status**: Accepted", "> **Status**: ⟦Agreed⟧"),
    "KB206": (ADR, "> **Date**: 2026-11-24", "> **Date**: ⟦24.11.2026⟧"),
    "KB210": (VAULT, "## What goes wrong\n", "## What goes wrong\n\n⟦This section has moved to [the decisions](../../ADR/README.md).⟧\n"),
    "KB220": (TRIAL, "## Guards\n", f"{FRENCH}\n\n## Guards\n"),
    "KB230": (VAULT, "## What goes wrong\n", f"## What goes wrong\n\nThe token is ⟦{TOKEN}⟧.\n"),
    "KB501": (TRIAL, "### S1 [AGENT] Look", "⟦### S1 [AGENT]: Look⟧"),
    "KB502": (TRIAL, "- **Needs**: S2", "- **⟦Nedes⟧**: S2"),
    "KB503": (TRIAL, "### S2 [HUMAN] Unseal\n\n- **Who**: key holder · **When**", "⟦### S2 [HUMAN] Unseal⟧\n\n- **When**"),
    "KB504": (TRIAL, "\n- **Expect**: `exit 0`\n", ""),
    "KB505": (TRIAL, '```bash\nbao write auth/approle/login role_id=@"$KB_SECRETS/ERP_ROLE_ID"\n```', "In words."),
    "KB506": (TRIAL, "- **Stand-in**: types `UNSEAL_KEY`\n", ""),
    "KB507": (TRIAL, "- **Expect**: `exit 0`", "- **Expect**: ⟦`exit zero`⟧"),
    "KB508": (TRIAL, "- **Needs**: S2", "- **Needs**: ⟦S4⟧"),
    "KB509": (TRIAL, "bao status || [ $? -eq 2 ]\n", "bao status || (\n"),
    "KB510": (TRIAL, "bao operator unseal", "bao operator unseal"),
    "KB511": (TRIAL, 'role_id=@"$KB_SECRETS/ERP_ROLE_ID"', 'role_id="⟦$(cat "$KB_SECRETS/ERP_ROLE_ID")⟧"'),
    "KB512": (TRIAL, "**When**: `$SEALED == true`", "**When**: ⟦`$SELED == true`⟧"),
    "KB513": (UNSEAL, "umask 077\n", "umask 077; true\n"),
    "KB901": (VAULT, "## What goes wrong", "⟦<!-- kb-ignore KB101: none here -->⟧\n\n## What goes wrong"),
    "KB902": (VAULT, "## What goes wrong\n", "## What goes wrong\n\n⟦<!-- kb-ignore KB101 -->⟧\nSee [this](gone.md).\n"),
}  # fmt: skip
# Where a mark would have to stand in text the plant does not write: rule → (path, text of the place).
PLACES = {
    "KB107": (ROOT_HUB, "# vibe: the knowledge base"),
    "KB203": (ADR, "# ADR-0003: pyromark is the parse door, markdown-it-py its oracle"),
    "KB220": (TRIAL, "# Trial"),
    "KB504": (TRIAL, "### S3 [AGENT] Log in"),
    "KB505": (TRIAL, "### S3 [AGENT] Log in"),
    "KB506": (TRIAL, "### S2 [HUMAN] Unseal"),
}


def lint(folder, *arguments):
    os.chdir(folder)
    done = CliRunner().invoke(command, ["--format", "json", *arguments], standalone_mode=False)
    assert done.exception is None, done.exception
    return json.loads(done.stdout), done.return_value


@pytest.fixture
def base(tmp_path):
    home = os.getcwd()
    yield pages(tmp_path)
    os.chdir(home)


def place(text, start, end):
    """Offsets → line and column as the report counts them."""
    return tuple(
        (text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1) for at in (start, end)
    )


def reported(finding):
    return (finding["line"], finding["column"]), (finding["end_line"], finding["end_column"])


def test_the_copy_is_clean(base):
    answer, code = lint(base)
    assert (answer["findings"], code) == ([], 0)
    assert answer["version"] == 1
    assert answer["summary"]["pages"] > 10


@pytest.mark.parametrize("rule", PLANTS)
def test_planted(base, rule):
    path, old, new = PLANTS[rule]
    edit(base, path, old, new.replace("⟦", "").replace("⟧", ""))
    if rule == "KB510":
        edit(base, path, "|| [ $? -eq 2 ]", "-address=http://192.0.2.7")
    answer, code = lint(base)
    assert [finding["rule"] for finding in answer["findings"]] == [rule]
    (finding,) = answer["findings"]
    assert finding["path"] == path
    text = (base / path).read_text()
    if "⟦" in new:
        start = text.index(
            new[: new.index("⟦")] + new[new.index("⟦") + 1 :].replace("⟧", "")
        ) + new.index("⟦")
        marked = new[new.index("⟦") + 1 : new.index("⟧")]
        assert reported(finding) == place(text, start, start + len(marked))
    elif rule in PLACES:
        start = text.index(PLACES[rule][1])
        assert reported(finding) == place(text, start, start + len(PLACES[rule][1]))
    assert code == (1 if finding["severity"] == "error" else 0)
    assert lint(base, "--strict")[1] == 1


def test_a_new_page_nobody_lists(base):
    text = (base / VAULT).read_text()
    (base / "vibe/guidebooks/lab-ecosystem/alone.md").write_text(
        text.replace("Secrets & Vault", "Alone")
    )
    answer, _ = lint(base)
    assert [(f["rule"], f["path"]) for f in answer["findings"]] == [
        ("KB107", "vibe/guidebooks/lab-ecosystem/README.md")
    ]


def test_an_orphan_in_a_folder_without_a_hub(base):
    """KB107 has no hub to speak of, so KB106 does."""
    folder = base / "vibe/loose"
    folder.mkdir()
    text = "[vibe](../README.md) > **Loose**\n\n# Loose\n\n> **Status**: Draft\n> **Last Updated**: 2026-11-24\n"
    (folder / "a.md").write_text(text)
    answer, _ = lint(base)
    assert [(f["rule"], f["path"]) for f in answer["findings"]] == [("KB106", "vibe/loose/a.md")]


def test_an_unreadable_page(base):
    (base / VAULT).write_bytes(b"# \xff\xfe\n")
    answer, _ = lint(base, VAULT)
    assert [(f["rule"], f["line"], f["column"]) for f in answer["findings"]] == [("KB001", 1, 1)]


@pytest.mark.parametrize("form", ["text", "concise", "json"])
def test_no_report_shows_a_secret(base, form):
    """Neither its own finding nor another one on the same line."""
    old, line = "## What goes wrong\n", f"The token is {TOKEN}, see [this](gone.md).\n"
    edit(base, VAULT, old, f"{old}\n{line}")
    os.chdir(base)
    done = CliRunner().invoke(command, ["--format", form], standalone_mode=False)
    assert {"KB101", "KB230"} <= set(re.findall("KB[0-9]{3}", done.output))
    assert TOKEN[:12] not in done.output
    if form == "text":
        assert "The token is " + len(TOKEN) * "•" + ", see [this](gone.md)." in done.output


def test_every_rule_is_planted():
    apart = {"KB001", "KB106"}  # the two tests above
    assert {rule.id for rule in RULES} == {*PLANTS, *apart}


FIXABLE = [rule.id for rule in RULES if rule.fixable]


@pytest.mark.parametrize("rule", FIXABLE)
def test_fix_mends_and_a_second_run_changes_nothing(base, rule):
    path, old, new = PLANTS[rule]
    if rule == "KB205":
        new = "> **Status**: accepted"  # only the case can be mended
    if rule == "KB206":
        new = "> **Date**: 2026/11/24"
    before = (base / path).read_text()
    edit(base, path, old, new.replace("⟦", "").replace("⟧", ""))
    answer, code = lint(base, "--fix")
    assert (answer["findings"], code) == ([], 0)
    assert answer["summary"]["fixed"] == 1
    mended = (base / path).read_text()
    if rule not in ("KB104", "KB107", "KB901"):
        assert mended == before
    elif rule == "KB104":
        assert "[this](README.md)" in mended
    elif rule == "KB107":
        assert "(guidebooks/README.md)" in mended
    else:
        assert "kb-ignore" not in mended
    again, _ = lint(base, "--fix")
    assert again["summary"]["fixed"] == 0
    assert (base / path).read_text() == mended


def test_all_plants_at_once_and_fix_leaves_only_what_it_cannot(base):
    """A fix never makes another finding, and never loses one it did not mend."""
    for rule in ("KB101", "KB204", "KB205", "KB107", "KB511"):
        path, old, new = PLANTS[rule]
        edit(base, path, old, new.replace("⟦", "").replace("⟧", ""))
    before, _ = lint(base)
    after, _ = lint(base, "--fix")
    found = {finding["rule"] for finding in before["findings"]}
    assert found == {"KB101", "KB204", "KB205", "KB107", "KB511"}
    assert {finding["rule"] for finding in after["findings"]} == {"KB101", "KB205", "KB511"}
