"""What a project's git repository tells the rules; what it cannot tell is said once."""

import os
from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import cached_property
from pathlib import Path

from kbtool.adapters.branch import base_branch
from kbtool.adapters.checkout import Checkout
from kbtool.adapters.git import GitError, Settled
from kbtool.adapters.gitfiles import watched
from kbtool.adapters.history import History
from kbtool.graph.facts import BaseBranch, Revision

_NO_HISTORY = "KB207 is not checked"
_NO_BRANCH = "KB402 and KB406 are not compared with it"


class Repository:
    """Facts for rules. The first question starts git; once it failed, it is not asked again."""

    def __init__(self, root: Path, base: str, today: date, say: Callable[[str], None]) -> None:
        """Take the project's root, the configured base branch ("": none), and where to say why."""
        self._root = root
        self._base = base
        self._today = today
        self._say = say
        self._lost = False
        self.settled = True  # asked again, git would say the same of the same repository

    @cached_property
    def _checkout(self) -> Checkout | None:
        try:
            return Checkout(self._root)
        except GitError as error:
            self._tell(error, "KB207, KB402 and KB406 look at the pages alone")
            return None

    @cached_property
    def _history(self) -> History | None:
        here = self._checkout
        if here and here.shallow:
            self._say(f"a shallow clone: {_NO_HISTORY} (git fetch --unshallow)")
            return None
        return History(here, self._today) if here else None

    def revisions(self, path: str, text: str, after: date) -> Iterator[Revision]:
        """Yield the changes of a page after a day, newest first; nothing where git cannot tell."""
        if self._history is None or self._lost:
            return
        try:
            yield from self._history.revisions(path, text, after)
        except GitError as error:
            self._lost = True
            self._tell(error, _NO_HISTORY)

    def base_branch(self) -> BaseBranch | None:
        """Return the branch this work will be merged into, None where git cannot tell."""
        return self._branch

    @cached_property
    def _branch(self) -> BaseBranch | None:
        try:
            found = base_branch(self._checkout, self._base) if self._checkout else None
        except GitError as error:
            self._tell(error, _NO_BRANCH)
            return None
        return found._replace(text=self._safe(found.text)) if found else None

    def _safe(self, text: Callable[[str], str | None]) -> Callable[[str], str | None]:
        def safe(path: str) -> str | None:
            try:
                return text(path)
            except GitError as error:
                self._tell(error, _NO_BRANCH)
                return None

        return safe

    def _tell(self, error: GitError, what: str) -> None:
        self.settled = self.settled and isinstance(error, Settled)
        self._say(f"{error}: {what}")

    def paths(self, files: Collection[str]) -> list[str] | None:
        """Return what the answers rest on beside these files: absolute paths, there or not.

        None where that cannot be told.
        """
        if "_checkout" not in self.__dict__:
            return []
        found = watched(self._root)
        here = self._checkout
        if found is None or here is None:
            return found
        kept = here.files(here.head) if here.head else ()
        return found + [os.path.join(self._root, path) for path in kept if path not in files]

    def close(self) -> None:
        """End git, if it was started."""
        if "_checkout" in self.__dict__ and self._checkout:
            self._checkout.close()
