"""What is said again is what would be said: after any change, with any cache, beside any other."""

import errno
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.git import Repo

from kbtool import __main__, cache, forked, stamp, workspace
from kbtool.adapters import replay
from kbtool.cli.lint import command
from kbtool.lint.engine import SILENCES, surveyed
from kbtool.lint.rules import RULES
from kbtool.workspace import Workspace

GOOD = "# A\n\n[b](b.md#b)\n"
# Options of lint that write, wait, or look at what no tape knows.
DOING = {
    "--fix",
    "--diff",
    "--changed",
    "--update-baseline",
    "--watch",
    "--no-cache",
    "--help",
    "--external",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("runs")
    monkeypatch.setenv("KBTOOL_CACHE", str(folder))
    monkeypatch.setattr(stamp, "_FINE", 0)  # a run takes longer than a tick of the clock
    yield folder
    gc.enable()  # a run of lint disables it, for its own process


@pytest.fixture
def base(tmp_path, monkeypatch):
    (tmp_path / "kbtool.toml").write_text('preset = "plain"\n')
    (tmp_path / "a.md").write_text(GOOD)
    (tmp_path / "b.md").write_text("# B\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Lint:
    """Runs lint as its command does, and says whether it was said again."""

    def __init__(self, capsys, monkeypatch):
        self.capsys, self.monkeypatch = capsys, monkeypatch
        self.again = False

    def __call__(self, *arguments):
        told = []

        def replayed(tape, real=replay.Tape.replay):
            told.append(real(tape))
            return told[-1]

        with self.monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["kbtool", "lint", *arguments])
            patch.setattr(replay.Tape, "replay", replayed)
            with pytest.raises(SystemExit) as end:
                __main__.main()
        self.again = told not in ([], [None])
        said = self.capsys.readouterr()
        return said.out, said.err, end.value.code


@pytest.fixture
def lint(capsys, monkeypatch):
    return Lint(capsys, monkeypatch)


def settle():
    """Let the clock of the file system tick."""
    time.sleep(0.02)


def test_the_same_is_said_again(base, lint):
    (base / "a.md").write_text("# A\n\n[gone](gone.md)\n")
    settle()
    first = lint()
    assert not lint.again
    assert lint() == first
    assert lint.again
    assert first[2] == 1
    assert "KB101" in first[0]


def change(base, name):
    match name:
        case "page":
            (base / "b.md").write_text("# C\n")
        case "page of the same size and time":
            kept = (base / "b.md").stat()
            (base / "b.md").write_text("# C\n")
            os.utime(base / "b.md", ns=(kept.st_atime_ns, kept.st_mtime_ns))
        case "page put in its place":
            (base / "new").write_text("# C\n")
            os.replace(base / "new", base / "b.md")
        case "page gone":
            (base / "b.md").unlink()
        case "page new":
            (base / "c.md").write_text("[x](gone.md)\n")
        case "page renamed":
            (base / "b.md").rename(base / "B.md")
        case "folder in place of a page":
            (base / "b.md").unlink()
            (base / "b.md").mkdir()
        case "page a link":
            (base / "b.md").rename(base / "real.txt")
            (base / "b.md").symlink_to("real.txt")
        case "configuration":
            (base / "kbtool.toml").write_text('preset = "plain"\nignore = ["KB101"]\n')
        case "page closed":
            (base / "b.md").chmod(0)


@pytest.mark.parametrize(
    "name",
    [
        *("page", "page of the same size and time", "page put in its place", "page gone"),
        *("page new", "page renamed", "folder in place of a page", "page a link", "configuration"),
        "page closed",
    ],
)
def test_nothing_is_said_again_after_a_change(base, lint, name):
    settle()
    lint(), lint()
    assert lint.again
    change(base, name)
    settle()
    now = lint()
    # A page's text is the same behind a closed door; only the superuser can know.
    assert lint.again == (name == "page closed" and os.geteuid() == 0)
    assert now == lint("--no-cache")


def test_what_a_link_leads_to_counts(base, lint, tmp_path_factory):
    (base / "b.md").rename(base / "real.txt")
    (base / "b.md").symlink_to("real.txt")
    settle()
    lint(), lint()
    assert lint.again
    (base / "real.txt").write_text("# Other\n")
    settle()
    assert "KB102" in lint()[0]


def test_a_configuration_nearer_than_the_root_counts(base, lint, monkeypatch):
    (base / "deep").mkdir()
    (base / "deep" / "c.md").write_text("# C\n\n[x](../gone.md)\n")
    settle()
    lint("deep"), lint("deep")
    assert lint.again
    (base / "deep" / "kbtool.toml").write_text('preset = "plain"\n')
    settle()
    assert lint("deep") == lint("deep", "--no-cache")


@pytest.mark.parametrize("name", ["NO_COLOR", "TZ", "KBTOOL_X", "GIT_DIR", "HOME"])
def test_variables_count(base, lint, monkeypatch, name):
    settle()
    lint(), lint()
    assert lint.again
    monkeypatch.setenv(name, "/nowhere")
    lint()
    assert not lint.again


def test_the_day_counts(base, lint, monkeypatch):
    settle()
    lint(), lint()
    assert lint.again
    today = time.time()
    monkeypatch.setattr(replay.time, "time", lambda: today + 86_400)
    lint()
    assert not lint.again


def test_arguments_and_folder_count(base, lint, monkeypatch):
    settle()
    lint(), lint()
    lint("--strict")
    assert not lint.again
    (base / "deep").mkdir()
    monkeypatch.chdir(base / "deep")
    lint()
    assert not lint.again


def test_git_counts(tmp_path, monkeypatch, lint):
    repo = Repo(tmp_path)
    head = "[AGENTS.md](../AGENTS.md) > **vibe**\n\n# vibe\n\n> **Status**: Active\n"
    repo.write("vibe/README.md", head + "> **Last Updated**: 2026-01-01\n\n## S\n\nText.\n")
    repo.write("AGENTS.md", "# Agents\n")
    repo.commit("2025-12-01")
    repo.write("vibe/README.md", head + "> **Last Updated**: 2026-01-01\n\n## S\n\nOther text.\n")
    repo.commit("2026-01-01")
    monkeypatch.chdir(tmp_path)
    settle()
    lint("--select", "KB207"), lint("--select", "KB207")
    assert lint.again
    repo("commit", "-q", "--amend", "-m", "x", "--date=2026-02-01T12:00:00+0000")
    settle()
    now = lint("--select", "KB207")
    assert not lint.again
    assert now == lint("--select", "KB207", "--no-cache")
    assert "KB207" in now[0]


def test_what_is_as_young_as_the_run_is_not_kept(base, lint, monkeypatch):
    monkeypatch.setattr(stamp, "_FINE", 100_000_000)
    (base / "b.md").write_text("# B\n")
    lint(), lint()
    assert not lint.again


@pytest.mark.parametrize("broken", ["cut", "empty", "flipped", "foreign", "folder", "other kbtool"])
def test_a_damaged_cache_is_none(base, lint, own_cache, broken):
    settle()
    first = lint()
    (kept,) = (own_cache / "runs").iterdir()
    raw = kept.read_bytes()
    kept.unlink()
    match broken:
        case "cut":
            kept.write_bytes(raw[: len(raw) // 2])
        case "empty":
            kept.write_bytes(b"")
        case "flipped":
            kept.write_bytes(raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:])
        case "foreign":
            kept.write_bytes(b"\x89PNG\r\n" * 99)
        case "folder":
            kept.mkdir()
        case "other kbtool":
            kept.write_bytes(raw.replace(b"kbtool 0", b"kbtool 9", 1))
    assert lint() == first
    assert not lint.again


def test_what_is_intact_and_not_a_run_is_none(base, lint, own_cache):
    settle()
    first = lint()
    (kept,) = (own_cache / "runs").iterdir()
    for value in ((), ("x",), (1, 2, 3, 4, 5)):
        cache.write(f"runs/{kept.name}", value, 9)
        assert lint() == first
        assert not lint.again


@pytest.mark.parametrize("where", ["/dev/null/x", "/proc/nowhere"])
def test_a_cache_that_cannot_be_written_costs_only_time(base, lint, monkeypatch, where):
    settle()
    first = lint()
    monkeypatch.setenv("KBTOOL_CACHE", where)
    assert lint() == first == lint()


def test_of_many_runs_the_newest_stay(base, lint, own_cache):
    settle()
    for number in range(replay._MOST + 5):
        lint("--ignore", f"KB10{number % 5 + 1}", *["--strict"] * number)
    assert len(list((own_cache / "runs").iterdir())) == replay._MOST


def test_every_option_is_known_to_ask_or_to_do():
    options = {name for each in command.params for name in each.opts if name.startswith("-")}
    assert options - replay.ASKING - DOING == set()
    assert options >= replay.ASKING


# ---------------------------------------------------------------------- one page of many
@pytest.fixture
def looked_at(monkeypatch):
    """Return the pages that were looked at since it was last emptied."""
    paths = []

    real = Workspace._surveyed

    def heard(workspace, given, tree, unreadable):
        paths.extend(given)
        return real(workspace, given, tree, unreadable)

    monkeypatch.setattr(Workspace, "_surveyed", heard)
    return paths


def test_only_pages_that_changed_are_looked_at(base, lint, looked_at):
    for number in range(20):
        (base / f"page-{number}.md").write_text(f"# P\n\n[gone](gone-{number}.md) [b](b.md#b)\n")
    settle()
    lint()
    assert len(looked_at) == 22
    looked_at.clear()
    (base / "page-7.md").write_text("# P\n\n[gone](other.md)\n")
    (base / "new.txt").write_text("a name more")
    settle()
    now = lint()
    assert looked_at == ["page-7.md"]
    assert now == lint("--no-cache")
    assert "'other.md'" in now[0]


def test_findings_of_others_change_with_an_anchor(base, lint, looked_at):
    settle()
    assert lint()[2] == 0
    (base / "b.md").write_text("# C\n")
    looked_at.clear()
    settle()
    assert "no heading #b" in lint()[0]
    assert looked_at == ["b.md"]


@pytest.mark.parametrize("how", ["cut", "foreign", "of other pages"])
def test_a_damaged_memory_of_pages_is_none(base, lint, own_cache, how):
    settle()
    lint()
    (kept,) = (own_cache / "pages").iterdir()
    raw = kept.read_bytes()
    value = cache.read(f"pages/{kept.name}")
    match how:
        case "cut":
            kept.write_bytes(raw[: len(raw) // 2])
        case "foreign":
            kept.write_bytes(b"\x89PNG\r\n" * 99)
        case "of other pages":
            cache.write(f"pages/{kept.name}", (("another",), *value[1:]), 9)
    (base / "b.md").write_text("# C\n")
    settle()
    assert lint() == lint("--no-cache")


def test_no_rule_a_survey_suffices_for_silences_another():
    seen = {rule.id for rule in RULES if surveyed(rule)}
    assert not seen & {stronger for stronger, _ in SILENCES}


# ---------------------------------------------------------------------- any change, any order
NAMES = ("a.md", "b.md", "deep/c.md", "deep/d.md", "note.txt")
TEXTS = (
    *(
        "# A\n\n[b](b.md#b) [c](deep/c.md#c)\n",
        "# A\n\n[b](b.md#c)\n",
        "# B\n",
        "# C\n",
        "# B\n\nx\n",
    ),
    *("# C\n\n[a](../a.md#a)\n", "# C\n\n[a](../a.md#b) [g](g.md)\n", "<a id='b'></a>\n\n# A\n"),
    *("# A\n\n[b](b.md#b)\n", "# B\n\n[up](../a.md)\n", "# B\n\n## C\n", "[x][gone]\n", ""),
    *("# A\n\n<!-- kb-ignore KB101: so -->\n[g](gone.md)\n", "[c](deep/c.md) [d](deep/D.md#x)\n"),
    *("# \n\n[w]([[b]]) [[b]] ![i](note.txt)\n", "# A\n\n[b](deep)\n", "\xff"),
)
CHANGES = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from(TEXTS)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("move"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
)


def apply(root, kind, name, value):
    path = root / name
    if kind == "write":
        path.write_bytes(value.encode("latin-1"))
    elif kind == "remove":
        path.unlink(missing_ok=True)
    elif path.exists():
        path.replace(root / value)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CHANGES, min_size=1, max_size=4), min_size=1, max_size=4))
def test_after_any_changes_the_warm_run_says_what_the_cold_one_says(lint, monkeypatch, steps):
    root = Path(tempfile.mkdtemp())
    try:
        (root / "deep").mkdir()
        (root / "kbtool.toml").write_text('preset = "plain"\n')
        monkeypatch.chdir(root)
        for step in steps:
            for each in step:
                apply(root, *each)
            settle()
            cold = lint("--no-cache", "--format", "json")
            assert lint("--format", "json") == cold
            assert lint("--format", "json") == cold
    finally:
        shutil.rmtree(root)


WORDS = "# B\n\n## C\n\n[a](a.md#a) and ![i](i.png)\n"


@pytest.mark.parametrize(
    ("text", "again"),
    [
        (WORDS + "\nOne sentence more, `code` and <b>bold</b>.\n", True),
        ("One before.\n\n" + WORDS, True),
        (WORDS.replace("## C", "## *C*"), True),
        (WORDS.replace(" and ![i](i.png)", ""), True),
        ("---\nx: y\n---\n\n" + WORDS, True),
        (WORDS + "\n[a](a.md)\n", False),
        (WORDS + "\n[g](gone.md)\n", False),
        (WORDS.replace("## C", "### C"), False),
        (WORDS.replace("## C", "## D"), False),
        (WORDS + "\n<a id='c-1'></a>\n", False),
        (WORDS + "\n[x][gone]\n", False),
        (WORDS + "\n[[a]]\n", False),
        (WORDS + "\n<!-- kb-ignore KB101: so -->\n", False),
        (WORDS + "\n```mermaid\ngraph\n```\n", False),
        (WORDS + "\n<a href='a.md'>x</a>\n", False),
    ],
)
@pytest.mark.parametrize("how", ["in place", "in one move"])
def test_a_page_that_changed_in_words_only_is_said_again(base, lint, text, again, how):
    (base / "b.md").write_text(WORDS)
    (base / "i.png").write_text("")
    (base / "a.md").write_text("# A\n\n[b](b.md#c) [gone](gone.md)\n")
    settle()
    first = lint("--format", "json")
    for more in ("", "\nAnd one more.\n") if again else ("",):
        if how == "in place":
            (base / "b.md").write_text(text + more)
        else:
            (base / "b.new").write_text(text + more)
            os.replace(base / "b.new", base / "b.md")
        settle()
        told = lint("--format", "json")
        assert lint.again == again
        assert told == lint("--format", "json", "--no-cache")
        assert (told == first) or not again
        assert lint("--format", "json") == told
        assert lint.again


FOUND = "# B\n\n[gone](gone.md) and [a](A.md)\n\nWords. [a](a.md#a)\n"


@pytest.mark.parametrize(
    ("text", "again"),
    [
        (FOUND + "\nOne sentence more.\n", True),
        (FOUND.replace("Words", "Other words"), True),
        ("One before.\n\n" + FOUND, False),
        (FOUND.replace("[gone]", "[longer]"), False),
        (FOUND.replace(" and [a](A.md)", "") + "\n[a](A.md)\n", False),
        (FOUND + "[gone](gone.md)\n", False),
        (FOUND.replace("[a](a.md#a)", ""), False),
        (FOUND + "\n[gone]: a.md\n", False),
        (FOUND.replace("[gone](gone.md) and", "`[gone](gone.md)` and") + "[g](gone.md)", False),
        (FOUND + "\n[x][y]\n", False),
        (FOUND + "\n<!-- kb-ignore KB101: x -->\n", False),
    ],
)
def test_what_changed_behind_all_that_was_found_is_said_again(base, lint, text, again):
    (base / "b.md").write_text(FOUND)
    settle()
    first = lint()
    assert first[0].count("KB10") == 2
    for more in ("", "And more.\n") if again else ("",):
        (base / "b.md").write_text(text + more)
        settle()
        told = lint()
        assert lint.again == again
        assert told == lint("--no-cache")
        assert (told == first) == again or text.endswith("a.md\n") or "[a](a.md#a)" not in text


def test_what_was_code_behind_all_that_was_found_may_be_a_link_now(base, lint):
    (base / "b.md").write_text(FOUND + "\n`[g](gone-too.md)`\n")
    settle()
    lint()
    (base / "b.md").write_text(FOUND + "\n[g](gone-too.md) too\n")
    settle()
    assert lint() == lint("--no-cache")


def test_what_another_page_changed_is_not_what_was_found_before(base, lint):
    """A page of which no word changed has one more finding behind the first."""
    (base / "a.md").write_text("# A\n\n[gone](gone.md)\n\n[b](b.md#b)\n\nWords.\n")
    settle()
    lint()
    for name, text in (("b.md", "# C\n"), ("a.md", None), ("b.md", "# B\n"), ("a.md", None)):
        (base / name).write_text(text or (base / name).read_text() + "\nMore.\n")
        settle()
        assert lint() == lint("--no-cache")


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("[a [b][c]](gone.md)\n\nWords.\n", "[c]: gone.md\n"),
        ("[a [b][c]](gone.md)\n\n[c]: a.md\n", "\nx\n"),
        ("[x](gone.md) `\nWords.\n", "` [x](gone.md)\n"),
        ("<script>\n<a href='gone.md'\n\n", "></script>\n"),
        ("<script>\n<a href='gone.md'\n\n>x</a></script>\n", "\nWords.\n"),
        ("[x][y]\n\nWords.\n\n[y]: gone.md\n\nWords.\n", "More.\n"),
        ("- [x](gone.md)\n\n  Words.\n", "  More.\n"),
    ],
)
def test_what_follows_may_matter_to_what_was_found(base, lint, text, more):
    (base / "b.md").write_text(text)
    settle()
    lint()
    (base / "b.md").write_text(text + more)
    settle()
    assert lint() == lint("--no-cache")


@pytest.mark.parametrize("name", ["new.txt", "folder/", "gone", ".hidden/"])
def test_a_folder_of_other_names_is_looked_at_anew(base, lint, name):
    (base / "gone").write_text("")
    settle()
    lint()
    if name == "gone":
        (base / name).unlink()
    elif name.endswith("/"):
        (base / name).mkdir()
    else:
        (base / name).write_text("")
    (base / "b.md").write_text("# B\n\nWords.\n")
    settle()
    told = lint()
    assert not lint.again
    assert told == lint("--no-cache")


def test_what_git_writes_into_its_folder_is_nothing_new(base, lint):
    (base / ".git").mkdir()
    settle()
    first = lint()
    (base / ".git" / "index.lock").write_text("")
    settle()
    assert lint() == first
    assert lint.again


@pytest.mark.parametrize(
    ("name", "text", "again"),
    [
        ("code.py", "x = 2\n", True),
        ("mkdocs.yml", "site_name: x\ndocs_dir: other\n", False),
        ("base.yml", "docs_dir: other\n", False),
        ("kbtool.toml", 'preset = "plain"\nignore = ["KB101"]\n', False),
    ],
)
def test_of_a_file_nobody_reads_only_the_name_counts(base, lint, name, text, again):
    (base / "docs").mkdir()
    (base / "docs" / "c.md").write_text("# C\n\n[d](d.md) [gone](../gone.md)\n")
    (base / "docs" / "d.md").write_text("# D\n")
    (base / "code.py").write_text("x = 1\n")
    (base / "base.yml").write_text("site_name: y\n")
    (base / "mkdocs.yml").write_text("INHERIT: base.yml\n")
    settle()
    lint("--ignore", "KB302")
    (base / name).write_text(text)
    settle()
    told = lint("--ignore", "KB302")
    assert lint.again == again
    assert told == lint("--ignore", "KB302", "--no-cache")
    (base / "code.py").unlink()
    (base / "code.py").symlink_to("base.yml")
    settle()
    lint("--ignore", "KB302")
    assert not lint.again


def test_kbtools_own_files_are_read(base, lint, monkeypatch, own_cache):
    (base / "own.py").write_text("")
    monkeypatch.setattr(replay, "own_files", lambda: [str(base / "own.py")])
    monkeypatch.setattr("kbtool.app.recall.own_files", lambda: [str(base / "own.py")])
    settle()
    lint()
    (base / "own.py").write_text("x = 1\n")
    settle()
    lint()
    assert not lint.again


@pytest.mark.parametrize("trouble", ["other pages", "no file", "another time"])
def test_pages_that_are_not_what_the_run_saw_tell_nothing(own_cache, base, lint, trouble):
    settle()
    lint()
    (kept,) = (own_cache / "pages").iterdir()
    value = cache.read(f"pages/{kept.name}")
    match trouble:
        case "no file":
            kept.unlink()
        case "another time":
            cache.write(f"pages/{kept.name}", (value[0], value[1] + 1, *value[2:]), 9)
        case "other pages":
            stamps = dict.fromkeys(value[5], (0, 0, 0, 0))
            cache.write(f"pages/{kept.name}", (*value[:5], stamps, *value[6:]), 9)
    (base / "b.md").write_text("# B\n\nWords.\n")
    settle()
    told = lint()
    assert not lint.again
    assert told == lint("--no-cache")


SITE = "site_name: x\n"
HEADING = "# B\n\n## Über uns\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mkdocs.yml", SITE + "markdown_extensions:\n  - toc:\n      permalink: true\n"),
        ("mkdocs.yml", SITE + "docs_dir: other\n"),
        ("mkdocs.yml", "site_name: [\n"),
        ("docs/b.md", "# B\n\n## UBER uns\n"),
        ("docs/b.md", "# B\n\n## Andere {: #uber-uns }\n"),
        ("docs/b.md", "---\nslug: c\n---\n\n" + HEADING),
        ("docs/a.md", "# A\n\n[b](../b/#uber-uns) <a href='../b/'>b</a> <a href='b.md'>b</a>\n"),
        ("docs/new.md", "# New\n"),
        ("docs/b.md", HEADING + "\nWords, and `{ #code }`.\n"),
        ("docs/b.md", HEADING + "\nWords {: #gone }\n"),
        ("docs/b.md", HEADING + '\n--8<-- "x.md"\n'),
        ("docs/b.md", HEADING + "\n!!! note\n    ## Gone\n"),
        ("docs/b.md", HEADING + "\n!!! note\n\n    ## Gone\n\n    [x](gone.md)\n"),
    ],
)
def test_on_a_site_too_the_warm_run_says_what_the_cold_one_says(
    tmp_path, monkeypatch, lint, name, text
):
    (tmp_path / "docs").mkdir()
    pages = {"docs/a.md": "# A\n\n[b](b.md#uber-uns) [c](b/#gone)\n", "docs/b.md": HEADING}
    for path, written in {"mkdocs.yml": SITE, **pages}.items():
        (tmp_path / path).write_text(written)
    monkeypatch.chdir(tmp_path)
    settle()
    assert "#gone" in lint("--ignore", "KB302")[0]
    (tmp_path / name).write_text(text)
    settle()
    with monkeypatch.context() as patch:
        patch.setattr("kbtool.app.lint.surveyed", lambda _: False)
        told = lint("--ignore", "KB302", "--no-cache")
    assert lint("--ignore", "KB302") == told == lint("--ignore", "KB302")
    assert lint("--ignore", "KB302", "--no-cache") == told


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("content/b.md", "---\ndraft: true\n---\n\n# B\n\n## Über uns\n"),
        ("content/b.md", "---\nurl: /other/\n---\n\n# B\n\n## Über uns\n"),
        ("content/b.md", "# B\n\n## Über uns\n\n{{% include x %}}\n"),
        ("content/deep/b.md", "---\ndraft: true\n---\n\n# B\n"),
        ("content/a.md", '# A\n\n{{< ref "gone" >}} {{< ref "b.md" >}} [b](/b/#gone)\n'),
        ("content/a.md", '# A\n\n`{{< relref "c.md" >}}` [b](/b/#über-uns)\n'),
        ("content/c.md", "# C\n"),
        ("content/inner/mkdocs.yml", SITE),
        ("hugo.toml", 'baseURL = "https://x.y/z/"\n'),
    ],
)
def test_on_a_hugo_site_the_warm_run_says_what_the_cold_one_says(
    tmp_path, monkeypatch, lint, name, text
):
    pages = {
        "hugo.toml": "",
        "content/a.md": '# A\n\n{{< ref "gone" >}} {{< ref "b.md" >}} [b](/b/#über-uns) [x](/b/#gone)\n',
        "content/b.md": "# B\n\n## Über uns\n",
        "content/deep/b.md": "# B\n",
        "content/inner/docs/i.md": "# I\n\n[b](../b.md)\n",
    }
    for path, written in pages.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(written)
    monkeypatch.chdir(tmp_path)
    settle()
    assert "KB101" in lint("--ignore", "KB302")[0]
    for change in (text, text + "\nWords.\n"):
        (tmp_path / name).write_text(change)
        settle()
        with monkeypatch.context() as patch:
            patch.setattr("kbtool.app.lint.surveyed", lambda _: False)
            told = lint("--ignore", "KB302", "--no-cache")
        assert lint("--ignore", "KB302") == told == lint("--ignore", "KB302")


# ---------------------------------------------------------------------- processes
def process(base, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "kbtool", "lint", *arguments],
        cwd=base,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_several_processes_at_once_say_the_same(base):
    (base / "c.md").write_text("[gone](gone.md)\n")
    time.sleep(0.2)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: process(base), range(8)))
    assert {(each.stdout, each.stderr, each.returncode) for each in done} == {
        (done[0].stdout, b"", 1)
    }
    assert b"KB101" in done[0].stdout


# ---------------------------------------------------------------------- one process or several
@pytest.fixture
def processors(monkeypatch):
    def have(count):
        monkeypatch.setattr(forked, "_processors", lambda: count)
        monkeypatch.setattr(workspace, "_PAGES_A_PROCESS", 1)

    return have


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGES, min_size=1, max_size=8), st.sampled_from(["text", "json", "sarif"]))
def test_several_processors_say_what_one_says(lint, monkeypatch, processors, changes, form):
    root = Path(tempfile.mkdtemp())
    try:
        (root / "deep").mkdir()
        (root / "kbtool.toml").write_text('preset = "plain"\n')
        monkeypatch.chdir(root)
        for each in changes:
            apply(root, *each)
        said = []
        for count in (1, 2, 3):
            processors(count)
            said.append(lint("--no-cache", "--format", form))
        assert said[0] == said[1] == said[2]
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("trouble", ["no pipe", "no process", "it ends early", "it says nonsense"])
def test_a_process_that_fails_costs_only_time(base, lint, monkeypatch, processors, trouble):
    (base / "b.md").write_text("# C\n\n[gone](gone.md)\n")
    alone = lint("--no-cache")
    processors(2)

    def refuse():
        raise OSError(errno.EAGAIN, "no more")

    begun = forked._begun

    def late(part, work):
        if trouble == "it ends early":
            return begun(part, lambda _: os._exit(1))
        return begun(part, lambda _: object())  # what marshal does not write

    match trouble:
        case "no pipe":
            monkeypatch.setattr(os, "pipe", refuse)
        case "no process":
            monkeypatch.setattr(os, "fork", refuse)
        case _:
            monkeypatch.setattr(forked, "_begun", late)
    assert lint("--no-cache") == alone
    assert "KB101" in alone[0]


@pytest.mark.slow
def test_the_corpora_are_told_the_same_in_every_way(
    corpus, lint, monkeypatch, tmp_path, processors
):
    """Read in full, surveyed by one and by two processes, kept and said again."""
    top = Path(os.path.commonpath(corpus))
    configured = [each for kind in ("*.yml", "*.json") for each in top.rglob(kind)]
    for page in (*corpus[::7], *configured):
        copy = tmp_path / page.relative_to(top)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(page.read_bytes())
    (tmp_path / "kbtool.toml").write_text('preset = "plain"\nignore = ["KB302"]\n')
    monkeypatch.chdir(tmp_path)
    time.sleep(0.2)
    with monkeypatch.context() as patch:
        patch.setattr("kbtool.app.lint.surveyed", lambda _: False)
        told = lint("--no-cache", "--format", "json")
    assert told[0].count('"rule"') > 100
    assert "mkdocs" in told[1]
    assert "docfx" in told[1]
    for count in (1, 2):
        processors(count)
        assert lint("--no-cache", "--format", "json") == told
    assert lint("--format", "json") == told
    assert lint("--format", "json") == told
    assert lint.again
    changed = tmp_path / corpus[0].relative_to(top)
    changed.write_bytes(changed.read_bytes() + b"\n## New\n\n[x](gone.md) [y](#new)\n")
    settle()
    assert lint("--format", "json") == lint("--no-cache", "--format", "json")


# What a warm run may import of kbtool, and what no warm run may.
OURS = {"kbtool", "kbtool.__main__", "kbtool.adapters", "kbtool.adapters.replay"}
OURS |= {"kbtool.cache", "kbtool.stamp"}
HEAVY = {"click", "dataclasses", "typing", "pathlib", "re", "json", "tempfile", "subprocess"}


def test_a_warm_run_imports_next_to_nothing(base):
    time.sleep(0.2)
    program = (
        "import sys; before = set(sys.modules); sys.argv = ['kbtool', 'lint']\n"
        "from kbtool.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "print('\\n'.join(sorted(set(sys.modules) - before)), file=sys.stderr)\n"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-S", "-c", program],
            cwd=base,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    loaded = set(done.stderr.split())
    assert {name for name in loaded if name.startswith("kbtool")} <= OURS
    assert not loaded & HEAVY
