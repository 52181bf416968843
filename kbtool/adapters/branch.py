"""The branch this work will be merged into, and what happened there meanwhile."""

from collections.abc import Iterator

from kbtool.adapters.checkout import Checkout
from kbtool.adapters.git import NothingThere, Settled, answer
from kbtool.graph.facts import BaseBranch

_USUAL = ("main", "master")


def base_branch(here: Checkout, configured: str) -> BaseBranch | None:
    """Return the branch `configured` names, else the default one of origin, else the usual one.

    None before the first commit.

    Raises:
        GitError: there is no such branch, or it has nothing to do with this work.
    """
    if here.head is None:
        return None
    name, tip = _tip(here, configured)
    fork = _fork(here, name, tip)
    files = here.files(fork)
    added = here.files(tip).keys() - files.keys()

    def text(path: str) -> str | None:
        entry = files.get(path)
        return here.blobs.text(entry.blob) if entry and entry.regular else None

    return BaseBranch(name, frozenset(added), frozenset(files), text)


def base_branch_point(here: Checkout, configured: str) -> str:
    """Return the commit where this work left its base branch.

    Raises:
        GitError: there is no such branch, or it has nothing to do with this work.
    """
    return _fork(here, *_tip(here, configured))


def _tip(here: Checkout, configured: str) -> tuple[str, str]:
    for reference in _named(configured) if configured else _default(here):
        commit = here.commit(reference)
        if commit:
            return reference.removeprefix("refs/heads/").removeprefix("refs/remotes/"), commit
    if configured:
        raise Settled(f"no branch {configured} here (base-branch)")
    raise Settled("no base branch here (origin/HEAD, main, master); base-branch names another")


def _named(name: str) -> Iterator[str]:
    yield from (f"refs/remotes/origin/{name}", f"refs/heads/{name}", f"refs/remotes/{name}")


def _default(here: Checkout) -> Iterator[str]:
    try:
        origin = answer(here.root, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        yield origin.decode("utf-8", "replace").strip()
    except NothingThere:
        pass  # a clone of one commit, or a repository of its own
    for name in _USUAL:
        yield from _named(name)


def _fork(here: Checkout, name: str, tip: str) -> str:
    try:
        return answer(here.root, "merge-base", "HEAD", tip).decode().strip()
    except NothingThere as error:
        hint = " in this shallow clone (git fetch --unshallow)" if here.shallow else ""
        raise Settled(f"no commit in common with {name}{hint}") from error
