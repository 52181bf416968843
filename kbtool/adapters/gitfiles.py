"""The files git's answers rest on, to know without asking git that they are still the same.

Source: gitrepository-layout, git-config FILES, gitignore and gitattributes of git 2.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OF_WORKTREE: Final = ("HEAD", "index", "config.worktree", "refs", "info/sparse-checkout")
_OF_REPOSITORY: Final = (
    *("HEAD", "config", "packed-refs", "refs", "reftable", "shallow"),
    *("info/exclude", "info/attributes", "info/grafts", "objects/info/alternates"),
)
_BESIDE: Final = (".git", ".gitignore", ".gitattributes")
_ELSEWHERE: Final = re.compile(r"include|excludesfile|attributesfile|worktree\s*=", re.IGNORECASE)


def watched(root: Path) -> list[str] | None:
    """Return the files and folders, there or not, that what git says of a folder rests on.

    None where the configuration leads to others.
    """
    found = [shutil.which("git") or "/usr/bin/git", "/etc/gitattributes"]
    configurations = list(_own_configuration())
    for folder in (root, *root.parents):
        found += (str(folder / name) for name in _BESIDE)
        inner = _inner(folder)
        if inner is not None:
            common = _common(inner)
            configurations += (str(common / "config"), str(inner / "config.worktree"))
            found += _below(inner, _OF_WORKTREE)
            found += _below(common, _OF_REPOSITORY)
            found += (str(inner / "commondir"), str(inner))
            break
    if any(_ELSEWHERE.search(_text(Path(path)) or "") for path in configurations):
        return None
    return [*found, *configurations, *_own_lists()]


def _own_configuration() -> Iterator[str]:
    yield os.environ.get("GIT_CONFIG_GLOBAL") or os.path.expanduser("~/.gitconfig")
    yield f"{_home()}/config"


def _own_lists() -> Iterator[str]:
    yield from (f"{_home()}/ignore", f"{_home()}/attributes")


def _home() -> str:
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return f"{base}/git"


def _inner(folder: Path) -> Path | None:
    """Return the repository of a work tree; of a linked one, its part of it."""
    whole = folder / ".git"
    if whole.is_dir():
        return whole
    written = _text(whole)
    if written is None or not written.startswith("gitdir:"):
        return None
    return folder / written.removeprefix("gitdir:").strip()


def _common(inner: Path) -> Path:
    written = _text(inner / "commondir")
    return inner / written.strip() if written else inner


def _below(folder: Path, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        whole = str(folder / name)
        yield whole
        for where, folders, files in os.walk(whole):
            yield from (os.path.join(where, each) for each in (*folders, *files))


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return None
