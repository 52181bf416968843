"""Writing into a page's header, in the spelling it already has."""

import re
from collections.abc import Sequence
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.markdown.page import Field, Page
from kbtool.text import Edit, Span

_MARK: Final = re.compile(r"[ \t]{0,3}>[ \t]?|[ \t]*[-+*][ \t]+|[ \t]*")
_BETWEEN: Final = re.compile(r" · |[ \t\\]*\n[\s>]*(?:[-+*][ \t]+)?")


def add_item(page: Page, kb: KnowledgeBase, name: str, item: str) -> tuple[Edit, ...]:
    """Return the edit that adds an item to a field of the header; none if it cannot be done safely.

    To the last field of that name behind ` · `; else as a field of its own below the last one, or
    as a new header below the title.
    """
    own = [f for f in page.head.fields if f.name.casefold() == name.casefold()]
    if own:
        return (_item(page, own[-1], item),)
    fields = [field for field in page.head.fields if field.style != "section"]
    if fields:
        at = Span(fields[-1].span.end, fields[-1].span.end)
        return (Edit(page.path, at, f"{_between(page, fields)}**{name}**: {item}"),)
    return _header(page, kb, name, item)


def _item(page: Page, field: Field, item: str) -> Edit:
    span = field.value_span
    if any(char.isalnum() for char in field.value):
        return Edit(page.path, Span(span.end, span.end), f" · {item}", appends=True)
    space = "" if page.text[span.start - 1].isspace() else " "
    return Edit(page.path, span, f"{space}{item}")


def _between(page: Page, fields: Sequence[Field]) -> str:
    """Return what stands between the last two fields: hard breaks, empty lines, marks and all."""
    if len(fields) > 1:
        between = page.text[fields[-2].span.end : fields[-1].span.start]
        if _BETWEEN.fullmatch(between):
            return between
    start = page.text.rfind("\n", 0, fields[-1].span.start) + 1
    mark = _MARK.match(page.text, start)
    return f"\n{mark[0] if mark else ''}"


def _header(page: Page, kb: KnowledgeBase, name: str, item: str) -> tuple[Edit, ...]:
    title = page.head.title
    if title is None:
        return ()
    following = next((b for b in page.blocks if b.span.start >= title.span.end), None)
    mark = ">" if kb.conventions.header == "quote" else "-"
    if mark == "-" and following and following.kind == "bullets":
        return ()  # the two lists would be one
    end = title.span.end
    gap = "" if following is None or page.text.startswith("\n\n", end) else "\n"
    return (Edit(page.path, Span(end, end), f"\n\n{mark} **{name}**: {item}{gap}"),)
