"""Verdicts of deterministic judges, kept on disk by the digest of what they judged.

One JSON file for each engine and version. Disposable: a damaged or foreign file counts as empty,
two processes at once lose at most each other's newest entries, and a folder that cannot be
written costs only time.
"""

import contextlib
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from kbtool import cache

MOST: Final = 20_000  # entries of a file; over that, only those used last time stay


def cache_folder() -> Path:
    """Return the folder for what can be made again ($KBTOOL_CACHE, else XDG's)."""
    return Path(cache.folder())


def stamp(library: str) -> str:
    """Return what differs when another version of a library is installed; nothing is imported.

    Raises:
        ImportError: it is not installed.
    """
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module named {library!r}", name=library)
    status = os.stat(spec.origin)
    return f"{status.st_size}-{status.st_mtime_ns}"


class Verdicts:
    """The verdicts of one engine. JSON values; a tuple comes back as a list."""

    def __init__(self, folder: Path | None, engine: str) -> None:
        """Take the folder (None: nothing is kept) and the engine's name with its version."""
        self._file = folder / f"{engine}.json" if folder else None
        self._known: dict[str, Any] | None = None
        self._used: dict[str, Any] = {}
        self._fresh = False

    def of(self, text: str, judge: Callable[[str], Any]) -> Any:
        """Return the verdict on `text`, asking `judge` only when it is not known."""
        from hashlib import sha256

        key = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if key in self._used:
            return self._used[key]
        if self._known is None:
            self._known = self._read()
        if key in self._known:
            verdict = self._known[key]
        else:
            verdict, self._fresh = judge(text), True
        self._used[key] = verdict
        return verdict

    def save(self) -> None:
        """Write what is new, in one move."""
        if self._file is None or not self._fresh:
            return
        kept = {**self._read(), **self._used}
        if len(kept) > MOST:
            kept = self._used
        import json

        with contextlib.suppress(OSError):
            cache.put(str(self._file), json.dumps(kept).encode())

    def _read(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        import json

        try:
            known = json.loads(self._file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}
