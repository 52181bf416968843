"""What `kbtool lint` can be asked for beside its findings, on a small base in a real repository."""

import json
import subprocess
import time
from datetime import UTC, datetime

import pytest
from support.git import Repo
from support.terminal import Terminal

from kbtool.adapters.changes import changed_files
from kbtool.adapters.git import GitError
from kbtool.cli import answer as kbtool

DAY = datetime.now(UTC).date()


def page(title, body, up="[vibe](README.md) > "):
    return f"{up}**{title}**\n\n# {title}\n\n> **Status**: Draft\n> **Last Updated**: {DAY}\n\n{body}\n"


HUB = page("vibe", "- [a](a.md)\n- [b](b.md)", up="[AGENTS.md](../AGENTS.md) > ")
AGENTS = "# Agents\n\nSee [vibe](vibe/README.md).\n"


@pytest.fixture
def repo(tmp_path, monkeypatch):
    repo = Repo(tmp_path / "r")
    repo.write("AGENTS.md", AGENTS)
    repo.write("kbtool.toml", "")
    repo.write("vibe/README.md", HUB)
    repo.write("vibe/a.md", page("A", "One."))
    repo.write("vibe/b.md", page("B", "Two."))
    repo.commit()
    monkeypatch.chdir(repo.folder)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return repo


@pytest.fixture
def lint(repo, capfd):
    def lint(*arguments, command="lint"):
        code = kbtool([command, *arguments])
        out, err = capfd.readouterr()
        assert "this is a bug" not in err, err
        return code, out, err

    return lint


def places(out):
    return [line.split()[:2] for line in out.splitlines()]


def broken(repo, *names):
    for name in names:
        repo.write(f"vibe/{name}.md", page(name.upper(), "See [this](gone.md)."))


def test_the_base_is_clean(lint):
    assert lint() == (0, "4 pages, no findings\n", "")


# ---------------------------------------------------------------------- --diff
def test_a_diff_is_what_fix_writes_and_nothing_is_written(repo, lint, tmp_path):
    repo.write("vibe/a.md", page("A", "One.").replace("**Status**:", "**Status:**"))
    repo.write(
        "vibe/b.md", page("B", "Two.").replace("**Status**:", "**Status:**").replace("\n", "\r\n")
    )
    repo.write("vibe/c.md", page("C", "Three.\n\n[x](gone.md)").rstrip("\n"))
    before = {path.name: path.read_bytes() for path in (repo.folder / "vibe").iterdir()}
    code, out, err = lint("--diff")
    assert code == 1
    assert "--fix would mend 3 of 4 findings, in 3 pages" in err
    assert {path.name: path.read_bytes() for path in (repo.folder / "vibe").iterdir()} == before
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "vibe").mkdir()
    for name, data in before.items():
        (copy / "vibe" / name).write_bytes(data)
    subprocess.run(["git", "apply", "-"], input=out.encode(), cwd=copy, check=True)
    assert lint("--fix")[0] == 1
    for path in (repo.folder / "vibe").iterdir():
        assert (copy / "vibe" / path.name).read_bytes() == path.read_bytes(), path.name
    assert lint("--diff")[1] == ""


def test_a_diff_of_a_page_that_ends_without_a_line_feed(repo, lint):
    repo.write("vibe/a.md", page("A", "One.").replace("**Status**:", "**Status:**").rstrip("\n"))
    _, out, _ = lint("--diff")
    subprocess.run(["git", "apply", "-"], input=out.encode(), cwd=repo.folder, check=True)
    assert (repo.folder / "vibe/a.md").read_text() == page("A", "One.").rstrip("\n")


def test_a_diff_shows_no_secret(repo, lint):
    token = "hvs." + "CAESIJ8kq2vT0yWbR4mXz9LdPfHu"
    text = page("A", f"> **Note** x\n\nThe token is {token}.")
    repo.write("vibe/a.md", text.replace(f"{DAY}\n\n", f"{DAY}\n> **Date:** {DAY} {token}\n\n"))
    code, out, _ = lint("--diff")
    assert code == 1
    assert "+++ b/vibe/a.md" in out
    assert token[:12] not in out


# ---------------------------------------------------------------------- --changed
def test_changed_reports_what_this_work_changed(repo, lint):
    broken(repo, "a")
    repo.commit()
    repo("checkout", "-q", "-b", "work")
    assert lint("--changed", "--format", "concise")[:2] == (0, "")
    broken(repo, "b")
    committed = [["vibe/b.md:8:12:", "KB101"]]
    assert places(lint("--changed", "--format", "concise")[1]) == committed  # not committed
    repo.commit()
    assert places(lint("--changed", "--format", "concise")[1]) == committed
    assert places(lint("--changed=HEAD", "--format", "concise")[1]) == []
    assert places(lint("--changed=HEAD~2", "--format", "concise")[1]) == [
        ["vibe/a.md:8:12:", "KB101"],
        *committed,
    ]
    assert places(lint("vibe/a.md", "--changed=HEAD~2", "--format", "concise")[1]) == [
        ["vibe/a.md:8:12:", "KB101"]
    ]
    assert json.loads(lint("--changed", "--format", "json")[1])["summary"]["pages"] == 1


def test_changed_knows_new_pages_and_what_a_change_breaks_elsewhere(repo, lint):
    repo.write("vibe/README.md", HUB)
    repo.write("vibe/new.md", page("New", "See [this](gone.md)."))
    found = places(lint("--changed", "--format", "concise")[1])
    assert found == [["vibe/README.md:3:1:", "KB107"], ["vibe/new.md:8:12:", "KB101"]]
    (repo.folder / "vibe/new.md").unlink()
    (repo.folder / "vibe/b.md").unlink()
    assert places(lint("--changed", "--format", "concise")[1]) == [["vibe/README.md:9:7:", "KB101"]]


def test_changed_mends_only_what_changed(repo, lint):
    for name in "ab":
        text = page(name.upper(), "Text.").replace("**Status**:", "**Status:**")
        repo.write(f"vibe/{name}.md", text)
        if name == "a":
            repo.commit()
    assert lint("--changed", "--fix")[0] == 0
    assert "**Status:**" in (repo.folder / "vibe/a.md").read_text()
    assert "**Status**:" in (repo.folder / "vibe/b.md").read_text()


def test_changed_in_a_project_below_its_repository(repo, lint, monkeypatch):
    (repo.folder / "docs").mkdir()
    repo("mv", "vibe", "kbtool.toml", "AGENTS.md", "docs/")
    repo.commit()
    repo.write("docs/vibe/a.md", page("A", "See [this](gone.md)."))
    monkeypatch.chdir(repo.folder / "docs")
    assert places(lint("--changed", "--format", "concise")[1]) == [["vibe/a.md:8:12:", "KB101"]]
    monkeypatch.setenv("GITHUB_WORKSPACE", str(repo.folder))
    assert "file=docs/vibe/a.md," in lint("--format", "github")[1]
    monkeypatch.setenv("GITHUB_WORKSPACE", str(repo.folder / "docs"))
    assert "file=vibe/a.md," in lint("--format", "github")[1]


@pytest.mark.parametrize("base", ["nowhere", "vibe", "HEAD:vibe"])
def test_changed_since_nothing_git_knows(lint, base):
    code, out, err = lint(f"--changed={base}")
    assert (code, out) == (2, "")
    assert "git knows no revision" in err
    assert "paths go first" in err


def test_a_base_is_no_option_of_git(repo):
    with pytest.raises(GitError, match="no revision '--output=x'"):
        changed_files(repo.folder, "--output=x", "")
    assert not (repo.folder / "x").exists()


def test_changed_without_git(repo, lint):
    subprocess.run(["rm", "-rf", ".git"], check=True)
    code, _, err = lint("--changed")
    assert code == 2
    assert "what changed is not known: not a git repository" in err


def test_changed_before_the_first_commit(repo, lint):
    subprocess.run(["rm", "-rf", ".git"], check=True)
    Repo(repo.folder)
    broken(repo, "a")
    assert places(lint("--changed", "--format", "concise")[1]) == [["vibe/a.md:8:12:", "KB101"]]


# ---------------------------------------------------------------------- --baseline
def test_a_baseline_may_only_shrink(repo, lint):
    broken(repo, "a", "b")
    assert lint("--baseline", "known.json")[0] == 2
    assert lint("--baseline", "known.json", "--update-baseline")[0] == 0
    first = (repo.folder / "known.json").read_text()
    assert first.count("KB101") == 2
    code, out, err = lint("--baseline", "known.json", "--strict")
    assert (code, err) == (0, "")
    assert out == "4 pages, no findings, 2 in the baseline\n"
    numbers = json.loads(lint("--baseline", "known.json", "--format", "json")[1])["summary"]
    assert (numbers["errors"], numbers["baseline"]) == (0, 2)

    broken(repo, "README")  # something new is reported, and an update does not take it in
    repo.write("vibe/README.md", HUB.replace("- [b]", "- [x](lost.md)\n- [b]"))
    code, out, _ = lint("--baseline", "known.json", "--update-baseline", "--format", "concise")
    assert (code, places(out)) == (1, [["vibe/README.md:9:7:", "KB101"]])
    assert (repo.folder / "known.json").read_text() == first
    repo.write("vibe/README.md", HUB)

    repo.write("vibe/b.md", page("B", "Mended."))
    code, _, err = lint("--baseline", "known.json")
    assert code == 0
    assert "known.json: found no more: KB101 in vibe/b.md (--update-baseline takes" in err
    assert lint("--baseline", "known.json", "--strict")[0] == 1
    assert lint("--baseline", "known.json", "--update-baseline", "--strict")[0] == 0
    assert (repo.folder / "known.json").read_text().count("KB101") == 1
    broken(repo, "b")
    assert lint("--baseline", "known.json")[0] == 1


def test_a_baseline_in_part(repo, lint):
    """A run that looks at less says nothing of the rest, and leaves it in the file."""
    broken(repo, "a", "b")
    lint("--baseline", "known.json", "--update-baseline")
    before = (repo.folder / "known.json").read_text()
    for name in "ab":
        repo.write(f"vibe/{name}.md", page(name.upper(), "Mended."))
    for part in (["--select", "KB204"], ["--changed=HEAD", "vibe/README.md"][1:]):
        code, _, err = lint(*part, "--baseline", "known.json", "--update-baseline")
        assert (code, err) == (0, "")
        assert (repo.folder / "known.json").read_text() == before
    lint("vibe/a.md", "--baseline", "known.json", "--update-baseline")
    assert (repo.folder / "known.json").read_text().count("vibe/b.md") == 1
    (repo.folder / "vibe/b.md").unlink()
    repo.write("vibe/README.md", HUB.replace("- [b](b.md)\n", ""))
    lint("--baseline", "known.json", "--update-baseline")
    assert (repo.folder / "known.json").read_text() == '{"version": 1, "findings": [\n]}\n'


def test_two_branches_that_mend_different_pages_merge(repo, lint):
    names = [f"p{n}" for n in range(8)]
    broken(repo, *names)
    repo.write("vibe/README.md", HUB + "".join(f"- [{n}]({n}.md)\n" for n in names))
    lint("--baseline", "known.json", "--update-baseline")
    repo.commit()
    for branch, name in (("one", "p1"), ("two", "p6")):
        repo("checkout", "-q", "-b", branch, "main")
        repo.write(f"vibe/{name}.md", page(name.upper(), "Mended."))
        lint("--baseline", "known.json", "--update-baseline")
        repo.commit()
    repo("merge", "-q", "--no-edit", "one")
    assert lint("--baseline", "known.json", "--strict") == (
        0,
        "12 pages, no findings, 6 in the baseline\n",
        "",
    )


def test_a_baseline_that_is_none(repo, lint):
    repo.write("known.json", "[]")
    code, _, err = lint("--baseline", "known.json")
    assert code == 2
    assert "known.json is no baseline" in err
    code, _, err = lint("--baseline", "../known.json", "--update-baseline")
    assert (code, "is not under" in err) == (2, True)
    code, _, err = lint("--baseline", "no/known.json", "--update-baseline")
    assert (code, "does not exist" in err) == (2, True)


# ---------------------------------------------------------------------- what contradicts itself
@pytest.mark.parametrize(
    "arguments",
    [
        ("--fix", "--diff"),
        ("--diff", "--format", "json"),
        ("--diff", "--statistics"),
        ("--update-baseline",),
        ("--statistics", "--format", "sarif"),
        ("--watch", "--fix"),
        ("--watch", "--format", "json"),
        ("--watch", "--baseline", "x", "--update-baseline"),
    ],
)
def test_contradictions(lint, arguments):
    code, out, err = lint(*arguments)
    assert (code, out) == (2, "")
    assert "hint: " in err


# ---------------------------------------------------------------------- --watch
def until(condition, limit=60):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_watch_looks_again_and_ends_clean(repo, tmp_path):
    terminal = Terminal("lint", "--watch", state=tmp_path / "s", cwd=repo.folder)
    assert "\x1b[2J" in terminal.read_until("no findings")
    time.sleep(0.2)
    broken(repo, "a")
    seen = terminal.read_until("1 error")
    assert "changed: vibe/a.md" in seen
    assert "gone.md" in seen
    repo.write("kbtool.toml", "bse = 1\n")
    assert "did you mean 'base'?" in terminal.read_until("hint:")
    repo.write("kbtool.toml", "")
    repo.write("vibe/a.md", page("A", "One."))
    terminal.read_until("no findings")
    terminal.interrupt()
    code, seen = terminal.end()
    assert code == 0
    assert "interrupted" not in seen


def test_watch_without_a_terminal_clears_nothing(repo, tmp_path):
    import signal
    import sys

    with (tmp_path / "out").open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "kbtool", "lint", "--watch", "--format", "concise"],
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        time.sleep(2)
        broken(repo, "b")
        until(lambda: "KB101" in (tmp_path / "out").read_text())
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    text = (tmp_path / "out").read_text()
    assert "\x1b" not in text
    assert "vibe/b.md:8:12: KB101" in text


# ---------------------------------------------------------------------- configuration
def test_a_severity_of_the_project_is_in_every_answer(repo, lint):
    broken(repo, "a", "b")
    repo.write(
        "kbtool.toml",
        '[severity]\ndead-link = "warning"\n[[overrides]]\nfolder = "b.md"\nignore = ["KB101"]\n',
    )
    code, out, _ = lint("--format", "json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["severity"], finding["path"]) == (0, "warning", "vibe/a.md")
    assert lint("--strict")[0] == 1
    assert lint("--format", "github")[1].startswith("::warning file=vibe/a.md,line=8,")


def test_config_explain_says_what_holds_and_why(repo, lint):
    repo.write(
        "kbtool.toml",
        'ignore = ["KB109"]\n[severity]\nKB204 = "warning"\n[rules.KB413]\npages = 5\n'
        '[[overrides]]\nfolder = ""\n[[overrides]]\nfolder = "a.md"\nignore = ["tombstone"]\n'
        'severity.KB204 = "error"\n',
    )
    code, out, _ = lint("explain", "vibe/a.md", "--format", "json", command="config")
    data = json.loads(out)
    rules = {rule["id"]: rule for rule in data["rules"]}
    assert (code, data["path"], data["kind"], data["source"]) == (
        0,
        "vibe/a.md",
        "page",
        "kbtool.toml",
    )
    assert (rules["KB204"]["severity"], rules["KB204"]["severity_from"]) == (
        "error",
        "overrides 2 (folder 'a.md')",
    )
    assert (rules["KB101"]["severity"], rules["KB101"]["severity_from"]) == ("error", "the rule")
    assert rules["KB413"]["options"] == [{"name": "pages", "value": 5, "from": "kbtool.toml"}]
    assert {id_: rule["why_off"] for id_, rule in rules.items() if not rule["on"]} == {
        "KB109": "ignore of kbtool.toml",
        "KB210": "ignore of overrides 2 (folder 'a.md')",
        "KB110": "off unless selected",
        "KB304": "off unless selected",
    }
    _, text, _ = lint("explain", "vibe/a.md", command="config")
    assert "KB204 header-style           error (overrides 2 (folder 'a.md'))" in text
    assert "KB413 prd-qa                 error (the rule) pages = 5 (kbtool.toml)" in text
    _, text, _ = lint("explain", "AGENTS.md", command="config")
    assert "KB201 breadcrumb             off: the page lies beside the base" in text


@pytest.mark.parametrize("page", ["kbtool.toml", "vibe", "gone.md", ".."])
def test_config_explain_of_no_page(lint, page):
    assert lint("explain", page, command="config")[0] == 2


def test_config_show_says_where_values_come_from(repo, lint):
    repo.write("kbtool.toml", 'base = "vibe"\nevidence-age = 9\n')
    data = json.loads(lint("show", "--format", "json", command="config")[1])
    values = {each["key"]: (each["value"], each["from"]) for each in data["values"]}
    assert values["evidence-age"] == (9, "kbtool.toml")
    assert values["base"] == ("vibe", "kbtool.toml")
    assert values["profiles"] == ("sandbox/profiles", "default")
    assert values["preset"] == ("lab", "default")
    _, text, _ = lint("show", command="config")
    assert "evidence-age = 9  # kbtool.toml" in text
    assert json.loads(lint("schema", command="config")[1])["additionalProperties"] is False


def test_a_site_is_found_said_once_and_can_be_chosen(repo, lint):
    repo.write("kbtool.toml", 'preset = "plain"\n')
    repo.write("docs/mkdocs.yml", "site_name: x\n")
    repo.write("docs/docs/a.md", "# A\n\n[i](/i.png)\n")
    repo.write("docs/docs/i.png", "")
    code, text, said = lint("docs")
    assert (code, said.count("mkdocs (docs/mkdocs.yml)")) == (0, 1), text
    data = json.loads(lint("show", "--format", "json", command="config")[1])
    (sites,) = [each for each in data["values"] if each["key"] == "sites"]
    assert sites["value"] == [{"folder": "docs", "kind": "mkdocs"}]
    assert sites["from"] == "docs/mkdocs.yml"
    repo.write("kbtool.toml", 'preset = "plain"\nsites = []\n')
    code, text, said = lint("docs")
    assert (code, "mkdocs" in said, "KB101" in text) == (1, False, True)
    repo.write("kbtool.toml", 'preset = "plain"\n[[sites]]\nfolder = "docs"\nkind = "mkdocs"\n')
    code, text, said = lint("docs")
    assert (code, said) == (0, "")


def test_rules_as_json_have_all_there_is_to_know(lint):
    rules = {
        each["id"]: each
        for each in json.loads(lint("--format", "json", command="rules")[1])["rules"]
    }
    assert rules["KB413"]["options"] == {"pages": 3}
    assert rules["KB101"]["options"] == {}
    assert (rules["KB304"]["default"], rules["KB304"]["severity"]) == (False, "warning")
    assert rules["KB101"]["presets"] == ["lab", "plain"]
    assert rules["KB103"]["seen"] == {"found": 7, "read": 7, "right": 7, "note": ""}
    assert rules["KB413"]["seen"] == {"unseen": "no requirements there have a STATUS.md"}
    _, text, _ = lint("KB103", command="rules")
    assert "two real projects: 7 found; all read by hand, 7 right." in text
    assert "option pages, default 3" in lint("KB413", command="rules")[1]
