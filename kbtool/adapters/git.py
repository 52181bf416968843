"""Questions to git. Without git, or outside of a repository, there is simply no answer."""

import os
import subprocess
from pathlib import Path


def _git(root: Path, *arguments: str) -> str | None:
    # No operator configuration can change what is printed, no prompt can wait, no hook can run.
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    command = ["git", "-C", str(root), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def head(root: Path) -> str:
    """Return the commit checked out, with `+` when the tree differs; "" where there is none."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return ""
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return commit.strip() + ("+" if changed else "")


def show(root: Path, revision: str, path: str) -> str | None:
    """Return the text of a file at a revision, None where there is none."""
    return _git(root, "show", f"{revision}:./{path}")


def knows(root: Path, revision: str) -> bool:
    """Return whether the revision names a commit."""
    return _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is not None
