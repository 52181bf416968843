"""Sections kbtool writes, between `<!-- kb-generated NAME -->` and `<!-- /kb-generated -->`.

Both marks stand alone, as blocks of the page's top level: in an example they are text.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from kbtool.markdown.page import Comment
from kbtool.markdown.parse import parse_page
from kbtool.text import Span

_OPEN: Final = re.compile(r"kb-generated\s+(?P<name>\S+)")
_CLOSE: Final = "/kb-generated"


class Section(NamedTuple):
    """One generated section: its name, and where its content stands, marks excluded."""

    name: str
    span: Span


class Mark(NamedTuple):
    """An opening mark, and the section it opens; None where it is never closed."""

    name: str
    span: Span
    section: Section | None


def generated(text: str) -> tuple[Section, ...]:
    """Return the generated sections of a page's text."""
    if "kb-generated" not in text:
        return ()
    found = marks(parse_page("", text).comments)
    return tuple(mark.section for mark in found if mark.section)


def marks(comments: Sequence[Comment]) -> tuple[Mark, ...]:
    """Return the opening marks among a page's comments."""
    found: list[Mark] = []
    for index, comment in enumerate(comments):
        match = _OPEN.fullmatch(comment.text)
        if match:
            following = (c for c in comments[index + 1 :] if "kb-generated" in c.text)
            end = next(following, None)
            closed = end is not None and end.text == _CLOSE
            inside = Span(comment.span.end, end.span.start) if end and closed else None
            section = Section(match["name"], inside) if inside else None
            found.append(Mark(match["name"], comment.span, section))
    return tuple(found)
