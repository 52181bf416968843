"""Each rule's violation planted in a copy of the pages: found at its exact place, once, alone."""

import json
import os
import re
import subprocess
from datetime import datetime

import pytest
from click.testing import CliRunner
from support.base import UNSEAL, committed, edit, pages

from kbtool.cli.lint import command
from kbtool.lint.rules import RULES
from kbtool.report.formats import FORMATS

ROOT_HUB, ADR_HUB = "vibe/README.md", "vibe/ADR/README.md"
ADR, VAULT = (
    "vibe/ADR/0003-pyromark-is-the-parse-door.md",
    "vibe/guidebooks/lab-ecosystem/secrets-and-vault.md",
)
MERMAID = "vibe/ADR/0006-the-real-mermaid-judges-diagrams.md"
TRIAL = "vibe/runbooks/trial.md"
PRD, INV = "vibe/PRD/trial", "vibe/investigations/INV-900-trial"
SHAREOUT = "vibe/shareouts/2026-11-24-trial.md"
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
    "KB108": (VAULT, "> **Related**: ", "> **Related**: ⟦[parser](../../ADR/0003-pyromark-is-the-parse-door.md)⟧ · "),
    "KB109": (VAULT, "## What goes wrong\n", "## See also\n\n- ⟦[parser](../../ADR/0003-pyromark-is-the-parse-door.md)⟧\n\n## What goes wrong\n"),
    "KB201": (ADR, "[vibe](../README.md) > [ADR](README.md) > **0003 pyromark is the parse door**", "⟦[vibe](../README.md) > **0003 pyromark is the parse door**⟧"),
    "KB202": (VAULT, "## What goes wrong", "⟦# What goes wrong⟧"),
    "KB203": (ADR, "> **Deciders**: kbtool maintainers\n", ""),
    "KB204": (ADR, "> **Deciders**: kbtool maintainers", "> ⟦**Deciders:** kbtool maintainers⟧"),
    "KB205": (ADR, "> **Status**: Accepted", "> **Status**: ⟦Agreed⟧"),
    "KB206": (ADR, "> **Date**: 2026-11-24", "> **Date**: ⟦24.11.2026⟧"),
    "KB403": (ADR, "## Consequences\n", "## Results\n"),
    "KB404": (ADR_HUB, "| [0003](0003-pyromark-is-the-parse-door.md) | pyromark is the parse door, markdown-it-py its oracle | Accepted |\n", ""),
    "KB405": (ADR, "> **Related**: ", "> **Supersedes**: ⟦[ADR-0002](0002-supervisor-inside-its-own-cell.md)⟧\n> **Related**: "),
    "KB411": (f"{PRD}/STATUS.md", "| milestone | state |", "| milestone | since |"),
    "KB412": (f"{PRD}/README.md", "> **Status**: 🟡 In design", "> **Status**: ⟦🟢 Shipped⟧"),
    "KB413": (f"{PRD}/README.md", "> **Size**: small", "> **Size**: big"),
    "KB431": (SHAREOUT, "> **Date**: 2026-11-24", "> **Date**: ⟦2026-11-23⟧"),
    "KB207": (VAULT, "## What goes wrong\n", "## What goes wrong\n\nMore.\n"),
    "KB406": (ADR, "## Decision\n", "⟦## Decision⟧\n\nSomething else.\n"),
    "KB301": (MERMAID, "%%{init: {'theme':'base'}}%%\nflowchart LR", "⟦flowchart LR⟧"),
    "KB302": (MERMAID, "  child --> finding", "  ⟦child -> finding⟧"),
    "KB303": (MERMAID, "1. The rule KB302 asks", "- The rule KB302 asks"),
    "KB304": (MERMAID, "child[Child with mermaid]", "child[Offspring]"),
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
    "KB601": ("AGENTS.md", "<!-- kb-generated map -->\n\n| folder | what |", "⟦<!-- kb-generated map -->⟧\n\n| folder | why |"),
    "KB602": ("AGENTS.md", "## Operating rules\n", "## Operating rules\n\nSee `⟦kbtool/gone.py⟧` and `kbtool lint`.\n"),
    "KB603": ("AGENTS.md", "- **Hands over to**: Continuity Warden.\n\n### Site", "- **Hands over to**: ⟦Ghost Writer⟧.\n\n### Site"),
    "KB901": (VAULT, "## What goes wrong", "⟦<!-- kb-ignore KB101: none here -->⟧\n\n## What goes wrong"),
    "KB902": (VAULT, "## What goes wrong\n", "## What goes wrong\n\n⟦<!-- kb-ignore KB101 -->⟧\nSee [this](gone.md).\n"),
}  # fmt: skip
# Where a mark would have to stand in text the plant does not write: rule → (path, text of the place).
PLACES = {
    "KB303": (MERMAID, "```mermaid"),
    "KB304": (MERMAID, "1. The rule KB302 asks for the verdict on each diagram."),
    "KB107": (ROOT_HUB, "# vibe: the knowledge base"),
    "KB207": (VAULT, "2026-01-02"),
    "KB203": (ADR, "# ADR-0003: pyromark is the parse door, markdown-it-py its oracle"),
    "KB403": (ADR, "# ADR-0003: pyromark is the parse door, markdown-it-py its oracle"),
    "KB404": (ADR_HUB, "# Architecture decision records"),
    "KB411": (f"{PRD}/STATUS.md", "# Status of the trial"),
    "KB413": (f"{PRD}/README.md", "# Trial"),
    "KB220": (TRIAL, "# Trial"),
    "KB504": (TRIAL, "### S3 [AGENT] Log in"),
    "KB505": (TRIAL, "### S3 [AGENT] Log in"),
    "KB506": (TRIAL, "### S2 [HUMAN] Unseal"),
}


HISTORY = ("KB207", "KB406")  # planted into a repository: they speak of what changed


def lint(folder, *arguments):
    os.chdir(folder)
    done = CliRunner().invoke(command, ["--format", "json", *arguments], standalone_mode=False)
    assert done.exception is None, done.exception
    return json.loads(done.stdout), done.return_value


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The verdicts of this module's tests: they hang on the text judged, not on the test."""
    return tmp_path_factory.mktemp("judged")


@pytest.fixture
def base(tmp_path, judged, monkeypatch):
    monkeypatch.setenv("KBTOOL_CACHE", str(judged))
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


def selected(rule):
    """What turns on a rule that is off by default."""
    return [] if next(each for each in RULES if each.id == rule).default else ["--select", rule]


def test_the_copy_is_clean(base):
    answer, code = lint(base)
    assert (answer["findings"], code) == ([], 0)
    assert answer["version"] == 1
    assert answer["summary"]["pages"] > 10


@pytest.mark.parametrize("rule", PLANTS)
def test_planted(base, rule):
    path, old, new = PLANTS[rule]
    if rule in HISTORY:
        aged(base)
        assert lint(base)[0]["findings"] == []
    edit(base, path, old, new.replace("⟦", "").replace("⟧", ""))
    if rule == "KB510":
        edit(base, path, "|| [ $? -eq 2 ]", "-address=http://192.0.2.7")
    answer, code = lint(base, *selected(rule))
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
    assert lint(base, "--strict", *selected(rule))[1] == 1


def test_a_new_page_nobody_lists(base):
    text = "".join(
        line.replace("Secrets & Vault", "Alone")
        for line in (base / VAULT).read_text().splitlines(keepends=True)
        if "**Related**" not in line
    )
    (base / "vibe/guidebooks/lab-ecosystem/alone.md").write_text(text)
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


def aged(base):
    """Commit the copy, one page of it dated long ago."""
    text = (base / VAULT).read_text()
    (base / VAULT).write_text(re.sub(r"(?<=Last Updated\*\*: )\S+", "2026-01-02", text))
    committed(base)


def alone(base):
    """Return (rule, path, line, column) of each finding."""
    answer, _ = lint(base)
    return [(f["rule"], f["path"], f["line"], f["column"]) for f in answer["findings"]]


def test_a_status_page_that_is_missing_is_one_finding(base):
    """The README's link to it is not a second one."""
    (base / PRD / "STATUS.md").unlink()
    assert alone(base) == [("KB411", f"{PRD}/README.md", 3, 1)]


def test_an_investigation_of_another_name(base):
    (base / f"{INV}.md").rename(base / "vibe/investigations/trial.md")
    edit(base, "vibe/investigations/README.md", "(INV-900-trial.md)", "(trial.md)")
    assert alone(base) == [("KB421", "vibe/investigations/trial.md", 3, 1)]


def test_an_investigation_that_lost_its_stub(base):
    """Its pages are not orphans too."""
    (base / INV).mkdir()
    text = (base / f"{INV}.md").read_text().replace("(README.md)", "(../README.md)")
    text = text.replace("(../README.md)", "(../../README.md)", 1)
    for name in ("one", "two"):
        (base / INV / f"{name}.md").write_text(text)
    (base / f"{INV}.md").unlink()
    edit(base, "vibe/investigations/README.md", "[trial](INV-900-trial.md)", "trial")
    assert alone(base) == [("KB422", f"{INV}/one.md", 3, 1)]


def test_a_superseded_decision_is_written_everywhere(base):
    """The older record's status, and its row in the index, which that makes wrong."""
    path, old, new = PLANTS["KB405"]
    edit(base, path, old, new.replace("⟦", "").replace("⟧", ""))
    lint(base, "--fix")
    by = "Superseded by [ADR-0003](0003-pyromark-is-the-parse-door.md)"
    older = (base / "vibe/ADR/0002-supervisor-inside-its-own-cell.md").read_text()
    assert f"> **Status**: {by}\n" in older
    assert f"cell | {by} |\n" in (base / ADR_HUB).read_text()


def added(base, name):
    """A copy of a record under another name, listed by the hub."""
    text = (base / ADR).read_text()
    kept = [line for line in text.splitlines(True) if not re.match(r"> \*\*(Rel|Impl)", line)]
    (base / "vibe/ADR" / name).write_text("".join(kept))
    edit(
        base,
        ADR_HUB,
        "\n\n## When to write one",
        f"\n| [copy]({name}) | copy | Accepted |\n\n## When to write one",
    )


def test_a_record_with_another_form_of_name(base):
    added(base, "42-Copy.md")
    (finding,) = lint(base)[0]["findings"]
    assert (finding["rule"], finding["path"], finding["line"]) == (
        "KB401",
        "vibe/ADR/42-Copy.md",
        3,
    )
    assert "0042-copy.md" in finding["help"]


def test_two_records_of_one_number(base):
    added(base, "0003-a-copy.md")
    (finding,) = lint(base)[0]["findings"]
    assert (finding["rule"], finding["path"], finding["line"]) == ("KB402", ADR, 3)
    assert "vibe/ADR/0003-a-copy.md" in finding["message"]


def test_a_second_lint_starts_no_child(base, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("KBTOOL_CACHE", str(tmp_path_factory.mktemp("own")))
    started = []
    start = subprocess.Popen

    def counted(*arguments, **options):
        started.append(arguments[0])
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", counted)
    lint(base)
    assert [argv for argv in started if "worker.py" in " ".join(argv)]
    started.clear()
    lint(base)
    assert [argv for argv in started if argv[0] != "git"] == []  # history is read anew each time
    lint(base, "--no-cache")
    assert [argv for argv in started if "worker.py" in " ".join(argv)]


def test_a_lint_without_the_engine_says_so_once(base, monkeypatch):
    edit(base, MERMAID, "child --> finding", "child -> finding")
    monkeypatch.setattr("kbtool.adapters.mermaid.child.LIBRARY", "no_such_engine")
    os.chdir(base)
    done = CliRunner().invoke(command, ["--no-cache"], standalone_mode=False)
    assert (done.return_value, done.stderr.count("diagrams are not judged")) == (0, 1)


@pytest.mark.parametrize("form", FORMATS)
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
    apart = {"KB001", "KB106", "KB401", "KB402", "KB421", "KB422"}  # the tests above
    apart |= {"KB110"}  # asks other hosts: tests/adapters/test_external.py has one
    assert {rule.id for rule in RULES} == {*PLANTS, *apart}


# What a fix writes, where that is not the text as it was: rule → (path if another, text).
MENDED = {
    "KB104": (None, "[this](README.md)"),
    "KB107": (None, "(guidebooks/README.md)"),
    "KB108": (ADR, "[Secrets & Vault](../guidebooks/lab-ecosystem/secrets-and-vault.md)"),
    "KB405": (
        "vibe/ADR/0002-supervisor-inside-its-own-cell.md",
        "Superseded by [ADR-0003](0003-pyromark-is-the-parse-door.md)",
    ),
}
FIXABLE = [rule.id for rule in RULES if rule.fixable]


@pytest.mark.parametrize("rule", FIXABLE)
def test_fix_mends_and_a_second_run_changes_nothing(base, rule):
    path, old, new = PLANTS[rule]
    if rule == "KB205":
        new = "> **Status**: accepted"  # only the case can be mended
    if rule == "KB206":
        new = "> **Date**: 2026/11/24"
    before = (base / path).read_text()
    if rule in HISTORY:
        aged(base)
    edit(base, path, old, new.replace("⟦", "").replace("⟧", ""))
    answer, code = lint(base, "--fix")
    assert (answer["findings"], code) == ([], 0)
    assert answer["summary"]["fixed"] == 1
    mended = (base / path).read_text()
    if rule in MENDED:
        other, text = MENDED[rule]
        assert text in (base / (other or path)).read_text()
    elif rule == "KB207":
        assert f"> **Last Updated**: {datetime.now().astimezone().date()}\n" in mended
    elif rule == "KB901":
        assert "kb-ignore" not in mended
    else:
        assert mended == before
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
