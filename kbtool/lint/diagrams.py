"""What the diagram rules share: the diagrams of a page, places in them, and what explains them."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from kbtool.markdown.page import Block, Fence, Page
from kbtool.markdown.parse import parse_page
from kbtool.text import LineIndex, Span

_MARKER: Final = re.compile(r"[^\s>]")
_LONGEST: Final = 500  # lines read for the list after a nested diagram


@dataclass(slots=True)
class Diagram:
    """A mermaid fence of a page. Lines count from 1 in its own text."""

    page: Page
    fence: Fence
    _lines: list[str] = field(init=False)
    _index: LineIndex = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.fence.text.split("\n")
        self._index = LineIndex(self.fence.text)

    @property
    def text(self) -> str:
        """Return what mermaid is given."""
        return self.fence.text

    def place(self, span: Span) -> Span:
        """Return where a stretch of the text stands in the page."""
        return Span(self._offset(span.start), self._offset(span.end))

    def line(self, number: int) -> Span:
        """Return the place of what stands on a line, or on the last before it that has text."""
        for each in range(min(number, len(self._lines)), 0, -1):
            written = self._lines[each - 1].strip()
            if written:
                start = self._index.offset(each) + self._lines[each - 1].index(written)
                return self.place(Span(start, start + len(written)))
        return self.opening()

    def opening(self) -> Span:
        """Return the line that opens the fence."""
        start = self.fence.span.start
        return Span(start, start + len(_rest_of_line(self.page.text, start).rstrip()))

    def _offset(self, at: int) -> int:
        number, column = self._index.position(at)
        lines = self.page.lines
        line = lines.position(self.fence.span.start)[0] + number
        if line > lines.position(len(self.page.text))[0]:
            return len(self.page.text)
        start = lines.offset(line)
        # In a list or a quote the page's line begins with the container's marks.
        marks = len(_rest_of_line(self.page.text, start)) - len(self._lines[number - 1])
        return start + max(0, marks) + column - 1


def diagrams(page: Page) -> Iterator[Diagram]:
    """Yield the diagrams of a page, nested ones too."""
    for fence in page.fences:
        if fence.language.casefold() == "mermaid":
            yield Diagram(page, fence)


def explanation(page: Page, diagram: Diagram) -> Span | None:
    """Return the ordered list that follows the diagram, at once or after one paragraph."""
    start = diagram.fence.span.start
    after = bisect_right(page.blocks, start, key=lambda block: block.span.start)
    if after and page.blocks[after - 1].kind != "fence":
        inside = _inside(page, diagram.fence)
        if inside is not None:
            return inside
    found = _list_from(page, after)
    return found.span if found else None


def _list_from(page: Page, at: int) -> Block | None:
    blocks = (page.blocks[i] for i in range(at, len(page.blocks)))
    following = list(islice((block for block in blocks if not _comment(page, block)), 2))
    if following and following[0].kind == "paragraph":
        del following[0]
    return following[0] if following and following[0].kind == "numbers" else None


def _comment(page: Page, block: Block) -> bool:
    text = page.text[block.span.start : block.span.end]
    return block.kind == "html" and text.startswith("<!--") and text.endswith("-->")


def _inside(page: Page, fence: Fence) -> Span | None:
    """Look for the list in what follows in the fence's own list item or quote."""
    opened = page.lines.offset(page.lines.position(fence.span.start)[0])
    prefix = _MARKER.sub(" ", page.text[opened : fence.span.start])
    first = page.lines.position(fence.span.end)[0] + 1
    last = page.lines.position(len(page.text))[0]
    kept: list[str] = []
    for number in range(first, min(last, first + _LONGEST) + 1):
        line = _rest_of_line(page.text, page.lines.offset(number))
        if line.startswith(prefix):
            kept.append(line[len(prefix) :])
        elif line.strip(" \t>"):
            break
        else:
            kept.append("")
    rest = parse_page(page.path, "\n".join(kept), page.marks)
    found = _list_from(rest, 0)
    if found is None:
        return None
    start, end = (first - 1 + rest.lines.position(offset)[0] for offset in found.span)
    at = page.lines.offset(end)
    return Span(page.lines.offset(start) + len(prefix), at + len(_rest_of_line(page.text, at)))


def _rest_of_line(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start : len(text) if end < 0 else end]
