"""Sections a tool writes: `<!-- kb-generated NAME -->` … `<!-- /kb-generated -->`."""

import re
from collections.abc import Iterator
from typing import Final

from kbtool.markdown.page import Comment, Page
from kbtool.text import Span

_BEGIN: Final = re.compile(r"kb-generated\s+(?P<name>\S+)")
_END: Final = "/kb-generated"


def generated(page: Page) -> tuple[tuple[str, Span], ...]:
    """Return (name, what stands between the marks) of each generated section, in order.

    The marks are comments on lines of their own; in a fence they are text. A mark without its
    partner makes no section.
    """
    return tuple((name, Span(begin.span.end, end.span.start)) for name, begin, end in _marked(page))


def generated_whole(page: Page) -> tuple[Span, ...]:
    """Return where the generated sections stand, marks included."""
    return tuple(Span(begin.span.start, end.span.end) for _, begin, end in _marked(page))


def _marked(page: Page) -> Iterator[tuple[str, Comment, Comment]]:
    opened: tuple[str, Comment] | None = None
    for comment in page.comments:
        match = _BEGIN.fullmatch(comment.text)
        if match:
            opened = match["name"], comment
        elif comment.text == _END and opened:
            yield (*opened, comment)
            opened = None
