"""What a page says, apart from what tools write and what a move changes: to compare versions."""

import re
from collections.abc import Iterator
from typing import Final

from kbtool.lint.generated import generated_whole
from kbtool.markdown.page import Heading, Page
from kbtool.text import Span

_SPACE_AT_ENDS: Final = re.compile(r"[ \t]+$", re.MULTILINE)
_EMPTY_LINES: Final = re.compile(r"\n{3,}")


def body(page: Page) -> str:
    """Return what stands below the head, without link targets and generated sections.

    White space at line ends and the number of empty lines do not count.
    """
    return said(page, Span(page.head.span.end, len(page.text)))


def said(page: Page, span: Span) -> str:
    """Return the same of a part of the page."""
    parts, at = [], span.start
    for start, end in sorted(_apart(page)):
        if span.start <= start < span.end and end > at:
            parts.append(page.text[at : max(at, start)])
            at = end
    text = "".join(parts) + page.text[at : span.end]
    return _EMPTY_LINES.sub("\n\n", _SPACE_AT_ENDS.sub("", text)).strip("\n")


def _apart(page: Page) -> Iterator[Span]:
    yield from generated_whole(page)
    for link in page.links:
        if link.target_span:
            yield (
                _whole(page.text, link.target_span) if link.kind != "autolink" else link.target_span
            )


def _whole(text: str, span: Span) -> Span:
    """Return a target with the angle brackets that its blanks may need."""
    bracketed = text[span.start - 1 : span.start] + text[span.end : span.end + 1] == "<>"
    return Span(span.start - 1, span.end + 1) if bracketed else span


def sections(page: Page) -> dict[str, tuple[Heading, str]]:
    """Return each H2 by its text in small letters: the heading, and what is said below it."""
    starts = {block.span.start for block in page.blocks if block.kind == "heading"}
    tops = [h for h in page.headings if h.level <= 2 and h.span.start in starts]
    ends = [heading.span.start for heading in tops[1:]] + [len(page.text)]
    found: dict[str, tuple[Heading, str]] = {}
    for heading, end in zip(tops, ends, strict=False):
        if heading.level == 2:
            name = heading.text.casefold()
            first, before = found.get(name, (heading, ""))
            found[name] = first, before + said(page, Span(heading.span.end, end))
    return found
