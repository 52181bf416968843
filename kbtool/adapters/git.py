"""Questions to git. Without git, or outside of a repository, there is simply no answer."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PATIENCE: Final = 60.0  # seconds for one answer
_SETTINGS: Final = (
    "advice.graftFileDeprecated=false",  # said of every graft file, ours is empty
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "diff.renameLimit=1000",
    f"diff.orderFile={os.devnull}",
    "log.showRoot=true",
    "log.showSignature=false",
)


_OWN: Final = ("GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME")  # where a person says what is safe


class GitError(Exception):
    """Git gave no answer; the text says why, in a few words."""


class Settled(GitError):
    """What git answered is so, and stays so while the repository does."""


class NothingThere(GitError):
    """Git answered, without complaint, that there is none."""


def environment() -> Mapping[str, str]:
    """Return the whole environment of a git: no repository but the folder's own can be meant.

    No operator configuration can change what is printed, no prompt can wait, nothing is fetched,
    nothing is written, and history is what was committed.
    """
    own = {name: os.environ[name] for name in _OWN if name in os.environ}
    return own | {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def command(root: Path, *arguments: str) -> list[str]:
    """Return the command line; what a repository's configuration could start is switched off."""
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    return ["git", "-C", str(root), "--no-pager", *settings, *arguments]


def answer(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Return what git prints.

    Raises:
        NothingThere: it says, by its exit code alone, that there is nothing.
        GitError: git is missing, refuses, fails, or does not end.
    """
    try:
        done = subprocess.run(
            command(root, *arguments),
            capture_output=True,
            env=environment(),
            input=given,
            check=False,
            timeout=PATIENCE,
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed") from error
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git gave no answer within {PATIENCE:.0f} s") from error
    if done.returncode == 1 and not done.stderr:
        raise NothingThere("git has no answer")
    if done.returncode:
        raise _failed(root, done.stderr.decode("utf-8", "replace"))
    return done.stdout


def _failed(root: Path, complaint: str) -> GitError:
    if "not a git repository" in complaint:
        return Settled("not a git repository")
    if "dubious ownership" in complaint:
        trust = f"git config --global --add safe.directory {root}"
        return GitError(f"git distrusts a folder of another user ({trust})")
    lines = [line for line in complaint.splitlines() if not line.startswith(("hint:", "warning:"))]
    return GitError(f"git failed: {lines[0].removeprefix('fatal: ')}" if lines else "git failed")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        return answer(root, *arguments).decode("utf-8", "replace")
    except GitError:
        return None


def head(root: Path) -> str:
    """Return the commit checked out, with `+` when the tree differs; "" where there is none."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return ""
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return commit.strip() + ("+" if changed else "")


def show(root: Path, revision: str, path: str) -> str | None:
    """Return the text of a file at a revision, None where there is none."""
    return _git(root, "show", "--no-textconv", "--no-ext-diff", f"{revision}:./{path}")


def knows(root: Path, revision: str) -> bool:
    """Return whether the revision names a commit."""
    return _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is not None
