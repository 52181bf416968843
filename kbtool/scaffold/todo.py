"""What a person must still write: the marks in a page, each with its name and place.

A template without marks is a text to be replaced: what is still as it stands there, is to be
written.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from kbtool.markdown.page import Heading, Page
from kbtool.text import Span

_PROSE: Final = re.compile(r"(?<![\w_*])_…(?P<hint>[^_\n]*)_(?!\w)")
_SHELL: Final = re.compile(r"^[ \t]*#[ \t]*…(?P<hint>[^\n]*)$", re.MULTILINE)
# What a template may well have decided already.
_SET: Final = frozenset({"Status", "Date", "Last Updated", "Size", "Priority"})


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


def marked(text: str) -> bool:
    """Return whether a template says by marks what is to be written."""
    return bool(_PROSE.search(text) or _SHELL.search(text))


def untouched(page: Page, model: Page) -> Iterator[Todo]:
    """Yield what is as in `model`, a template without marks: fields and sections."""
    given = {(field.name, field.value) for field in model.head.fields}
    for field in page.head.fields:
        if (field.name, field.value) in given and field.name not in _SET:
            yield Todo(field.name, page.path, field.span, "as in the template")
    there = {text for _, text in _sections(model)}
    for heading, text in _sections(page):
        if text in there:
            yield Todo(heading.text, page.path, heading.span, "as in the template")


def _sections(page: Page) -> Iterator[tuple[Heading, str]]:
    tops = [heading for heading in page.headings if heading.level == 2]
    edges = [*(heading.span.start for heading in tops), len(page.text)]
    for heading, (start, end) in zip(tops, pairwise(edges), strict=True):
        yield heading, page.text[start:end].strip()


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
