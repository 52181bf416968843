"""Text → the links of a page, as far as where they lead counts, at a fraction of a reading's cost.

Before everything in the text that may be a target, a mark with its offset is written. What really
is one has its mark before it in the HTML that is made of it; text and code, which are changed too,
are not looked at. Where the HTML leaves any doubt there is no answer, and the page is to be read.
Where it is known which targets may be dead, only these are marked.
"""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Final, NamedTuple
from urllib.parse import unquote

from kbtool.markdown.bodies import opened
from kbtool.markdown.door import html
from kbtool.markdown.frontmatter import apart
from kbtool.markdown.html import attributes
from kbtool.markdown.page import Link, LinkKind
from kbtool.markdown.parse import destination, references
from kbtool.markdown.shortcodes import MARK
from kbtool.markdown.sketch import ALTERNATIVE
from kbtool.text import Span

_SIGN: Final = "kbq"  # letters and digits only, so that a mark is no markup whatever it stands by
_MADE: Final = re.compile(_SIGN)
_OF_MARKDOWN: Final = re.compile(r"\][(:][ \t]*(?:<|(?=[^\s<]))")  # [text](, [label]:
# A mark in it would be the beginning of an autolink, as that is of one.
_AUTOLINK: Final = re.compile(r"\][(:][ \t]*<(?!https?:)[A-Za-z][A-Za-z0-9+.-]*:")
_RAW_TAG: Final = re.compile(r"<[A-Za-z][^<>]*>")
_OF_HTML: Final = re.compile(
    r"""\s(?:href|src)\s*=\s*(?:"|'|(?=[^\s"'=<>`]))""",  # <a href=
    re.IGNORECASE,
)
_LINK: Final = re.compile(
    r'<(?:sup class="footnote-reference"><a href="[^"]*"'
    rf'|(a href|img src)="(?:{_SIGN}([idh])(\d+)q)?([^"]*)")'
)
_MARK: Final = re.compile(rf"{_SIGN}h(\d+)q")
_OUTSIDE: Final = re.compile(r"https?:|mailto:|ftp:", re.IGNORECASE)
_UNQUOTED: Final = re.compile(r"[^\s\"'>]+")


class Doubts(NamedTuple):
    """Targets of a page that may be dead; all others surely are not."""

    links: frozenset[str]  # as they are written
    raw: bool  # whether one of raw HTML is among them


def aims(
    read: Callable[[], str], marks: str = "", doubts: Doubts | None = None
) -> tuple[Link, ...] | None:
    """Return the links without their text, each in the place of its target; None in doubt.

    Those that lead to other hosts may be missing, and those that are not among the doubts.
    `read` gives the text, and again where something is found: a long one is not held meanwhile.
    `marks` are as of `parse_page`.
    """
    text = read()
    same = hash(text)
    parts = _cut(opened(apart(text)[1], marks), doubts)
    del text
    if parts is None:
        return None
    marked = "".join(parts)
    del parts
    try:
        seen = list(_seen(html(marked), doubts))
        del marked
        if not seen and MARK not in marks:
            return ()
        text = read()
        if hash(text) != same:
            return None  # its file changed
        referred = references(apart(text)[1]) if MARK in marks else ()
        return (*(_link(text, kind, at) for kind, at in seen), *referred)
    except _InDoubtError:
        return None


class _InDoubtError(Exception):
    """The HTML does not tell for certain."""


# ---------------------------------------------------------------------- marks
def _cut(body: str, doubts: Doubts | None) -> list[str] | None:
    """Return the pieces of the text with marks between them, None where they could be mistaken."""
    if any(pattern.search(body) for pattern in (_MADE, ALTERNATIVE, _AUTOLINK)):
        return None
    parts: list[str] = []
    last = 0
    for at, how in _places(body, doubts):
        parts += (body[last:at], f"{_SIGN}{how}{at}q")
        last = at
    return [*parts, body[last:]]


def _places(body: str, doubts: Doubts | None) -> list[tuple[int, str]]:
    if doubts is None:
        return sorted((*_places_of_markdown(body), *_places_of_html(body)))
    wanted = tuple(doubts.links)
    found = [each for each in _places_of_markdown(body) if body.startswith(wanted, each[0])]
    return sorted((*found, *_places_of_html(body))) if doubts.raw else found


def _places_of_markdown(body: str) -> Iterator[tuple[int, str]]:
    for found in _OF_MARKDOWN.finditer(body):
        yield found.end(), "i" if found[0][1] == "(" else "d"


def _places_of_html(body: str) -> Iterator[tuple[int, str]]:
    for tag in _RAW_TAG.finditer(body) if "<" in body else ():
        for found in _OF_HTML.finditer(tag[0]):
            yield tag.start() + found.end(), "h"


# ---------------------------------------------------------------------- what has one
def _seen(found: str, doubts: Doubts | None) -> Iterator[tuple[LinkKind, int]]:
    """Yield the kind and the place of every link that is marked."""
    wanted = doubts and frozenset(map(unquote, doubts.links))
    for each in _LINK.finditer(found):  # a long page has ten thousand
        tag, how, at, target = each.groups("")
        if _OUTSIDE.match(target):
            continue
        if how in ("i", "d"):
            yield "image" if tag == "img src" else "link" if how == "i" else "reference", int(at)
        elif not how and tag and (wanted is None or unquote(unescape(target)) in wanted):
            raise _InDoubtError
    if f"{_SIGN}h" not in found:
        return
    if "<!--" in found:
        raise _InDoubtError
    for attribute in attributes(found, 0):
        mark = _MARK.match(attribute.value) if attribute.name in ("href", "src") else None
        if mark:
            yield "html", int(mark[1])


def _link(text: str, kind: LinkKind, at: int) -> Link:
    if kind == "html":
        quote = text[at - 1]
        span = Span(at, text.find(quote, at) if quote in "\"'" else _end(text, at))
        return Link(kind, unescape(text[span.start : span.end]), "", span, span)
    place = destination(text, at - (text[at - 1] == "<"), len(text))
    target = text[place.start : place.end] if place else "\\"
    if place is None or "\\" in target or "&" in target:  # written otherwise than it reads
        raise _InDoubtError
    return Link(kind, target, "", place, place)


def _end(text: str, at: int) -> int:
    unquoted = _UNQUOTED.match(text, at)
    return unquoted.end() if unquoted else at
