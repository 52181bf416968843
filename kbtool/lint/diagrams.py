"""What the diagram rules share: the diagrams of a page, places in them, and what explains them."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kbtool.markdown.page import Block, Fence, Page
from kbtool.markdown.parse import parse_page
from kbtool.text import LineIndex, Span

_MARKER: Final = re.compile(r"[^\s>]")


def diagrams(page: Page) -> Iterator[Fence]:
    """Yield the mermaid fences of a page, nested ones too."""
    for fence in page.fences:
        if fence.language.casefold() == "mermaid":
            yield fence


def place(page: Page, fence: Fence, span: Span) -> Span:
    """Return where a stretch of the diagram's text stands in the page."""
    return Span(_offset(page, fence, span.start), _offset(page, fence, span.end))


def _offset(page: Page, fence: Fence, at: int) -> int:
    number, column = LineIndex(fence.text).position(at)
    start, text = _page_line(page, fence, number)
    own = fence.text.split("\n")[number - 1]
    # In a list or a quote the page's line begins with the container's marks.
    return start + max(0, len(text) - len(own)) + column - 1


def _page_line(page: Page, fence: Fence, number: int) -> tuple[int, str]:
    """Return a line of the diagram (from 1) as it stands in the page: its offset, its text."""
    line = page.lines.position(fence.span.start)[0] + number
    if line > page.lines.position(len(page.text))[0]:
        return len(page.text), ""
    start = page.lines.offset(line)
    end = page.text.find("\n", start)
    return start, page.text[start : len(page.text) if end < 0 else end]


def line_place(page: Page, fence: Fence, line: int) -> Span:
    """Return what is written on a line of the diagram, or on the last before it that has text."""
    lines = fence.text.split("\n")
    for number in range(min(line, len(lines)), 0, -1):
        written = lines[number - 1].strip()
        if written:
            start = sum(len(each) + 1 for each in lines[: number - 1])
            start += lines[number - 1].index(written)
            return place(page, fence, Span(start, start + len(written)))
    return opening(page, fence)


def opening(page: Page, fence: Fence) -> Span:
    """Return the line that opens the fence."""
    end = page.text.find("\n", fence.span.start)
    end = fence.span.end if end < 0 else end
    return Span(
        fence.span.start, fence.span.start + len(page.text[fence.span.start : end].rstrip())
    )


def explanation(page: Page, fence: Fence) -> Span | None:
    """Return the ordered list that follows the diagram, at once or after one paragraph."""
    at = next(
        i
        for i, block in enumerate(page.blocks)
        if block.span.start <= fence.span.start < block.span.end
    )
    if page.blocks[at].kind != "fence":
        inside = _inside(page, fence)
        if inside is not None:
            return inside
    found = _list_of(page, page.blocks[at + 1 :])
    return found.span if found else None


def _list_of(page: Page, following: Sequence[Block]) -> Block | None:
    blocks = [block for block in following if not _comment(page, block)][:2]
    if blocks and blocks[0].kind == "paragraph":
        del blocks[0]
    return blocks[0] if blocks and blocks[0].kind == "numbers" else None


def _comment(page: Page, block: Block) -> bool:
    text = page.text[block.span.start : block.span.end]
    return block.kind == "html" and text.startswith("<!--") and text.endswith("-->")


def _inside(page: Page, fence: Fence) -> Span | None:
    """Look for the list in what follows in the fence's own list item or quote."""
    first = page.lines.position(fence.span.start)[0]
    opening_line = page.text[page.lines.offset(first) : fence.span.start]
    prefix = _MARKER.sub(" ", opening_line)
    after = page.lines.position(fence.span.end)[0] + 1
    lines = page.text.split("\n")
    kept: list[str] = []
    for line in lines[after - 1 :]:
        if line.startswith(prefix):
            kept.append(line[len(prefix) :])
        elif line.strip(" \t>"):
            break
        else:
            kept.append("")
    rest = parse_page(page.path, "\n".join(kept))
    found = _list_of(rest, rest.blocks)
    if found is None:
        return None
    start, end = (rest.lines.position(offset) for offset in found.span)
    last = page.lines.offset(after + end[0] - 1) + len(lines[after + end[0] - 2])
    return Span(page.lines.offset(after + start[0] - 1) + len(prefix), last)
