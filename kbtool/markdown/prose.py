"""What of a page is said in words: code, HTML and link targets blanked out, all places kept."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from kbtool.markdown.page import Link, Page
from kbtool.text import Span

# What stands, as often as it was long, where code, an image or a bare address was, and before and
# behind the words of a link.
OBJECT: Final = "\ufffc"
OPEN: Final = "\u2039"
CLOSE: Final = "\u203a"

_TICKS: Final = re.compile(r"(?P<end>\n[ \t>]*\n)|`+")
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_ADDRESS: Final = re.compile(r"\b(?:https?://|mailto:)[^\s<>)\]|]+")


def prose(page: Page) -> str:
    """Return the page's text with what is not words blanked out; every offset still holds."""
    shown = list(page.text)
    for span in _code_blocks(page):
        _cover(shown, span, OBJECT)
    _cover_matches(shown, _COMMENT, " ", "<!--", page.text)
    for block in page.blocks:
        if "`" in page.text[block.span.start : block.span.end]:
            for span in _code_spans("".join(shown[block.span.start : block.span.end])):
                at = block.span.start
                _cover(shown, Span(at + span.start, at + span.end), OBJECT)
    for link in page.links:
        _uncover_words(shown, page.text, link)
    _cover_matches(shown, _TAG, " ", "<", page.text)
    _cover_matches(shown, _ADDRESS, OBJECT, ":", page.text)
    return "".join(shown)


def _code_blocks(page: Page) -> Iterator[Span]:
    yield from (fence.span for fence in page.fences)
    yield from (block.span for block in page.blocks if block.kind == "code")


def _code_spans(text: str) -> Iterator[Span]:
    """Yield the code spans of the paragraphs in a text.

    Source: CommonMark 0.31 §6.1: one ends at the next run of backticks as long as its first.
    """
    runs: list[Span] = []
    for found in _TICKS.finditer(text):
        if found["end"]:
            yield from _paired(text, runs)
            runs = []
        else:
            runs.append(Span(found.start(), found.end()))
    yield from _paired(text, runs)


def _paired(text: str, runs: Sequence[Span]) -> Iterator[Span]:
    by_length: dict[int, list[int]] = {}
    for number, run in enumerate(runs):
        by_length.setdefault(run.end - run.start, []).append(number)
    number = 0
    while number < len(runs):
        start, end = runs[number]
        start += start > 0 and text[start - 1] == "\\"  # an escaped backtick begins nothing
        alike = by_length.get(end - start, ())
        closing = bisect_right(alike, number)
        if closing < len(alike):
            number = alike[closing]
            yield Span(start, runs[number].end)
        number += 1


def _cover_matches(
    shown: list[str], pattern: re.Pattern[str], mark: str, sign: str, text: str
) -> None:
    """Cover what a pattern finds; without its sign in the text it finds nothing."""
    if sign in text:
        for found in pattern.finditer("".join(shown)):
            _cover(shown, Span(found.start(), found.end()), mark)


def _cover(shown: list[str], span: Span, mark: str) -> None:
    """Put `mark` over a stretch, but for its line ends."""
    for at in range(span.start, span.end):
        if shown[at] != "\n":
            shown[at] = mark


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
