"""The head of a page: breadcrumb, title and header fields, in every spelling in use.

Spellings: `> **F**: v`, `> **F:** v`, a list `- **F**: v` or `* Status: v`, a bare line
`**F:** v`, an alert `> [!NOTE]` with ` · ` between fields, a section `## Status`; and a
qualifier as in `**Upstream** (incident ADR): v`. A list or line whose bold names are all unknown
is text: every list of features is written like a header.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from kbtool.markdown.page import Block, Breadcrumb, Field, Head, HeaderStyle, Heading, Link
from kbtool.text import Span

PLAIN_NAMES: Final = frozenset(
    {"status", "date", "last updated", "last verified", "deciders", "priority", "size"}
)
# What makes a block a header; the table of relations may have others beside these.
KNOWN_NAMES: Final = PLAIN_NAMES | {
    *("related", "upstream", "downstream", "decision", "implemented by", "supersedes"),
    *("design record", "adjacent", "map", "deeper dive", "historical", "hand-out"),
}
_NEARLY: Final = 0.8  # so alike is a slip of the pen
_BOLD = r"\*\*(?P<name>[^*\n:()]+?)(?:\s*\((?P<q1>[^)\n]*)\))?(?P<c1>:?)\*\*"
_FIELD = re.compile(_BOLD + r"(?:\s*\((?P<q2>[^)\n]*)\))?(?P<c2>:?)[ \t]*")
_PLAIN = re.compile(r"(?P<name>[A-Z][A-Za-z ]+?):[ \t]+")
_CRUMBS = re.compile(r"\s+>\s+")
_LABEL = re.compile(r"\*\*(?P<label>[^*\n]+)\*\*\s*$")
_SEPARATOR: Final = " · "
_QUOTE_PREFIX = re.compile(r"[ \t]{0,3}>[ \t]?")
_BULLET = re.compile(r"[ \t]*[-+*][ \t]+")
_ALERT = re.compile(r"\[![A-Z]+\]")


def read_head(
    text: str, blocks: Sequence[Block], headings: Sequence[Heading], links: Sequence[Link]
) -> Head:
    """Return what stands before the first top-level H2."""
    levels = {heading.span.start: heading for heading in headings}
    tops = [levels[b.span.start] for b in blocks if b.kind == "heading" and b.span.start in levels]
    second = next((h for h in tops if h.level == 2), None)
    end = second.span.start if second else len(text)
    title = next((h for h in tops if h.level == 1 and h.span.start < end), None)
    inside = [block for block in blocks if block.span.start < end]
    crumb = _breadcrumb(text, inside, title, links)
    read = [
        (block, [] if crumb and block.span == crumb.span else list(_fields(text, block, links)))
        for block in inside
    ]
    header = _header(read)
    fields = [field for _, found in header for field in found]
    held = [block.span for block, _ in header]
    if not any(field.name.casefold() == "status" for field in fields):
        fields += _status_section(text, blocks, tops, links)
    span = Span(held[0].start, held[-1].end) if held else None
    return Head(Span(0, end), crumb, title, tuple(fields), span)


_Read = tuple[Block, list[Field]]


def _header(read: Sequence[_Read]) -> list[_Read]:
    """Return the blocks that are the header: with a known name, or of its kind beside such a one.

    Without any it is a quote: a project may have names of its own.
    """
    kept = [_has_known(fields) for _, fields in read]
    if not any(kept):
        return [(block, fields) for block, fields in read if fields and block.kind == "quote"]
    for order in (range(1, len(read)), range(len(read) - 2, -1, -1)):
        for at in order:
            beside = at - 1 if order.step > 0 else at + 1
            alike = read[at][0].kind == read[beside][0].kind
            kept[at] = kept[at] or (kept[beside] and alike and bool(read[at][1]))
    return [each for each, keep in zip(read, kept, strict=True) if keep]


def _has_known(fields: Sequence[Field]) -> bool:
    return has_known((field.name for field in fields), KNOWN_NAMES)


def has_known(names: Iterable[str], known: Collection[str]) -> bool:
    """Return whether one of the names is known, or nearly; the known are in lower case."""
    lowered = [name.casefold() for name in names]
    if any(name in known for name in lowered):
        return True
    from difflib import get_close_matches

    return any(get_close_matches(name, known, 1, _NEARLY) for name in lowered)


def _within(links: Sequence[Link], span: Span) -> tuple[Link, ...]:
    return tuple(link for link in links if span.start <= link.span.start < span.end)


def _breadcrumb(
    text: str, blocks: Sequence[Block], title: Heading | None, links: Sequence[Link]
) -> Breadcrumb | None:
    first = next((block for block in blocks if block.kind != "html"), None)
    if first is None or first.kind != "paragraph" or (title and first.span > title.span):
        return None
    line = text[first.span.start : first.span.end]
    inside = _within(links, first.span)
    label = _LABEL.search(line)
    if "\n" in line or (_FIELD.match(line) and not _CRUMBS.search(line) and ":" in line):
        return None
    if not (_CRUMBS.search(line) or (label and label.start() == 0)):
        return None
    return Breadcrumb(inside, label["label"] if label else None, first.span)


class _Line(NamedTuple):
    start: int  # of the content, after the quote mark or bullet
    end: int
    first: bool  # of its list item


def _lines(text: str, block: Block) -> Iterator[_Line]:
    at = block.span.start
    while at < block.span.end:
        end = text.find("\n", at, block.span.end)
        end = block.span.end if end < 0 else end
        prefix = {"quote": _QUOTE_PREFIX, "bullets": _BULLET}.get(block.kind)
        mark = prefix.match(text, at, end) if prefix else None
        yield _Line(mark.end() if mark else at, end, mark is not None or block.kind == "paragraph")
        at = end + 1


def _fields(text: str, block: Block, links: Sequence[Link]) -> Iterator[Field]:
    if block.kind not in ("quote", "bullets", "paragraph"):
        return
    style: HeaderStyle = {"quote": "quote", "bullets": "list"}.get(block.kind, "bare")  # type: ignore[assignment]
    open_field: _Open | None = None
    for line in _lines(text, block):
        content = text[line.start : line.end]
        if block.kind == "quote" and _ALERT.match(content.strip()):
            style = "alert"
            continue
        pieces = list(_split(text, line, plain=block.kind == "bullets" and line.first))
        if pieces and open_field:
            yield open_field.close(text, links)
            open_field = None
        for index, piece in enumerate(pieces):
            alone = len(pieces) == 1
            current = _Open(piece, style, alone=alone, lines=1)
            if index < len(pieces) - 1:
                yield current.close(text, links)
            else:
                open_field = current
        if not pieces and open_field and content.strip():
            open_field = open_field.extended(line.end)
        elif not content.strip() and open_field:
            yield open_field.close(text, links)
            open_field = None
    if open_field:
        yield open_field.close(text, links)


def _unbroken(value: str) -> str:
    """Return a value without the hard break that may end its line."""
    value = value.rstrip()
    return value[:-1].rstrip() if re.search(r"(?<!\\)\\\Z", value) else value


class _Piece(NamedTuple):
    name: str
    qualifier: str
    start: int  # of the name's mark
    value: Span
    spelled: bool  # `**Name**:` or `**Name** (q):`, the house's way


class _Open(NamedTuple):
    piece: _Piece
    style: HeaderStyle
    alone: bool
    lines: int

    def extended(self, end: int) -> "_Open":
        piece = self.piece._replace(value=Span(self.piece.value.start, end))
        return self._replace(piece=piece, lines=self.lines + 1)

    def close(self, text: str, links: Sequence[Link]) -> Field:
        piece = self.piece
        raw = _unbroken(text[piece.value.start : piece.value.end])
        span = Span(piece.value.start, piece.value.start + len(raw))
        value = " ".join(re.sub(r"\\?\n[ \t]*>?[ \t]*", " ", raw).split())
        canonical = self.style == "quote" and piece.spelled and self.alone and self.lines == 1
        line = text[text.rfind("\n", 0, piece.start) + 1 : piece.start]
        return Field(
            piece.name,
            piece.qualifier,
            value,
            Span(piece.start, span.end),
            span,
            _within(links, span),
            self.style,
            canonical and line == "> " and text[span.start - 2 : span.start] == ": ",
        )


def _split(text: str, line: _Line, *, plain: bool) -> Iterator[_Piece]:
    """Yield the fields of a line: at its start, or after ` · ` where a bold name follows."""
    found: list[tuple[int, re.Match[str]]] = []
    at = line.start
    while at >= 0:
        match = _FIELD.match(text, at, line.end)
        if match and not (match["c1"] or match["c2"]):
            match = None
        if match is None and plain and at == line.start:
            match = _plain_field(text, line)
        if match:
            found.append((at, match))
        elif at == line.start:
            return
        following = text.find(_SEPARATOR, max(at, line.start), line.end)
        at = following + len(_SEPARATOR) if following >= 0 else -1
    for index, (start, match) in enumerate(found):
        end = found[index + 1][0] - len(_SEPARATOR) if index + 1 < len(found) else line.end
        groups = match.groupdict()
        qualifier = groups.get("q1") or groups.get("q2") or ""
        spelled = bool(groups.get("c2")) and not groups.get("q1")
        yield _Piece(match["name"].strip(), qualifier, start, Span(match.end(), end), spelled)


def _plain_field(text: str, line: _Line) -> re.Match[str] | None:
    match = _PLAIN.match(text, line.start, line.end)
    return match if match and match["name"].casefold() in PLAIN_NAMES else None


def _status_section(
    text: str, blocks: Sequence[Block], tops: Sequence[Heading], links: Sequence[Link]
) -> Iterator[Field]:
    section = next((h for h in tops if h.text.casefold() == "status" and h.level > 1), None)
    if section is None:
        return
    after = next((b for b in blocks if b.span.start > section.span.start), None)
    if after is None or after.kind != "paragraph":
        return
    line_end = text.find("\n", after.span.start, after.span.end)
    span = Span(after.span.start, line_end if line_end >= 0 else after.span.end)
    value = text[span.start : span.end].strip("* ")
    yield Field("Status", "", value, span, span, _within(links, span), "section", canonical=False)
