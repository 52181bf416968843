"""The existing file a dead path most likely means, found without looking at every file.

A file of the same name is meant first, wherever it is. Else a slip of the pen is: its name shares
its beginning or its end with the right one, so only the neighbours in two sorted lists are
compared, of whole paths and of names read backwards.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from posixpath import basename, dirname, splitext
from typing import Final

from kbtool.graph.way import way

_ALIKE: Final = 0.75  # of the letters of a name, at least, are those of the other
_NEIGHBOURS: Final = 4  # looked at on each side of the place in a sorted list
_SAME: Final = 32  # files of one name that are weighed


class Names:
    """The files of a repository, by name and by what their names begin and end with."""

    def __init__(self, files: Iterable[str]) -> None:
        """Take the paths of all files, from the root."""
        self._paths = sorted(files)
        self._named: dict[str, list[str]] = {}
        for path in self._paths:
            self._named.setdefault(basename(path), []).append(path)
        self._stems: dict[str, list[str]] = {}
        for name in self._named:
            self._stems.setdefault(_stem(name), []).append(name)
        self._begin = sorted(self._stems)
        self._end = sorted((stem[::-1], stem) for stem in self._stems)
        self._known: dict[str, tuple[str, ...]] = {}

    def near(self, source: str, path: str) -> str | None:
        """Return the file `path` means on the page `source`, None where none is like it."""
        alike = self._known.get(path)
        if alike is None:
            alike = self._known[path] = tuple(self._alike(path))
        if len(alike) == 1:
            return alike[0]
        return min(alike, key=lambda file: (len(way(dirname(source), file)), file), default=None)

    def _alike(self, path: str) -> Sequence[str]:
        name = basename(path)
        same = self._named.get(name) or self._of_stem(_stem(name), dirname(path))
        if same:
            return _around(same, path, _SAME)
        beside = self._beside(path)
        if beside:
            return beside
        stem = _stem(name)
        rated = [(_likeness(stem, other), other) for other in self._neighbours(stem)]
        best = max((rate for rate, _ in rated), default=0.0)
        if best < _ALIKE:
            return ()
        found = [file for rate, other in rated if rate == best for file in self._of_stem(other, "")]
        return _around(sorted(found), path, _SAME)

    def _beside(self, path: str) -> Sequence[str]:
        """Return the file of the same folder whose name is most like this one's."""
        folder, stem = dirname(path), _stem(basename(path))
        near = _around(self._paths, path, 2 * _NEIGHBOURS)
        rated = [
            (_likeness(stem, _stem(basename(file))), file)
            for file in near
            if dirname(file) == folder
        ]
        best, file = max(rated, default=(0.0, ""))
        return (file,) if best >= _ALIKE else ()

    def _of_stem(self, stem: str, folder: str) -> list[str]:
        """Return the files named so but for case and extension; of a folder, where it has some."""
        found = [file for name in self._stems.get(stem, ()) for file in self._named[name]]
        return sorted([file for file in found if dirname(file) == folder] or found)

    def _neighbours(self, stem: str) -> Iterator[str]:
        yield from _around(self._begin, stem, 2 * _NEIGHBOURS)
        end = (stem[::-1], "")
        at = bisect_left(self._end, end)
        for _, other in self._end[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS]:
            yield other


def _around(ordered: Sequence[str], wanted: str, count: int) -> Sequence[str]:
    """Return so many of a sorted list that stand around the place of the wanted one."""
    at = max(0, bisect_left(ordered, wanted) - count // 2)
    return ordered[at : at + count]


def _stem(name: str) -> str:
    return splitext(name)[0].casefold()


def _likeness(one: str, other: str) -> float:
    """Return how much of two names is common: from both ends first, which is cheap."""
    shorter = min(len(one), len(other))
    begin = 0
    while begin < shorter and one[begin] == other[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and one[-1 - end] == other[-1 - end]:
        end += 1
    whole = len(one) + len(other)
    if not whole or 2 * (begin + end) < whole / 2:
        return 0.0
    from difflib import SequenceMatcher

    return SequenceMatcher(None, one, other, autojunk=False).ratio()
