"""What of a page is said in words: code, HTML and link targets blanked out, all places kept."""

import re
from collections.abc import Iterator
from typing import Final

from kbtool.markdown.page import Link, Page
from kbtool.text import Span

OBJECT: Final = "\ufffc"  # stands where code, an image or a bare address was
OPEN, CLOSE = "\u2039", "\u203a"  # around the words of a link: ‹ and ›

# CommonMark 0.31 §6.1: a code span ends at a run of backticks as long as the one it began with.
_CODE: Final = re.compile(r"(?<![\\`])(`+)(?!`)(?:(?!\n[ \t>]*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_ADDRESS: Final = re.compile(r"\b(?:https?://|www\.|mailto:)[^\s<>)\]|]+")


def prose(page: Page) -> str:
    """Return the page's text with what is not words blanked out; every offset still holds."""
    shown = list(page.text)
    for span in _code_blocks(page):
        _cover(shown, span, OBJECT)
    for span in _matches(_COMMENT, "".join(shown)):
        _cover(shown, span)
    for block in page.blocks:
        inner = "".join(shown[block.span.start : block.span.end])
        for found in _CODE.finditer(inner):
            start = block.span.start + found.start()
            _cover(shown, Span(start, block.span.start + found.end()), OBJECT)
    for link in page.links:
        _uncover_words(shown, page.text, link)
    for span in _matches(_TAG, "".join(shown)):
        _cover(shown, span)
    for span in _matches(_ADDRESS, "".join(shown)):
        _cover(shown, span, OBJECT)
    return "".join(shown)


def _code_blocks(page: Page) -> Iterator[Span]:
    yield from (fence.span for fence in page.fences)
    yield from (block.span for block in page.blocks if block.kind == "code")


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (Span(found.start(), found.end()) for found in pattern.finditer(text))


def _cover(shown: list[str], span: Span, mark: str = " ") -> None:
    """Blank a stretch but for its line ends; `mark` is its first character."""
    for at in range(span.start, span.end):
        if shown[at] != "\n":
            shown[at] = " "
    if span.start < span.end and shown[span.start] != "\n":
        shown[span.start] = mark


def _uncover_words(shown: list[str], text: str, link: Link) -> None:
    """Leave of a link its words, between OPEN and CLOSE; of an image or address nothing."""
    start, end = link.span
    if link.kind in ("image", "autolink"):
        _cover(shown, link.span, OBJECT)
    elif link.kind in ("link", "reference") and text.startswith("[", start):
        closing = _closing(shown, start, end)
        _cover(shown, Span(closing, end), CLOSE)
        shown[start] = OPEN
    elif link.kind == "wiki":
        bar = text.find("|", start, end)
        _cover(shown, Span(start, bar + 1 if bar >= 0 else start + 2), OPEN)
        _cover(shown, Span(end - 2, end), CLOSE)


def _closing(shown: list[str], start: int, end: int) -> int:
    """Return where the words of the link end: at the bracket that closes the first one."""
    depth, at = 0, start
    while at < end:
        depth += (shown[at] == "[") - (shown[at] == "]")
        if depth == 0:
            return at
        at += 2 if shown[at] == "\\" else 1
    return end - 1


_WORDLESS: Final = re.compile(r"[\d_/\\.=+<>{}()\[\]$@:&%~|^`\ufffc]")
_EDGE: Final = "()[]{}.,:;!?\"'»«”“„‚‘…—–-*_#>|~‹›"
_SPOKEN: Final = frozenset({"paragraph", "bullets", "numbers", "quote", "table", "other"})


def words(page: Page) -> str:
    """Return the words of the page's body: no heading, header, breadcrumb, code, name or number."""
    head = (page.head.header_span, page.head.breadcrumb and page.head.breadcrumb.span)
    apart = {span.start for span in head if span}
    shown = prose(page)
    spoken = (block.span for block in page.blocks if block.kind in _SPOKEN)
    found = (
        word.strip(_EDGE)
        for span in spoken
        if span.start not in apart
        for word in shown[span.start : span.end].split()
    )
    return " ".join(word for word in found if word and not _WORDLESS.search(word))
