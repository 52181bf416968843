"""What a person must still write: the marks in a page, each with its name and place."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from kbtool.markdown.page import Page
from kbtool.text import Span

_PROSE: Final = re.compile(r"(?<![\w_*])_…(?P<hint>[^_\n]*)_(?!\w)")
_SHELL: Final = re.compile(r"^[ \t]*#[ \t]*…(?P<hint>[^\n]*)$", re.MULTILINE)


class Todo(NamedTuple):
    """One mark: the header field, or the section, it stands in; the hint it gives."""

    name: str
    path: str
    span: Span
    hint: str


def todos(page: Page) -> Iterator[Todo]:
    """Yield what is marked to be written, in order."""
    code = [fence.span for fence in page.fences] + [each.span for each in page.codes]
    found = [
        match
        for match in _PROSE.finditer(page.text)
        if not any(span.start <= match.start() < span.end for span in code)
    ]
    for fence in page.fences:
        found += _SHELL.finditer(page.text, fence.body.start, fence.body.end)
    for match in sorted(found, key=lambda each: each.start()):
        span = Span(match.start(), match.end())
        yield Todo(_name(page, match.start()), page.path, span, match["hint"].strip())


def _name(page: Page, at: int) -> str:
    for field in page.head.fields:
        if field.span.start <= at < field.span.end:
            return field.name
    above = [h.text for h in page.headings if h.level > 1 and h.span.start < at]
    return above[-1] if above else "Introduction"


def unfinished_row(page: Page, target: str) -> Todo | None:
    """Return the row of a table that links to `target` and has an empty cell, if there is one."""
    for block in page.blocks:
        if block.kind == "table":
            at = block.span.start
            for line in page.text[slice(*block.span)].split("\n"):
                if f"]({target})" in line and re.search(r"\|\s*\|", line):
                    return Todo("hub row", page.path, Span(at, at + len(line)), "fill the cells")
                at += len(line) + 1
    return None
