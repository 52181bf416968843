"""What raw HTML in Markdown adds to the graph: `href`, `src`, `id`, `name`."""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from kbtool.text import Span

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
COMMENT_IN_TAG = re.compile(r"<[A-Za-z][^<>]*<!--")  # where either ends, only a reading knows
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)(\s[^<>]*)>")
_ATTRIBUTE = re.compile(
    r"""\s(href|src|id|name)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)


class Attribute(NamedTuple):
    """One attribute that matters; `span` covers the value as written."""

    tag: str
    name: str
    value: str
    span: Span


def attributes(html: str, start: int, *, comments: bool = False) -> Iterator[Attribute]:
    """Yield href, src, id and name of all tags in `html`, which stands at offset `start`.

    With `comments`, also of tags within comments.
    """
    visible = html if comments else _COMMENT.sub(lambda match: " " * len(match[0]), html)
    for tag in _TAG.finditer(visible):
        for found in _ATTRIBUTE.finditer(tag[2]):
            group = found.lastindex or 1
            at = start + tag.start(2)
            span = Span(at + found.start(group), at + found.end(group))
            yield Attribute(tag[1].lower(), found[1].lower(), unescape(found[group]), span)


def comments(html: str, start: int) -> Iterator[tuple[str, Span]]:
    """Yield the inner text and the span of every closed comment in `html`."""
    for found in _COMMENT.finditer(html):
        if found[0].endswith("-->") and len(found[0]) >= len("<!---->"):
            yield found[0][4:-3].strip(), Span(start + found.start(), start + found.end())
