"""What the last lint with the same arguments said, said again while nothing it rests on changed.

A run rests on the arguments, the folder, some variables, the day, kbtool and its libraries, and on
files: those of the tree, the configuration, git's references and index. Each is known by its
inode, size and both of its times, as git's index knows them. A file whose times are as young as
the run itself may change once more without showing it; then nothing is kept.
Where a few pages changed in words only, the run is said again too: see `amend`.
Imported before everything else: so it needs nothing that takes a millisecond to import.
"""

import os
import sys
import time
import zlib

from kbtool import cache
from kbtool.stamp import Stamp, stamp, young

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Self, TextIO

    from kbtool.adapters.kept import Recalled

# These options only ask. With any other, a run is not kept and none is said again.
ASKING = frozenset({"--baseline", "--format", "--ignore", "--select", "--statistics", "--strict"})
_VARIABLES = ("FORCE_COLOR", "HOME", "LANG", "NO_COLOR", "PATH", "TERM", "TZ")
_FAMILIES = ("CI", "GITEA_", "GITHUB_", "GIT_", "KBTOOL_", "LC_", "PYTHON", "XDG_")
_MOST = 32  # runs kept
_FEW = 16  # files and folders that changed, at most, that are looked at
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Rests:
    """What a run rests on: absolute paths; of links, also where they lead.

    `folders` are those it looked into, `passed` those it met and did not; `recalled` says where
    its pages are kept.
    """

    __slots__ = ("folders", "links", "passed", "paths", "recalled")

    def __init__(
        self,
        paths: "Iterable[str]",
        links: "Mapping[str, str]",
        folders: "Sequence[str]" = (),
        passed: "Sequence[str]" = (),
        recalled: "Recalled | None" = None,
    ) -> None:
        self.paths = paths
        self.links = links
        self.folders = folders
        self.passed = passed
        self.recalled = recalled


class Tape:
    """One run of lint: said again, or recorded and kept."""

    def __init__(self, key: tuple[object, ...]) -> None:
        self._key = key
        self._name = f"runs/{zlib.crc32(repr(key).encode('utf-8', 'replace')):08x}"
        self._began = time.time_ns()
        self._said: list[tuple[int, str]] = []
        self._rests: Rests | None = None

    # ------------------------------------------------------------------ saying it again
    def replay(self) -> int | None:
        """Say what was said, and return the exit code; None when something is different now."""
        kept = cache.read(self._name)
        if not isinstance(kept, tuple) or len(kept) != 9 or kept[0] != self._key:
            return None
        _, stamps, links, said, code = kept[:5]
        different = _different(stamps, links)
        if different and not self._amended(kept, different):
            return None
        for stream, text in said:
            (sys.stdout if stream == 1 else sys.stderr).write(text)
        sys.stdout.flush()
        return int(code)

    def _amended(self, kept: "tuple[Any, ...]", different: "Sequence[str]") -> bool:
        """Return whether the answer holds after these changes; then keep it with them."""
        _, stamps, links, said, code, folders, passed, recalled, since = kept
        if recalled is None or len(different) > _FEW:
            return False
        from kbtool.adapters.amend import amended
        from kbtool.adapters.kept import Recalled

        beside = {*links, *passed}
        now = amended(Recalled(*recalled), stamps, since, set(folders), beside, different)
        if now is None:
            return False
        if not any(young(each, self._began) for each in now.values()):
            known = {path: stamps[path] for path in now}
            since = known | since
            self._write(stamps | now, links, said, code, folders, passed, recalled, since)
        return True

    # ------------------------------------------------------------------ recording
    def __enter__(self) -> "Self":
        """Hear what is written to standard output and error."""
        self._streams = (sys.stdout, sys.stderr)
        sys.stdout = _Heard(sys.stdout, 1, self._said)
        sys.stderr = _Heard(sys.stderr, 2, self._said)
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        trace: "TracebackType | None",
    ) -> None:
        """Hear no more."""
        sys.stdout, sys.stderr = self._streams

    def rests_on(self, rests: Rests | None) -> None:
        """Take what the run rests on; None for a run that another may contradict."""
        self._rests = rests

    def keep(self, code: int) -> None:
        """Keep the run, if all it rests on is older than the run."""
        if self._rests is None:
            return
        links = dict(self._rests.links)
        paths = {*self._rests.paths, *links, *links.values(), *own_files()}
        stamps = {path: stamp(path) for path in paths}
        if any(each and young(each, self._began) for each in stamps.values()):
            return
        rests = self._rests
        recalled = tuple(rests.recalled) if rests.recalled else None
        self._write(stamps, links, self._said, code, rests.folders, rests.passed, recalled, {})

    def _write(self, *value: object) -> None:
        cache.write(self._name, (self._key, *value), _MOST)


def tape(arguments: "Sequence[str]") -> Tape | None:
    """Return the tape of a lint with these arguments, None for one that does more than ask."""
    options = (part.partition("=")[0] for part in arguments if part[:1] == "-")
    if not ASKING.issuperset(options):
        return None
    now = time.time()
    try:
        return Tape(
            (
                tuple(arguments),
                os.getcwd(),
                os.geteuid(),
                sorted(_variables()),
                time.strftime("%F", time.localtime(now)),
                time.strftime("%F", time.gmtime(now + 14 * 3600)),
                [(stream.isatty(), stream.encoding, stream.errors) for stream in _streams()],
                sys.path,
            )
        )
    except (OSError, ValueError, AttributeError):
        return None  # no folder to stand in, or a closed stream


def _streams() -> "tuple[TextIO, TextIO]":
    return sys.stdout, sys.stderr


def _variables() -> "Iterator[tuple[str, str]]":
    for name, value in os.environ.items():
        if name in _VARIABLES or name.startswith(_FAMILIES):
            yield name, value


def own_files() -> "Iterator[str]":
    """Yield kbtool's own files and folders."""
    waiting = [_PACKAGE]
    while waiting:
        where = waiting.pop()
        yield where
        with os.scandir(where) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        waiting.append(entry.path)
                else:
                    yield entry.path


def _different(stamps: "Mapping[str, Stamp | None]", links: "Mapping[str, str]") -> list[str]:
    """Return which paths are not what they were; when there are many, not all of them."""
    found = [path for path, real in links.items() if os.path.realpath(path) != real]
    lstat = os.lstat
    for path, known in stamps.items():
        try:
            now = lstat(path)
        except (OSError, ValueError):
            if known is None:
                continue
        else:
            if known == (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns):
                continue
        found.append(path)
        if len(found) > _FEW:
            break
    return found


class _Heard:
    """A text stream of which a copy is kept."""

    def __init__(self, stream: "TextIO", number: int, said: list[tuple[int, str]]) -> None:
        self._stream = stream
        self._number = number
        self._said = said

    def write(self, text: str) -> int:
        count = self._stream.write(text)
        self._said.append((self._number, text))
        return count

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
