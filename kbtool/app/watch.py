"""Waiting until a file of a project changes. Polled: that works on every file system."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from kbtool.stamp import Stamp
from kbtool.workspace import open_workspace

PAUSE: Final = 0.5  # seconds between two looks


class Watch:
    """Remembers how a project's files looked."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Take the project the paths belong to, as it looks now."""
        self._workspace = open_workspace(paths)
        self._seen = self._workspace.stamped()

    def wait(self) -> tuple[str, ...]:
        """Return the files that changed, came or went, once nothing changes any more."""
        found: set[str] = set()
        while True:
            time.sleep(PAUSE)
            now = self._workspace.stamped()
            fresh = _differing(self._seen, now)
            self._seen = now
            if found and not fresh:
                return tuple(sorted(found))
            found |= fresh


def _differing(before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
