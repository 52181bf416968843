"""Finding the root, reading the tree, writing all or nothing."""

import os

import pytest

from kbtool.errors import UsageError
from kbtool.workspace import WriteError, find_root, open_workspace


def tree(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("# X\n") if not path.endswith("/") else (folder / path).mkdir(
            exist_ok=True
        )


@pytest.mark.parametrize(
    ("files", "start", "root", "preset"),
    [
        (["p/kbtool.toml", "p/vibe/a.md"], "p/vibe/a.md", "p", "lab"),
        (["p/.git/x", "p/vibe/a.md"], "p/vibe", "p", "lab"),
        (["p/.git/x", "p/docs/a.md"], "p/docs", "p", "plain"),
        (["p/.git/x", "p/q/.git/x", "p/q/a.md"], "p/q/a.md", "p/q", "plain"),
        (["p/vibe/x/a.md"], "p/vibe/x", "p", "lab"),
        (["p/docs/a.md"], "p/docs", "p/docs", "plain"),
        (["p/docs/a.md"], "p/docs/a.md", "p/docs", "plain"),
    ],
)
def test_roots(tmp_path, files, start, root, preset):
    tree(tmp_path, *files)
    for path in files:
        if path.endswith("kbtool.toml"):
            (tmp_path / path).write_text("")
    found = find_root([str(tmp_path / start)])
    assert (found.path, found.preset) == (tmp_path / root, preset)


def test_the_current_folder_without_paths(tmp_path, monkeypatch):
    tree(tmp_path, ".git/x", "vibe/a/b.md")
    monkeypatch.chdir(tmp_path / "vibe/a")
    assert find_root([]).path == tmp_path


def test_paths_of_two_projects(tmp_path):
    tree(tmp_path, "p/.git/x", "q/a.md")
    with pytest.raises(UsageError, match="is not under"):
        find_root([str(tmp_path / "p"), str(tmp_path / "q")])


def test_base_by_configuration(tmp_path):
    tree(tmp_path, "docs/a.md", "b.md", "other/c.md")
    (tmp_path / "kbtool.toml").write_text('base = "docs"\n')
    assert set(open_workspace([str(tmp_path)]).load().pages) == {"docs/a.md", "b.md"}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff", "not UTF-8: byte 0xff at offset 0"),
        (b"x" * (11 << 20), "too large: 11 MB, at most 10 MB are read"),
    ],
)
def test_what_cannot_be_read(tmp_path, raw, why):
    tree(tmp_path, "ok.md")
    (tmp_path / "bad.md").write_bytes(raw)
    kb = open_workspace([str(tmp_path)]).load()
    assert kb.unreadable == {"bad.md": why}
    assert set(kb.pages) == {"ok.md"}


def test_links_in_the_file_system(tmp_path):
    tree(tmp_path, "p/real.md", "outside.md")
    links = {
        "same.md": "real.md",
        "out.md": "../outside.md",
        "loop.md": "loop.md",
        "gone.md": "nowhere",
    }
    for name, target in links.items():
        (tmp_path / "p" / name).symlink_to(target)
    (tmp_path / "p" / "up").symlink_to("..")
    os.mkfifo(tmp_path / "p" / "pipe.md")
    kb = open_workspace([str(tmp_path / "p")]).load()
    assert set(kb.pages) == {"real.md", "same.md"}
    assert kb.unreadable["out.md"] == "a symbolic link that leaves the repository"
    assert kb.unreadable["loop.md"] == "a symbolic link in a loop"
    assert kb.unreadable["gone.md"] == "a broken symbolic link"
    assert kb.unreadable["pipe.md"] == "not a regular file"


def test_a_name_that_is_not_utf8(tmp_path):
    tree(tmp_path, "ok.md")
    with open(os.fsencode(tmp_path) + b"/\xff.md", "wb"):
        pass
    assert list(open_workspace([str(tmp_path)]).load().unreadable.values()) == [
        "its name is not UTF-8"
    ]


def test_what_tools_made_is_no_page(tmp_path):
    tree(tmp_path, "a.md", "node_modules/b.md", ".venv/c.md", ".github/d.md", "x/__pycache__/e.md")
    assert set(open_workspace([str(tmp_path)]).load().pages) == {"a.md", ".github/d.md"}


@pytest.mark.parametrize("raw", [b"a\nb\n", b"a\r\nb\r\n", b"\xef\xbb\xbfa\n", b"a"])
def test_what_is_written_back_is_the_same_file(tmp_path, raw):
    (tmp_path / "a.md").write_bytes(raw)
    (tmp_path / "a.md").chmod(0o640)
    workspace = open_workspace([str(tmp_path)])
    kb = workspace.load()
    assert "\r" not in kb.pages["a.md"].text
    workspace.write({"a.md": kb.pages["a.md"].text})
    assert (tmp_path / "a.md").read_bytes() == raw
    assert (tmp_path / "a.md").stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.md"]


def test_all_or_nothing(tmp_path):
    tree(tmp_path, "a.md", "b.md")
    workspace = open_workspace([str(tmp_path)])
    workspace.load()
    with pytest.raises(WriteError, match=r"a\.md/x\.md cannot be written") as refused:
        workspace.write({"b.md": "new\n", "a.md/x.md": "new\n"})
    assert refused.value.hint == "nothing was changed"
    assert (tmp_path / "b.md").read_text() == "# X\n"
    assert sorted(os.listdir(tmp_path)) == ["a.md", "b.md"]


def test_files_are_read_beneath_the_root_only(tmp_path):
    tree(tmp_path, "p/.git/x", "p/in.txt", "out.txt")
    (tmp_path / "p/link.txt").symlink_to("../out.txt")
    workspace = open_workspace([str(tmp_path / "p")])
    assert workspace.raw("in.txt") == b"# X\n"
    for path in ("../out.txt", "link.txt", str(tmp_path / "out.txt"), "gone", "in.txt\0"):
        assert workspace.raw(path) is None
        assert workspace.digest(path) is None


def test_a_new_file_is_written_over_nothing(tmp_path):
    tree(tmp_path, ".git/x", "vibe/a.md")
    workspace = open_workspace([str(tmp_path)])
    workspace.load()
    with pytest.raises(WriteError, match="it is there already"):
        workspace.write({"vibe/b.md": "# B\n", "vibe/a.md": "# New\n"}, new=["vibe/a.md"])
    assert (tmp_path / "vibe/a.md").read_text() == "# X\n"
    assert not (tmp_path / "vibe/b.md").exists()
    workspace.write({"vibe/c/b.md": "# B\n", "vibe/a.md": "# Old\n"}, new=["vibe/c/b.md"])
    assert (tmp_path / "vibe/c/b.md").read_text() == "# B\n"
    assert (tmp_path / "vibe/a.md").read_text() == "# Old\n"
