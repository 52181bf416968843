"""Which files differ from a revision: committed since, not committed yet, or unknown to git."""

from pathlib import Path

from kbtool.adapters.branch import base_branch_point
from kbtool.adapters.checkout import Checkout, decoded
from kbtool.adapters.git import GitError, NothingThere, answer


def changed_files(root: Path, base: str, configured: str) -> frozenset[str]:
    """Return the files below the root that changed since this work left `base`.

    `base` is a branch or any revision; "" is the configured base branch, else the usual one. Files
    that went are named too. Before the first commit everything is new.

    Raises:
        GitError: git cannot tell, or knows no such revision.
    """
    here = Checkout(root)
    try:
        if here.head is None:
            return frozenset(here.present)
        fork = _fork(here, base) if base else base_branch_point(here, configured)
        asked = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--relative", fork)
        changed = answer(root, *asked, "--")
        untracked = answer(root, "ls-files", "-z", "--others", "--exclude-standard")
        return frozenset(filter(None, map(decoded, (changed + untracked).split(b"\0"))))
    finally:
        here.close()


def _fork(here: Checkout, base: str) -> str:
    if base.startswith("-"):
        raise GitError(f"git knows no revision {base!r}")
    commit = here.commit(f"refs/remotes/origin/{base}") or _revision(here, base)
    try:
        return decoded(answer(here.root, "merge-base", "HEAD", commit)).strip()
    except NothingThere as error:
        hint = " in this shallow clone (git fetch --unshallow)" if here.shallow else ""
        raise GitError(f"no commit in common with {base}{hint}") from error


def _revision(here: Checkout, base: str) -> str:
    commit = here.commit(base)
    if commit is None:
        raise GitError(f"git knows no revision {base!r}")
    return commit
