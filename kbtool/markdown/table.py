"""Tables of a page: rows and cells, each with the `Span` it stands in.

Source: GitHub Flavored Markdown 0.29 §4.10. A pipe separates cells wherever it stands, in a code
span too, unless a backslash is before it; what a row has more than the header is left out.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from kbtool.markdown.page import Page
from kbtool.text import Span

_PIPE = re.compile(r"(?<!\\)\|")
_MARKUP = str.maketrans("", "", "*_`")


class Cell(NamedTuple):
    """What stands between two pipes, without the space around it; `\\|` is read as a pipe."""

    text: str
    span: Span


class Row(NamedTuple):
    """One line of a table."""

    span: Span
    cells: tuple[Cell, ...]

    def cell(self, index: int) -> Cell:
        """Return the cell of a column; an empty one at the row's end where it is not written."""
        if index < len(self.cells):
            return self.cells[index]
        return Cell("", Span(self.span.end, self.span.end))


class Table(NamedTuple):
    """One table: a header and the rows below its line of dashes."""

    span: Span
    header: Row
    rows: tuple[Row, ...]

    def column(self, names: Collection[str]) -> int | None:
        """Return which column is headed by one of the names (given in lower case)."""
        for index, cell in enumerate(self.header.cells):
            if cell.text.translate(_MARKUP).strip().casefold() in names:
                return index
        return None


def tables(page: Page) -> tuple[Table, ...]:
    """Return the page's tables; those inside of a quote or a list are no blocks of the page."""
    return tuple(
        read_table(page.text, block.span) for block in page.blocks if block.kind == "table"
    )


def read_table(text: str, span: Span) -> Table:
    """Return the table that stands in `span`."""
    lines = list(_lines(text, span))
    header = _row(text, lines[0])
    rows = (_row(text, line) for line in lines[2:])
    wide = len(header.cells)
    return Table(span, header, tuple(Row(row.span, row.cells[:wide]) for row in rows))


def _lines(text: str, span: Span) -> list[Span]:
    found: list[Span] = []
    at = span.start
    for line in text[span.start : span.end].split("\n"):
        found.append(_trimmed(text, Span(at, at + len(line))))
        at += len(line) + 1
    return found


def _row(text: str, line: Span) -> Row:
    pipes = [found.start() for found in _PIPE.finditer(text, line.start, line.end)]
    starts = [line.start, *(pipe + 1 for pipe in pipes)]
    ends = [*pipes, line.end]
    if pipes and pipes[0] == line.start:
        starts, ends = starts[1:], ends[1:]
    if len(starts) > 1 and starts[-1] == line.end:
        starts, ends = starts[:-1], ends[:-1]
    spans = [_trimmed(text, Span(*each)) for each in zip(starts, ends, strict=True)]
    cells = (Cell(text[each.start : each.end].replace("\\|", "|"), each) for each in spans)
    return Row(line, tuple(cells))


def _trimmed(text: str, span: Span) -> Span:
    """Return the span without the space around it; of nothing but space, its first place."""
    start, end = span
    while end > start and text[end - 1] in " \t":
        end -= 1
    while start < end and text[start] in " \t":
        start += 1
    return Span(start, end)
