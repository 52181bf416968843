"""`kbtool lint` in repositories as people have them."""

import os
from datetime import date, datetime, timedelta

import pytest
from support.base import committed, edit, pages
from support.git import Repo
from support.sandbox import kbtool

VAULT = "vibe/guidebooks/lab-ecosystem/secrets-and-vault.md"
FACT_RULES = ("KB207", "KB402", "KB406")
TODAY = datetime.now().astimezone().date()


def adr(number, slug, status="Accepted", text="This."):
    return (
        f"[vibe](../README.md) > [ADR](README.md) > **{number} {slug}**\n\n# ADR-{number}: {slug}\n\n"
        f"> **Status**: {status}\n> **Date**: 2020-01-01\n> **Deciders**: us\n\n"
        f"## Context\n\nWhy.\n\n## Decision\n\n{text}\n\n## Consequences\n\nSee [the hub](README.md).\n"
    )


def hub(title, day, body="", up="[vibe](../README.md) > "):
    return f"{up}**{title}**\n\n# {title}\n\n> **Status**: Draft\n> **Last Updated**: {day}\n\n## Pages\n\n{body}"


def listed(*names):
    return "".join(f"- [{name}]({name})\n" for name in names)


def row(name):
    return f"| [{name}]({name}) |\n"


def rows(*names):
    return "| record |\n| --- |\n" + "".join(map(row, names))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def run(folder, *arguments):
        """Return (exit code, findings as `path:line:column: RULE …`, notices)."""
        code, text = kbtool(
            "lint", "--format", "concise", *arguments, state=tmp_path / "s", cwd=folder
        )
        assert "Traceback" not in text, text
        lines = text.splitlines()
        notices = [line for line in lines if line.startswith("note:")]
        return code, [line for line in lines if line not in notices], notices

    return run


@pytest.fixture
def repo(tmp_path):
    """A base of one page and one accepted record, dated the first of 2020."""
    repo = Repo(tmp_path / "r")
    repo.write("vibe/README.md", hub("vibe", "2020-01-01", listed("a.md", "ADR/README.md"), up=""))
    repo.write(
        "vibe/a.md",
        hub("a", "2020-01-01", "Text, see [the hub](README.md).\n", up="[vibe](README.md) > "),
    )
    repo.write("vibe/ADR/README.md", hub("ADR", "2020-01-01", rows("0005-five.md")))
    repo.write("vibe/ADR/0005-five.md", adr("0005", "five"))
    repo.commit("2020-01-01")
    return repo


def change(repo, old="Text", new="Other text", path="vibe/a.md"):
    edit(repo.folder, path, old, new)


# ---------------------------------------------------------------------- KB207
def test_a_clean_repository(repo, run):
    assert run(repo.folder) == (0, [], [])


@pytest.mark.parametrize(
    ("day", "found"),
    [("2020-01-01", False), ("2020-01-02", False), ("2020-01-03", True), ("2020-06-01", True)],
)
def test_one_day_is_left_to_time_zones(repo, run, day, found):
    change(repo)
    repo.commit(day)
    code, findings, _ = run(repo.folder)
    assert (code, len(findings)) == ((1, 1) if found else (0, 0))
    if found:
        commit = repo("rev-parse", "HEAD")[:10]
        assert findings[0].startswith("vibe/a.md:6:21: KB207 ")
        assert f"2020-01-01, but the text changed on {day} in {commit}" in findings[0]
        assert run(repo.folder, "--fix")[0] == 0
        assert f"**Last Updated**: {day}\n" in (repo.folder / "vibe/a.md").read_text()
        repo.commit("2020-07-01")
        assert run(repo.folder) == (0, [], [])


def test_the_authors_date_not_the_committers(repo, run):
    change(repo)
    repo.commit("2020-01-01", "2020-09-09")
    assert run(repo.folder)[:2] == (0, [])
    change(repo, "Other", "Still other")
    repo.commit("2020-09-09", "2020-01-01")
    assert [line.split()[1] for line in run(repo.folder)[1]] == ["KB207"]


def test_a_change_of_the_head_or_of_link_targets_is_none(repo, run):
    change(repo, "# a\n", "# The a\n")
    change(repo, "Draft", "Active")
    change(repo, "(README.md).", "(../vibe/README.md).")
    assert run(repo.folder)[:2] == (0, [])
    repo.commit("2020-09-09")
    assert run(repo.folder)[:2] == (0, [])


def test_a_move_is_none_and_a_move_with_an_edit_is_one(repo, run):
    repo("mv", "vibe/a.md", "vibe/b.md")
    change(repo, "[a.md](a.md)", "[a.md](b.md)", "vibe/README.md")
    assert run(repo.folder)[:2] == (0, [])
    repo.commit("2020-09-09")
    assert run(repo.folder)[:2] == (0, [])
    repo("mv", "vibe/b.md", "vibe/c.md")
    change(repo, "[a.md](b.md)", "[a.md](c.md)", "vibe/README.md")
    change(repo, path="vibe/c.md")
    repo.commit("2020-09-10")
    assert [line.split()[1] for line in run(repo.folder)[1]] == ["KB207"]


def test_what_is_not_committed_was_changed_today(repo, run):
    change(repo)
    code, findings, _ = run(repo.folder)
    assert (code, len(findings)) == (1, 1)
    assert f"changed on {TODAY} and is not committed" in findings[0]
    assert run(repo.folder, "--fix")[0] == 0
    text = (repo.folder / "vibe/a.md").read_text()
    assert f"**Last Updated**: {TODAY}\n" in text
    assert run(repo.folder, "--fix")[0] == 0
    assert (repo.folder / "vibe/a.md").read_text() == text
    change(repo, str(TODAY), str(TODAY - timedelta(days=1)))
    assert run(repo.folder)[:2] == (0, [])
    change(repo, str(TODAY - timedelta(days=1)), str(TODAY - timedelta(days=2)))
    assert run(repo.folder)[0] == 1


def test_a_new_page_is_dated_today(repo, run):
    for name, day in (("new", TODAY), ("old", TODAY - timedelta(days=9))):
        repo.write(f"vibe/{name}.md", hub(name, day, up="[vibe](README.md) > "))
    with (repo.folder / "vibe/README.md").open("a") as file:
        file.write(listed("new.md", "old.md"))
    change(repo, "2020-01-01", str(TODAY), "vibe/README.md")
    assert [line.split()[:2] for line in run(repo.folder)[1]] == [["vibe/old.md:6:21:", "KB207"]]


def test_a_fix_that_lists_a_page_dates_the_hub_too(repo, run):
    repo.write("vibe/new.md", hub("new", TODAY, up="[vibe](README.md) > "))
    assert [line.split()[1] for line in run(repo.folder)[1]] == ["KB107"]
    assert run(repo.folder, "--fix")[0] == 0
    text = (repo.folder / "vibe/README.md").read_text()
    assert "(new.md)" in text
    assert f"**Last Updated**: {TODAY}\n" in text
    assert run(repo.folder, "--fix")[0] == 0
    assert (repo.folder / "vibe/README.md").read_text() == text


def test_no_date_or_no_readable_one_is_another_rules(repo, run):
    change(repo)
    change(repo, "2020-01-01", "2020-31-01")
    assert [line.split()[1] for line in run(repo.folder)[1]] == ["KB206"]


def test_pages_with_other_line_ends(repo, run):
    path = repo.folder / "vibe/a.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert run(repo.folder)[:2] == (0, [])
    repo.commit("2020-09-09")
    assert run(repo.folder)[:2] == (0, [])


def test_a_shallow_clone_is_one_notice(repo, run, tmp_path):
    change(repo)
    repo.commit("2020-09-09")
    Repo(tmp_path, init=False)("clone", "-q", "--depth", "1", f"file://{repo.folder}", "c")
    code, findings, notices = run(tmp_path / "c")
    assert (code, findings) == (0, [])
    assert notices == ["note:  a shallow clone: KB207 is not checked (git fetch --unshallow)"]
    Repo(tmp_path / "c", init=False)("fetch", "-q", "--unshallow")
    assert run(tmp_path / "c")[0] == 1


def test_pages_imported_by_the_first_commit(tmp_path, run):
    """They are as old as they say."""
    folder = pages(tmp_path / "base")
    repo = Repo(folder)
    repo.commit(str(TODAY))
    assert run(folder) == (0, [], [])


# ---------------------------------------------------------------------- without git
def test_without_git_is_one_notice(tmp_path, run):
    code, findings, notices = run(pages(tmp_path / "base"))
    assert (code, findings) == (0, [])
    assert notices == [
        "note:  not a git repository: KB207, KB402 and KB406 look at the pages alone"
    ]


def test_rules_that_need_no_history_say_nothing_of_it(tmp_path, run):
    folder = pages(tmp_path / "base")
    assert run(folder, "--ignore", ",".join(FACT_RULES)) == (0, [], [])
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("# A\n\n> **Last Updated**: 2020-01-01\n")
    assert run(tmp_path / "docs") == (0, [], [])


def test_no_commit_yet(tmp_path, run):
    folder = pages(tmp_path / "base")
    Repo(folder)
    assert run(folder) == (0, [], [])


def test_a_copy_of_the_projects_own_pages(tmp_path, run):
    folder = pages(tmp_path / "base")
    committed(folder)
    assert run(folder) == (0, [], [])


# ---------------------------------------------------------------------- KB402
def record(repo, number, slug, day="2020-01-01"):
    """Add a record as a person would: the file, and its row in the hub."""
    repo.write(f"vibe/ADR/{number}-{slug}.md", adr(number, slug))
    text = (repo.folder / "vibe/ADR/README.md").read_text()
    repo.write("vibe/ADR/README.md", text + row(f"{number}-{slug}.md"))
    return repo.commit(day)


def test_two_branches_that_both_add_a_record_the_second_is_told(repo, run):
    repo("checkout", "-q", "-b", "one")
    record(repo, "0006", "one")
    repo("checkout", "-q", "-b", "two", "main")
    record(repo, "0006", "two")
    assert run(repo.folder)[:2] == (0, [])  # the first is not merged yet
    repo("checkout", "-q", "main")
    repo("merge", "-q", "--no-edit", "one")
    assert run(repo.folder)[:2] == (0, [])
    repo("checkout", "-q", "two")
    code, findings, _ = run(repo.folder)
    assert (code, [line.split()[:2] for line in findings]) == (
        1,
        [["vibe/ADR/0006-two.md:3:1:", "KB402"]],
    )
    assert "vibe/ADR/0006-one.md on main" in findings[0]
    _, text = kbtool("lint", state=repo.folder.parent / "s", cwd=repo.folder)
    assert "the next free number is 0007" in text


def test_both_records_here_are_duplicates(repo, run):
    repo("checkout", "-q", "-b", "two")
    record(repo, "0006", "two")
    repo("checkout", "-q", "main")
    record(repo, "0006", "one")
    repo("checkout", "-q", "two")
    repo("merge", "-q", "--no-commit", "-s", "ours", "main")
    repo("checkout", "main", "--", "vibe/ADR/0006-one.md")
    edit(repo.folder, "vibe/ADR/README.md", "| [0006-two", row("0006-one.md") + "| [0006-two")
    repo.commit()
    code, findings, _ = run(repo.folder)
    assert (code, [line.split()[:2] for line in findings]) == (
        1,
        [["vibe/ADR/0006-two.md:3:1:", "KB402"]],
    )
    assert "vibe/ADR/0006-one.md" in findings[0]


def test_a_number_free_here_and_there(repo, run):
    repo("checkout", "-q", "-b", "two")
    record(repo, "0007", "two")
    repo("checkout", "-q", "main")
    record(repo, "0006", "one")
    repo("checkout", "-q", "two")
    assert run(repo.folder)[:2] == (0, [])


def test_the_base_branch_is_what_the_configuration_says(repo, run):
    repo("checkout", "-q", "-b", "develop")
    record(repo, "0006", "one")
    repo("checkout", "-q", "-b", "work", "main")
    record(repo, "0006", "two")
    assert run(repo.folder)[:2] == (0, [])
    repo.write("kbtool.toml", 'base-branch = "develop"\n')
    assert "0006-one.md on develop" in run(repo.folder)[1][0]
    repo.write("kbtool.toml", 'base-branch = "gone"\n')
    code, findings, notices = run(repo.folder)
    assert (code, findings, len(notices)) == (0, [], 1)
    assert "no branch gone here" in notices[0]


# ---------------------------------------------------------------------- KB406
def test_an_accepted_record_stays(repo, run):
    path = "vibe/ADR/0005-five.md"
    for commit in (False, True):
        if commit:
            repo("checkout", "-q", "-b", "work")
        change(repo, "This.", "That.", path)
        if commit:
            repo.commit()
        code, findings, _ = run(repo.folder)
        assert (code, [line.split()[:2] for line in findings]) == (1, [[f"{path}:13:1:", "KB406"]])
        change(repo, "That.", "This.", path)
    change(repo, "(README.md).", "(../ADR/README.md).", path)
    change(repo, "Accepted", "Superseded by [0006](0006-six.md)", path)
    record(repo, "0006", "six")
    supersedes = "> **Deciders**: us\n> **Supersedes**: [0005](0005-five.md)\n"
    change(repo, "> **Deciders**: us\n", supersedes, "vibe/ADR/0006-six.md")
    assert run(repo.folder)[:2] == (0, [])


def test_a_record_under_way_may_change(repo, run):
    repo.write("vibe/ADR/0005-five.md", adr("0005", "five", "Proposed"))
    repo.commit()
    repo.write("vibe/ADR/0005-five.md", adr("0005", "five", "Accepted", "That."))
    assert run(repo.folder)[:2] == (0, [])


def test_a_record_renumbered_stays_too(repo, run):
    repo("checkout", "-q", "-b", "work")
    repo("mv", "vibe/ADR/0005-five.md", "vibe/ADR/0006-five.md")
    repo.write("vibe/ADR/0006-five.md", adr("0006", "five"))
    repo.write("vibe/ADR/README.md", hub("ADR", TODAY, rows("0006-five.md")))
    assert run(repo.folder)[:2] == (0, [])
    repo.write("vibe/ADR/0006-five.md", adr("0006", "five", text="That."))
    assert [line.split()[:2] for line in run(repo.folder)[1]] == [
        ["vibe/ADR/0006-five.md:13:1:", "KB406"]
    ]


# ---------------------------------------------------------------------- size
@pytest.mark.slow
def test_two_thousand_pages_and_as_many_commits(tmp_path, run):
    """No wrong finding; the one true one is found. ADR-0008 states the time."""
    folders, each = 50, 40
    start = date(2020, 1, 1)
    stream = []

    def commit(day, files):
        stream.append(
            f"commit refs/heads/main\ncommitter t <t@example> {(day - date(1970, 1, 1)).days * 86400 + 43200} +0000\ndata 1\nx\n"
        )
        for path, text in files.items():
            stream.append(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n")

    def path(number):
        return f"vibe/f{number // each}/p{number}.md"

    def page(number, day, body):
        up = "[vibe](../README.md) > [F](README.md) > "
        return hub(f"P{number}", day, body + "\n\nWords, and [a link](README.md).\n" * 20, up)

    names = {f: listed(*(f"p{f * each + n}.md" for n in range(each))) for f in range(folders)}
    commit(
        start,
        {
            "vibe/README.md": hub(
                "vibe", start, listed(*(f"f{f}/README.md" for f in names)), up=""
            ),
            **{f"vibe/f{f}/README.md": hub("F", start, names[f]) for f in names},
            **{path(number): page(number, start, "First.") for number in range(folders * each)},
        },
    )
    for number in range(folders * each):
        day = start + timedelta(days=number)
        # every third change is one of the head, and leaves the date alone
        text = page(number, day, "Second.")
        if number % 3 == 0:
            text = page(number, start, "First.").replace("Draft", "Active")
        commit(day, {path(number): text})
    repo = Repo(tmp_path / "r")
    repo("fast-import", "--quiet", given="".join(stream).encode())
    repo("reset", "-q", "--hard")
    assert run(repo.folder) == (0, [], [])
    change(repo, "First.", "Changed.", "vibe/f0/p0.md")
    assert [line.split()[:2] for line in run(repo.folder)[1]] == [["vibe/f0/p0.md:6:21:", "KB207"]]
