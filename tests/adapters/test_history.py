"""What is read from real repositories: the changes of a page, and the base branch."""

import os
import random
import time
from datetime import date, datetime, timedelta

import pytest
from support.git import Repo

from kbtool.adapters import blobs, git
from kbtool.adapters.history import Node, read_log
from kbtool.adapters.repository import Repository

DAWN = date.min
TODAY = date(2030, 1, 1)  # the latest day a commit is believed
A, B, C = "2026-01-05", "2026-02-05", "2026-03-05"
BODY = "# A\n\n" + "".join(f"line {number}\n" for number in range(20))


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    yield
    while OPEN:
        OPEN.pop().close()


OPEN = []


class Asked:
    """A repository's facts, and what was said about those it has not."""

    def __init__(self, folder, base=""):
        self.said = []
        self.folder = folder
        self.facts = Repository(folder, base, TODAY, self.said.append)
        OPEN.append(self.facts)

    def changes(self, path, text=None, after=DAWN):
        """(day, text before, text after) of each change; the text now is the one on disk."""
        if text is None:
            text = blobs.unix((self.folder / path).read_text())
        found = self.facts.revisions(path, text, after)
        return [(each.day, each.before, each.after) for each in found]

    def days(self, path, text=None, after=DAWN):
        return [day.isoformat() for day, _, _ in self.changes(path, text, after)]


def local_today():
    return datetime.now().astimezone().date().isoformat()


@pytest.fixture
def repo(tmp_path):
    """A repository after its first commit, which is empty."""
    repo = Repo(tmp_path / "r")
    repo.commit()
    return repo


def three(repo, path="vibe/a.md"):
    """A page that was written, changed, and changed again."""
    for day, text in ((A, "one\n"), (B, "two\n"), (C, "three\n")):
        repo.write(path, text)
        repo.commit(day)


# ---------------------------------------------------------------------- changes
def test_newest_first_with_the_texts(repo):
    three(repo)
    assert Asked(repo.folder).changes("vibe/a.md") == [
        (date.fromisoformat(C), "two\n", "three\n"),
        (date.fromisoformat(B), "one\n", "two\n"),
        (date.fromisoformat(A), None, "one\n"),
    ]


def test_only_after_a_day(repo):
    three(repo)
    assert Asked(repo.folder).days("vibe/a.md", after=date.fromisoformat(A)) == [C, B]
    assert Asked(repo.folder).days("vibe/a.md", after=date.fromisoformat(C)) == []


def test_the_commit_is_named(repo):
    repo.write("a.md", "x\n")
    commit = repo.commit()
    facts = Repository(repo.folder, "", TODAY, pytest.fail)
    assert [each.commit for each in facts.revisions("a.md", "y\n", DAWN)] == ["", commit]
    facts.close()


def test_the_authors_date_in_his_own_time_zone_counts(repo):
    repo.write("a.md", "x\n")
    repo.commit("2026-03-01T00:30:00+0900", "2026-06-01T12:00:00+0000")
    assert Asked(repo.folder).days("a.md") == ["2026-03-01"]
    repo.write("a.md", "y\n")
    repo.commit("2026-03-31T23:30:00-0900", "2026-06-01T12:00:00+0000")
    assert Asked(repo.folder).days("a.md")[0] == "2026-03-31"


def test_what_is_not_committed_was_changed_today(repo):
    three(repo)
    repo.write("vibe/a.md", "four\n")
    asked = Asked(repo.folder)
    assert asked.changes("vibe/a.md")[0] == (
        date.fromisoformat(local_today()),
        "three\n",
        "four\n",
    )
    repo("add", "-A")
    assert Asked(repo.folder).days("vibe/a.md") == [local_today(), C, B, A]


def test_the_text_asked_about_counts_not_the_one_on_disk(repo):
    """A fix is judged before it is written."""
    three(repo)
    assert Asked(repo.folder).days("vibe/a.md", "fixed\n") == [local_today(), C, B, A]
    repo.write("vibe/a.md", "on disk\n")
    assert Asked(repo.folder).days("vibe/a.md", "three\n") == [C, B, A]


def test_a_new_page(repo):
    three(repo)
    repo.write("vibe/new.md", "new\n")
    today = date.fromisoformat(local_today())
    assert Asked(repo.folder).changes("vibe/new.md") == [(today, None, "new\n")]
    repo("add", "-A")
    assert Asked(repo.folder).changes("vibe/new.md") == [(today, None, "new\n")]


def test_an_ignored_page_has_no_history(repo):
    three(repo)
    repo.write(".gitignore", "vibe/made/\n")
    repo.write("vibe/made/a.md", "made\n")
    assert Asked(repo.folder).changes("vibe/made/a.md") == []


@pytest.mark.parametrize("committed", [True, False])
def test_a_rename_goes_on_under_the_old_name(repo, committed):
    repo.write("old/a.md", BODY)
    repo.commit(A)
    repo.write("old/a.md", BODY + "more\n")
    repo.commit(B)
    (repo.folder / "vibe").mkdir()
    (repo.folder / "old/a.md").rename(repo.folder / "vibe/b.md")
    if committed:
        repo.commit(C)
    changes = Asked(repo.folder).changes("vibe/b.md")
    moved = [(date.fromisoformat(C), BODY + "more\n", BODY + "more\n")] if committed else []
    assert changes == [
        *moved,
        (date.fromisoformat(B), BODY, BODY + "more\n"),
        (date.fromisoformat(A), None, BODY),
    ]


@pytest.mark.parametrize("committed", [True, False])
def test_a_rename_with_an_edit(repo, committed):
    repo.write("a.md", BODY)
    repo.commit(A)
    repo("mv", "a.md", "b.md")
    repo.write("b.md", BODY.replace("line 7", "line seven"))
    if committed:
        repo.commit(C)
    day = C if committed else local_today()
    newest, oldest = Asked(repo.folder).changes("b.md")
    assert newest == (date.fromisoformat(day), BODY, BODY.replace("line 7", "line seven"))
    assert oldest[0] == date.fromisoformat(A)


def test_a_new_page_beside_a_deleted_one_is_no_rename(repo):
    repo.write("a.md", BODY)
    repo.commit(A)
    (repo.folder / "a.md").unlink()
    repo.write("b.md", "# B\n\nnothing in common\n")
    assert [before for _, before, _ in Asked(repo.folder).changes("b.md")] == [None]


def test_the_first_commit_brings_what_was_there_before(tmp_path):
    """When that was written is not known: an import is no change of all its pages."""
    repo = Repo(tmp_path / "r")
    three(repo)
    assert Asked(repo.folder).days("vibe/a.md") == [C, B]


def test_a_text_that_came_back(repo):
    for day, text in ((A, "x\n"), (B, "y\n"), (C, "x\n")):
        repo.write("a.md", text)
        repo.commit(day)
    assert Asked(repo.folder).days("a.md") == [C, B, A]


def test_days_not_the_order_of_commits(repo):
    """A rebased branch brings old work on top of new."""
    for day, text in ((C, "x\n"), (A, "y\n")):
        repo.write("a.md", text)
        repo.commit(day)
    assert Asked(repo.folder).days("a.md") == [C, A]


def test_a_date_in_the_future_is_not_believed(repo):
    three(repo)
    repo.write("vibe/a.md", "four\n")
    repo.commit("2031-01-01")
    assert Asked(repo.folder).days("vibe/a.md") == [C, B, A]


# ---------------------------------------------------------------------- merges
def test_a_merge_is_no_change_of_its_own(repo):
    repo.write("a.md", BODY)
    repo.commit(A)
    repo("checkout", "-q", "-b", "side")
    repo.write("a.md", BODY.replace("line 1\n", "line one\n"))
    repo.commit(B)
    repo("checkout", "-q", "main")
    repo.write("a.md", BODY.replace("line 18", "line eighteen"))
    repo.commit(B)
    repo("merge", "-q", "--no-edit", "side", author="2026-06-01")
    assert "line one" in (repo.folder / "a.md").read_text()
    assert Asked(repo.folder).days("a.md") == [B, B, A]


def test_a_change_a_merge_threw_away_is_none(repo):
    for name in ("a.md", "b.md"):
        repo.write(name, BODY)
    repo.commit(A)
    repo("checkout", "-q", "-b", "side")
    repo.write("a.md", BODY + "thrown away\n")
    repo.write("b.md", BODY + "taken\n")
    repo.commit(C)
    repo("checkout", "-q", "main")
    repo.write("a.md", BODY + "kept\n")
    repo.commit(B)
    repo("merge", "-q", "--no-edit", "-X", "ours", "side", author="2026-06-01")
    assert (repo.folder / "a.md").read_text() == BODY + "kept\n"
    assert Asked(repo.folder).days("a.md") == [B, A]
    assert Asked(repo.folder).days("b.md") == [C, A]


def test_a_rename_on_one_side_and_an_edit_on_the_other(repo):
    repo.write("a.md", BODY)
    repo.commit(A)
    repo("checkout", "-q", "-b", "side")
    repo("mv", "a.md", "b.md")
    repo.write("b.md", BODY.replace("line 1\n", "line one\n"))
    repo.commit(C)
    repo("checkout", "-q", "main")
    repo.write("a.md", BODY.replace("line 18", "line eighteen"))
    repo.commit(B)
    repo("merge", "-q", "--no-edit", "side", author="2026-06-01")
    assert Asked(repo.folder).days("b.md") == [C, B, A]


# ---------------------------------------------------------------------- odd repositories
def test_a_project_in_a_subfolder(repo):
    three(repo, "deep/er/vibe/a.md")
    repo.write("vibe/a.md", "another\n")
    repo.commit()
    asked = Asked(repo.folder / "deep/er")
    assert asked.days("vibe/a.md") == [C, B, A]
    assert asked.said == []
    repo("mv", "vibe/a.md", "deep/er/vibe/b.md")
    repo.commit("2026-05-05")
    assert Asked(repo.folder / "deep/er").days("vibe/b.md") == ["2026-05-05", "2020-01-01"]


@pytest.mark.parametrize(
    "name",
    ["a b.md", "é.md", 'q"uote\'.md', "new\nline.md", "tab\t.md", ":(top)x.md", "-x.md", "*.md", "日本.md", "\x01x.md", "\\.md"],
)  # fmt: skip
def test_odd_names(repo, name):
    three(repo, name)
    assert Asked(repo.folder).days(name) == [C, B, A]
    folder = Repo(repo.folder / "sub", init=False)
    three(folder, name.replace(".md", "/x.md"))
    assert Asked(folder.folder).days(name.replace(".md", "/x.md")) == [C, B, A]


def test_a_name_that_is_not_utf_8(repo):
    three(repo)
    with open(os.fsencode(repo.folder) + b"/\xff.md", "wb") as file:
        file.write(b"x\n")
    repo.commit()
    asked = Asked(repo.folder)
    assert asked.days("vibe/a.md") == [C, B, A]
    assert asked.said == []


def test_texts_are_read_as_pages_are(repo):
    repo.write("a.md", b"\xef\xbb\xbfone\r\ntwo\r\n")
    repo.commit(A)
    repo.write("a.md", "one\ntwo\n")
    repo.commit(B)
    text = "one\ntwo\n"
    assert [(before, after) for _, before, after in Asked(repo.folder).changes("a.md")] == [
        (text, text),
        (None, text),
    ]
    repo.write("b.md", b"\xff\n")
    repo.commit(C)
    assert Asked(repo.folder).changes("b.md", "x\n")[0][1] == "\ufffd\n"


def test_line_ends_git_converts(repo):
    repo.write(".gitattributes", "*.md text eol=crlf\n")
    repo.write("a.md", "one\r\n")
    repo.commit(A)
    assert b"\r" not in repo("cat-file", "blob", "HEAD:a.md").encode()
    assert Asked(repo.folder).days("a.md", "one\n") == [A]


def test_a_page_git_keeps_in_another_form(repo):
    repo.write(".gitattributes", "*.md filter=up\n")
    repo("config", "filter.up.clean", "tr a-z A-Z")
    repo.write("a.md", "one\n")
    repo.commit(A)
    assert repo("cat-file", "blob", "HEAD:a.md") == "ONE\n"
    assert Asked(repo.folder).days("a.md") == []


def test_a_link_and_another_repository_below(repo, tmp_path):
    three(repo)
    (repo.folder / "link.md").symlink_to("vibe/a.md")
    other = Repo(tmp_path / "other")
    three(other)
    repo("submodule", "--quiet", "add", "../other", "vibe/sub")
    repo.commit()
    three(Repo(repo.folder / "vibe/nested"))
    asked = Asked(repo.folder)
    assert asked.days("vibe/a.md") == [C, B, A]
    assert asked.days("link.md", "three\n") == []
    assert asked.days("vibe/sub/vibe/a.md") == []
    assert asked.days("vibe/nested/vibe/a.md") == []
    assert asked.said == []


def test_the_first_page_of_a_repository_of_code(repo):
    repo.write("code.py", "x\n")
    repo.commit(A)
    repo.write("a.md", "x\n")
    assert Asked(repo.folder).days("a.md") == [local_today()]


def test_a_scratch_project_in_somebody_elses_repository(repo):
    three(repo)
    repo.write("scratch/vibe/a.md", "x\n")
    asked = Asked(repo.folder / "scratch")
    assert asked.days("vibe/a.md") == []
    assert asked.said == []


def test_another_work_tree(repo, tmp_path):
    three(repo)
    repo("worktree", "add", "-q", str(tmp_path / "w"), "-b", "side")
    assert Asked(tmp_path / "w").days("vibe/a.md") == [C, B, A]


def test_no_commit_yet(tmp_path):
    repo = Repo(tmp_path / "r")
    repo.write("a.md", "x\n")
    asked = Asked(repo.folder)
    assert asked.days("a.md") == []
    assert asked.facts.base_branch() is None
    assert asked.said == []


@pytest.mark.parametrize("bare", [True, False])
def test_no_work_tree(tmp_path, bare):
    if bare:
        Repo(tmp_path)("init", "-q", "--bare", str(tmp_path / "b"))
        folder = tmp_path / "b"
    else:
        folder = tmp_path
    (folder / "a.md").write_text("x\n")
    asked = Asked(folder)
    assert asked.days("a.md") == []
    assert asked.facts.base_branch() is None
    assert asked.said == ["not a git repository: KB207, KB402 and KB406 look at the pages alone"]


def test_a_shallow_clone_says_nothing_wrong(repo, tmp_path):
    three(repo)
    clone = Repo(tmp_path, init=False)
    clone("clone", "-q", "--depth", "1", f"file://{repo.folder}", "c")
    asked = Asked(tmp_path / "c")
    assert asked.days("vibe/a.md", "changed\n") == []
    assert asked.days("vibe/a.md") == []
    assert asked.said == ["a shallow clone: KB207 is not checked (git fetch --unshallow)"]
    assert asked.facts.base_branch().name == "origin/main"
    Repo(tmp_path / "c", init=False)("fetch", "-q", "--unshallow")
    assert Asked(tmp_path / "c").days("vibe/a.md") == [C, B, A]


def test_a_clone_without_old_texts_fetches_none(repo, tmp_path):
    three(repo)
    repo("config", "uploadpack.allowFilter", "true")
    clone = Repo(tmp_path, init=False)
    clone("clone", "-q", "--filter=blob:none", f"file://{repo.folder}", "c")
    asked = Asked(tmp_path / "c")
    before = set((tmp_path / "c/.git/objects").rglob("*"))
    assert asked.days("vibe/a.md") == []
    assert set((tmp_path / "c/.git/objects").rglob("*")) == before
    assert len(asked.said) == 1
    assert asked.said[0].endswith("KB207 is not checked")


# ---------------------------------------------------------------------- what is not trusted
def test_no_replacement_and_no_graft(repo):
    three(repo)
    first = repo("rev-list", "--max-parents=0", "HEAD").strip()
    repo("replace", "--graft", "HEAD")
    repo.write(".git/info/grafts", repo("rev-parse", "HEAD").strip() + "\n")
    assert first
    assert Asked(repo.folder).days("vibe/a.md") == [C, B, A]


def test_nothing_a_repository_configures_is_started_or_changes_the_answer(repo, tmp_path):
    three(repo)
    mark = tmp_path / "started"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 $@ >> {mark}\n")
    evil.chmod(0o755)
    repo.write(".gitattributes", "*.md diff=evil\n")
    for key, value in {
        "core.fsmonitor": evil,
        "core.pager": evil,
        "core.hooksPath": tmp_path,
        "diff.external": evil,
        "diff.evil.textconv": evil,
        "diff.evil.command": evil,
        "gpg.program": evil,
        "diff.renames": "false",
        "diff.relative": "true",
        "diff.orderFile": evil,
        "log.date": "raw",
        "log.showRoot": "false",
        "log.showSignature": "true",
        "log.follow": "true",
        "format.pretty": "oneline",
        "color.ui": "always",
        "core.quotePath": "true",
        "core.abbrev": "4",
    }.items():
        repo("config", key, str(value))
    repo("mv", "vibe/a.md", "vibe/b.md")
    repo(
        "-c", "core.fsmonitor=", "-c", "core.hooksPath=", "commit", "-qm", "x", author="2026-04-05"
    )
    mark.unlink(missing_ok=True)
    asked = Asked(repo.folder)
    assert asked.days("vibe/b.md", "else\n") == [local_today(), "2026-04-05", C, B, A]
    assert asked.facts.base_branch().name == "main"
    assert asked.said == []
    assert git.show(repo.folder, "HEAD", "vibe/b.md") == "three\n"
    assert not mark.exists(), mark.read_text()


def test_another_repository_named_by_the_environment(repo, tmp_path, monkeypatch):
    """A hook has GIT_DIR of the repository it runs for."""
    three(repo)
    other = Repo(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert Asked(repo.folder).days("vibe/a.md") == [C, B, A]


def fake_git(folder, monkeypatch, script):
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_folder_of_another_user(repo, tmp_path, monkeypatch):
    three(repo)
    refusal = f"fatal: detected dubious ownership in repository at '{repo.folder}'"
    fake_git(tmp_path / "bin", monkeypatch, f'echo "{refusal}" >&2; exit 128')
    asked = Asked(repo.folder)
    assert asked.days("vibe/a.md") == []
    (said,) = asked.said
    assert f"git config --global --add safe.directory {repo.folder}" in said


def test_no_git(repo, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    repo.write("a.md", "x\n")
    asked = Asked(repo.folder)
    assert asked.days("a.md") == []
    assert asked.facts.base_branch() is None
    assert asked.said == ["git is not installed: KB207, KB402 and KB406 look at the pages alone"]


@pytest.mark.parametrize("hanging", ["rev-parse", "log", "ls-tree", "cat-file", "merge-base"])
def test_a_git_that_hangs(repo, tmp_path, monkeypatch, hanging):
    three(repo)
    monkeypatch.setattr(git, "PATIENCE", 0.5)
    monkeypatch.setattr(blobs, "PATIENCE", 0.5)
    real = next(
        f"{folder}/git"
        for folder in os.environ["PATH"].split(":")
        if os.path.exists(f"{folder}/git")
    )
    case = f'case " $* " in *" {hanging} "*) exec sleep 60;; *) exec {real} "$@";; esac'
    fake_git(tmp_path / "bin", monkeypatch, case)
    began = time.monotonic()
    asked = Asked(repo.folder)
    for _ in range(3):
        found = asked.days("vibe/a.md", "else\n")
        branch = asked.facts.base_branch()
        text = branch.text("vibe/a.md") if branch else None
    assert time.monotonic() - began < 15
    assert found == ([local_today(), C, B, A] if hanging == "merge-base" else [])
    assert text == ("three\n" if hanging == "log" else None)
    assert {said.split(":")[0] for said in asked.said} == {"git gave no answer within 0 s"}


def test_a_git_that_dies_in_the_middle(repo, tmp_path, monkeypatch):
    three(repo)
    real = next(
        f"{folder}/git"
        for folder in os.environ["PATH"].split(":")
        if os.path.exists(f"{folder}/git")
    )
    case = f'case " $* " in *" cat-file "*) echo "x blob 1000"; exit 1;; *) exec {real} "$@";; esac'
    fake_git(tmp_path / "bin", monkeypatch, case)
    asked = Asked(repo.folder)
    assert asked.days("vibe/a.md") == []
    assert asked.said == ["git ended while it was asked for a text: KB207 is not checked"]


def test_git_is_asked_only_when_a_fact_is(repo, tmp_path, monkeypatch):
    three(repo)
    fake_git(tmp_path / "bin", monkeypatch, f"echo >> {tmp_path}/asked; exit 1")
    Repository(repo.folder, "", TODAY, pytest.fail).close()
    assert not (tmp_path / "asked").exists()


# ---------------------------------------------------------------------- the output of git log
def test_the_log_is_read_whatever_a_name_holds():
    one, two, none = b"1" * 40, b"2" * 40, b"0" * 40
    raw = b"\0".join(
        [
            b"\x01c1 2026-01-05 p",
            b"\n:100644 100644 " + one + b" " + two + b" R090",
            b":old\n.md",
            b"\x01new 2020-01-01 p",
            b":000000 100644 " + none + b" " + one + b" A",
            b"",
            b"\x01c2 not-a-date p",
            b"\n:000000 100644 " + none + b" " + one + b" A",
            b"x.md",
            b"\x01c3 2026-01-06 p q",
            b"",
            b"::100644 100644 100644 " + one + b" " + two + b" " + one + b" MM",
            b"y.md",
            b"y.md",
            b"z.md",
            b"",
        ]
    )
    found = read_log(raw)
    assert set(found) == {
        Node("\x01new 2020-01-01 p", "2" * 40),
        Node("", "1" * 40),
        Node("x.md", "1" * 40),
        Node("z.md", "1" * 40),
    }
    assert [change.dated for change in found[Node("x.md", "1" * 40)]] == [False]
    (renamed,) = found[Node("\x01new 2020-01-01 p", "2" * 40)]
    assert renamed.before == (Node(":old\n.md", "1" * 40),)
    (merged,) = found[Node("z.md", "1" * 40)]
    assert (renamed.dated, merged.dated) == (True, False)
    assert len(merged.before) == 2


# ---------------------------------------------------------------------- the base branch
def branches(repo):
    """main and side, each with a file of its own since they parted."""
    repo.write("a.md", "a\n")
    repo.commit()
    repo("checkout", "-q", "-b", "side")
    repo.write("side.md", "s\n")
    repo.commit()
    repo("checkout", "-q", "main")
    repo.write("main.md", "m\n")
    repo.write("a.md", "changed\n")
    repo.commit()
    repo("checkout", "-q", "side")


def test_what_the_base_branch_has_added(repo):
    branches(repo)
    branch = Asked(repo.folder).facts.base_branch()
    assert (branch.name, branch.added, branch.files) == ("main", {"main.md"}, {"a.md"})
    assert branch.text("a.md") == "a\n"
    assert branch.text("main.md") is None
    repo("merge", "-q", "--no-edit", "main")
    merged = Asked(repo.folder).facts.base_branch()
    assert (merged.added, merged.files) == (frozenset(), {"a.md", "main.md"})


def test_the_branch_itself(repo):
    branches(repo)
    repo("checkout", "-q", "main")
    branch = Asked(repo.folder).facts.base_branch()
    assert (branch.name, branch.added, branch.text("a.md")) == ("main", frozenset(), "changed\n")


def test_a_detached_head_of_a_clone(repo, tmp_path):
    branches(repo)
    repo("checkout", "-q", "main")
    Repo(tmp_path, init=False)("clone", "-q", str(repo.folder), "c")
    clone = Repo(tmp_path / "c", init=False)
    clone("checkout", "-q", "--detach", "origin/side")
    clone("branch", "-q", "-D", "main")
    branch = Asked(clone.folder).facts.base_branch()
    assert (branch.name, branch.added) == ("origin/main", {"main.md"})


def test_the_default_branch_of_origin_before_a_usual_name(repo, tmp_path):
    branches(repo)
    repo("branch", "-q", "develop", "main")
    repo("checkout", "-q", "develop")
    Repo(tmp_path, init=False)("clone", "-q", str(repo.folder), "c")
    assert Asked(tmp_path / "c").facts.base_branch().name == "origin/develop"
    assert Asked(tmp_path / "c", base="side").facts.base_branch().name == "origin/side"


def test_a_configured_branch(repo):
    branches(repo)
    repo("branch", "-q", "trunk", "main")
    assert Asked(repo.folder, base="trunk").facts.base_branch().name == "trunk"
    asked = Asked(repo.folder, base="gone")
    assert asked.facts.base_branch() is None
    assert asked.said == [
        "no branch gone here (base-branch): KB402 and KB406 are not compared with it"
    ]


def test_no_branch_of_a_usual_name(repo):
    branches(repo)
    repo("branch", "-q", "-m", "main", "trunk")
    asked = Asked(repo.folder)
    assert asked.facts.base_branch() is None
    assert "base-branch names another" in asked.said[0]


def test_a_branch_of_another_origin(repo):
    repo.write("a.md", "a\n")
    repo.commit()
    repo("checkout", "-q", "--orphan", "other")
    repo.commit(A)
    asked = Asked(repo.folder)
    assert asked.facts.base_branch() is None
    assert asked.said[0].startswith("no commit in common with main:")


def test_paths_of_a_branch_are_the_projects(repo):
    repo.write("deep/vibe/a.md", "a\n")
    repo.write("vibe/b.md", "b\n")
    repo.commit()
    branch = Asked(repo.folder / "deep").facts.base_branch()
    assert branch.files == {"vibe/a.md"}
    assert branch.text("vibe/a.md") == "a\n"


# ---------------------------------------------------------------------- against git's own walk
def test_the_days_are_those_git_itself_tells_page_by_page(repo):
    """Random edits and renames; git's answer for each page, one process each."""
    chance = random.Random(7)
    pages = {f"p{number}.md": [f"{number} {line}" for line in range(30)] for number in range(8)}
    day = date(2020, 1, 1)

    def save():
        nonlocal day
        day += timedelta(days=1)
        for path, lines in pages.items():
            repo.write(path, "\n".join(lines) + "\n")
        repo.commit(day.isoformat() + "T12:00:00+0000")

    save()
    for step in range(40):
        path = chance.choice(sorted(pages))
        if step % 5 == 4:
            new = f"r{step}.md"
            repo("mv", path, new)
            pages[new] = pages.pop(path)
        else:
            pages[path][chance.randrange(30)] = f"step {step}"
        save()
    for path in pages:
        told = repo("log", "--follow", "--format=%as", "--", path).split()
        assert Asked(repo.folder).days(path) == told
