"""Places in a text and changes to it. Offsets count code points from 0, ends exclusive."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a page's text, `text[start:end]`."""

    start: int
    end: int


class Edit(NamedTuple):
    """Replace `span` of the page at `path` by `new`."""

    path: str
    span: Span
    new: str
    appends: bool = False  # one more item of a list: others may stand at the same place


class LineIndex:
    """Turns offsets into lines and columns (both from 1, in code points)."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        lengths = [len(line) + 1 for line in text.split("\n")]
        # A list would hold an object for each line, of each page something is found on.
        self._starts = array("I", accumulate(lengths[:-1], initial=0))

    def position(self, offset: int) -> tuple[int, int]:
        """Return the (line, column) of `offset`."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int = 1) -> int:
        """Return the offset of (line, column)."""
        return self._starts[line - 1] + column - 1


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with all edits applied; equal edits count once.

    What several edits insert at one place stands in the order given.

    Raises:
        ValueError: two different edits overlap.
    """
    ordered = sorted(dict.fromkeys(edits), key=lambda edit: edit.span)
    parts: list[str] = []
    at = 0
    for edit in ordered:
        if edit.span.start < at:
            raise ValueError(f"edits overlap at {edit.span.start}")
        parts += (text[at : edit.span.start], edit.new)
        at = edit.span.end
    return "".join(parts) + text[at:]
