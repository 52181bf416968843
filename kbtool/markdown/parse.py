"""Text → `Page`: pyromark's events, which have UTF-8 byte ranges; a page counts code points."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kbtool.markdown.bodies import opened
from kbtool.markdown.door import definitions, is_undefined, ranged
from kbtool.markdown.frontmatter import apart, read_front_matter
from kbtool.markdown.head import read_head
from kbtool.markdown.html import attributes, comments
from kbtool.markdown.page import (
    Block,
    BlockKind,
    Code,
    Comment,
    Fence,
    Heading,
    Link,
    LinkKind,
    Page,
    UndefinedReference,
)
from kbtool.markdown.shortcodes import MARK, referred
from kbtool.markdown.slug import Slugger
from kbtool.text import LineIndex, Span

_CONTINUING: Final = bytes(range(0x80, 0xC0))  # a code point's second byte and those behind it
_STRETCH: Final = 256  # bytes counted for one offset, at most
_BLOCKS: Final[Mapping[str, BlockKind]] = {
    "Paragraph": "paragraph",
    "BlockQuote": "quote",
    "Table": "table",
    "HtmlBlock": "html",
    "Heading": "heading",
    "FootnoteDefinition": "other",
    "List": "bullets",
    "CodeBlock": "code",
}
_INLINE: Final = frozenset({"Emphasis", "Strong", "Strikethrough", "Link", "Image"})
_AUTOLINKS: Final = frozenset({"Autolink", "Email"})


def parse_page(path: str, text: str, marks: str = "") -> Page:
    """Return the page written in `text` (LF line ends), which stands at `path` from the root.

    Its publisher reads what these `marks` stand for; a forge does not, and `anchors` are its.
    """
    metadata, body = apart(text)
    plain = _read(body)
    inner = opened(body, marks)
    reader = plain if inner == body else _read(inner)
    headings = tuple(reader.headings)
    others = references(body) if MARK in marks else ()
    links = tuple(sorted((*reader.links, *others), key=lambda link: link.span))
    blocks = tuple(reader.blocks)
    return Page(
        path=path,
        text=text,
        head=read_head(text, blocks, headings, links),
        headings=headings,
        links=links,
        fences=tuple(reader.fences),
        blocks=blocks,
        comments=tuple(reader.comments),
        undefined=tuple(sorted(reader.undefined, key=lambda found: found.span)),
        anchors=frozenset((*plain.anchors, *(heading.anchor for heading in plain.headings))),
        front_matter=read_front_matter(metadata) if metadata else {},
        codes=tuple(reader.codes),
        ids=frozenset(reader.anchors),
        marks=marks,
        lines=LineIndex(text),
    )


def _read(body: str) -> "_Reader":
    reader = _Reader(body)
    reader.read()
    return reader


def references(text: str) -> Iterator[Link]:
    """Yield the links that are Hugo's references."""
    return (Link("ref", *each) for each in referred(text))


def events(text: str) -> Iterator[tuple[Any, Span]]:
    """Yield pyromark's events of `text` (front matter blanked), each with its place."""
    at = offsets(text)
    for event, where in ranged(text):
        yield event, Span(at(where["start"]), at(where["end"]))


def offsets(text: str) -> Callable[[int], int]:
    """Return the function from a UTF-8 byte offset to a code-point offset."""
    if text.isascii():
        return lambda byte: byte
    raw = text.encode("utf-8", "surrogatepass")
    before = [0]  # code points before each stretch
    for start in range(0, len(raw), _STRETCH):
        stretch = raw[start : start + _STRETCH]
        before.append(before[-1] + len(stretch.translate(None, _CONTINUING)))

    def at(byte: int) -> int:
        number = byte // _STRETCH
        rest = raw[number * _STRETCH : byte]
        return before[number] + len(rest.translate(None, _CONTINUING))

    return at


class _Reader:
    """Folds the events of one page; each `_start_x`, `_end_x` knows one construct."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = offsets(text)
        self.headings: list[Heading] = []
        self.links: list[Link] = []
        self.fences: list[Fence] = []
        self.blocks: list[Block] = []
        self.comments: list[Comment] = []
        self.codes: list[Code] = []
        self.undefined: set[UndefinedReference] = set()
        self.anchors: set[str] = set()
        self._definitions: Mapping[str, Span] | None = None
        self._slugger = Slugger()
        self._depth = 0  # of open blocks
        self._items: list[Span] = []  # of the open top-level list
        self._open_links: list[tuple[dict[str, Any], LinkKind, Span]] = []
        self._heading: dict[str, Any] | None = None
        self._plain: list[str] = []  # text of the open heading or link
        self._last_end = 0  # end of the last inline piece, where a link's `](` begins
        self._code: tuple[str | None, Span] | None = None
        self._code_text: list[str] = []
        self._code_body: Span | None = None

    def read(self) -> None:
        """Read all events."""
        at = self.at
        for event, where in ranged(self.text, self._on_undefined):
            start, end = at(where["start"]), at(where["end"])
            if isinstance(event, str):
                self._on_mark(event, start, end)
                continue
            item: tuple[str, Any] = next(iter(event.items()))
            kind, value = item
            if kind == "Text":
                self._on_text(value, start, end)
            elif kind == "Start":
                self._on_start(value, start, end)
            elif kind == "End":
                self._on_end(value, start, end)
            elif kind == "Code":
                self._on_code(value, start, end)
            elif kind == "InlineHtml":
                self._on_html(start, end)
            else:
                self._last_end = end

    # ------------------------------------------------------------------ leaves
    def _on_mark(self, event: str, start: int, end: int) -> None:
        if event == "Rule" and self._depth == 0:
            self.blocks.append(Block("rule", self._trimmed(start, end)))
        elif self._heading is not None or self._open_links:
            self._plain.append(" ")
        self._last_end = end

    def _on_text(self, value: str, start: int, end: int) -> None:
        if self._code is not None:
            self._code_text.append(value)
            first = self._code_body.start if self._code_body else start
            self._code_body = Span(first, end)
        elif self._heading is not None or self._open_links:
            self._plain.append(value)
        self._last_end = end

    def _on_code(self, value: str, start: int, end: int) -> None:
        self.codes.append(Code(value, Span(start, end)))
        if self._heading is not None or self._open_links:
            self._plain.append(value)
        self._last_end = end

    def _on_html(self, start: int, end: int) -> None:
        self._html(start, end)
        self._last_end = end

    def _html(self, start: int, end: int) -> None:
        for found in attributes(self.text[start:end], start):
            if found.name in ("href", "src"):
                self.links.append(Link("html", found.value, "", found.span, found.span))
            elif found.name == "id" or found.tag == "a":
                self.anchors.add(found.value)

    def _on_undefined(self, found: Mapping[str, Any]) -> None:
        if is_undefined(found):
            label = found["reference"]
            start, end = self.at(found["span"]["start"]), self.at(found["span"]["end"])
            # pyromark's span of a collapsed reference ends before its empty brackets.
            end += 2 * self.text.startswith("[]", end)
            self.undefined.add(UndefinedReference(label, Span(start, end)))

    # ------------------------------------------------------------------ containers
    def _on_start(self, value: Any, start: int, end: int) -> None:
        name, detail = next(iter(value.items())) if isinstance(value, dict) else (value, None)
        if name in _INLINE:
            if name in ("Link", "Image"):
                self._start_link(name, detail or {}, start, end)
            else:
                self._last_end = max(self._last_end, start)
            return
        if name == "Heading":
            self._heading, self._plain = detail, []
        elif name == "CodeBlock":
            self._start_code(detail, start, end)
        elif name == "Item" and self._depth == 1:
            self._items.append(self._item_span(start, end))
        elif name == "HtmlBlock":
            self._html_block(start, end)
        self._depth += 1

    def _on_end(self, value: Any, start: int, end: int) -> None:
        name, detail = next(iter(value.items())) if isinstance(value, dict) else (value, None)
        if name in _INLINE:
            if name in ("Link", "Image"):
                self._end_link()
            self._last_end = end
            return
        self._depth -= 1
        if name == "Heading":
            self._end_heading(start, end)
        elif name == "CodeBlock":
            self._end_code()
        if self._depth == 0 and name in _BLOCKS:
            self._end_block(name, detail, start, end)

    def _end_block(self, name: str, detail: Any, start: int, end: int) -> None:
        kind: BlockKind = _BLOCKS[name]
        items: tuple[Span, ...] = ()
        if name == "List":
            kind, items = ("numbers" if detail else "bullets"), tuple(self._items)
            self._items = []
        elif name == "CodeBlock" and self.fences and self.fences[-1].span.start == start:
            kind = "fence"
        self.blocks.append(Block(kind, self._trimmed(start, end), items))

    def _end_heading(self, start: int, end: int) -> None:
        detail = self._heading or {}
        text = "".join(self._plain).strip()
        explicit = detail.get("id")
        heading = Heading(
            int(detail["level"][1]),
            text,
            self._slugger.unique(text),
            self._trimmed(start, end),
            explicit,
        )
        self.headings.append(heading)
        self._heading = None

    # ------------------------------------------------------------------ links
    def _start_link(self, name: str, detail: dict[str, Any], start: int, end: int) -> None:
        kind: LinkKind = "image" if name == "Image" else "link"
        written = detail["link_type"]
        if isinstance(written, dict):
            kind = "wiki"
        elif written in _AUTOLINKS:
            kind = "autolink"
        elif written != "Inline" and kind == "link":
            kind = "reference"
        self._open_links.append((detail, kind, Span(start, end)))
        self._last_end = start + (2 if name == "Image" else 1)
        if self._heading is None:
            self._plain = []

    def _end_link(self) -> None:
        detail, kind, span = self._open_links.pop()
        text = "" if self._heading is not None else "".join(self._plain)
        target = detail["dest_url"]
        if detail["link_type"] == "Email":
            target = f"mailto:{target}"
        where = self._target_span(detail, kind, span)
        self.links.append(Link(kind, target, text, span, where))

    def _target_span(self, detail: dict[str, Any], kind: LinkKind, span: Span) -> Span | None:
        written = detail["link_type"]
        if kind == "autolink":
            return Span(span.start + 1, span.end - 1)
        if kind == "wiki":
            opening = self.text.index("[[", span.start) + 2
            closing = self.text.find("|", opening, span.end)
            return Span(opening, closing if closing >= 0 else span.end - 2)
        if written == "Inline":
            at = self.text.find("](", self._last_end - 1, span.end)
            return destination(self.text, at + 2, span.end) if at >= 0 else None
        return self._definition(detail["id"])

    def _definition(self, label: str) -> Span | None:
        if self._definitions is None:
            self._definitions = {
                name.casefold(): self._defined_at(dict(found["span"]))
                for name, found in definitions(self.text).items()
            }
        return self._definitions.get(label.casefold())

    def _defined_at(self, where: Mapping[str, Any]) -> Span:
        start, end = self.at(where["start"]), self.at(where["end"])
        colon = self.text.find("]:", start, end)
        return destination(self.text, colon + 2, end) or Span(start, end)

    # ------------------------------------------------------------------ code, html, lists
    def _start_code(self, detail: Any, start: int, end: int) -> None:
        info = detail["Fenced"] if isinstance(detail, dict) else None
        self._code, self._code_text, self._code_body = (info, self._trimmed(start, end)), [], None

    def _end_code(self) -> None:
        info, span = self._code or (None, Span(0, 0))
        self._code = None
        if info is None:
            return
        line_end = self.text.find("\n", span.start, span.end)
        after = line_end + 1 if line_end >= 0 else span.end
        body = self._code_body or Span(after, after)
        language = info.split(maxsplit=1)[0] if info.strip() else ""
        self.fences.append(Fence(info, language, "".join(self._code_text), span, body))

    def _html_block(self, start: int, end: int) -> None:
        self._html(start, end)
        if self._depth == 0:
            found = comments(self.text[start:end], start)
            self.comments += [Comment(text, span) for text, span in found]

    def _item_span(self, start: int, end: int) -> Span:
        marker = _MARKER.match(self.text, start, end)
        end = self._trimmed(start, end).end
        return Span(min(marker.end(), end) if marker else start, end)

    def _trimmed(self, start: int, end: int) -> Span:
        while end > start and self.text[end - 1] in " \t\n":
            end -= 1
        return Span(start, end)


_MARKER = re.compile(r"[ \t]*(?:[-+*]|\d{1,9}[.)])[ \t]*")


_SPACE: Final = " \t\n\x0b\x0c"
# Nearly all: nothing is escaped or nested in them.
_PLAIN_DESTINATION = re.compile(rf"[^{_SPACE}\\()]*(?=[{_SPACE})]|\Z)")


def destination(text: str, start: int, end: int) -> Span | None:
    """Return where the link destination that begins after `start` is written, None if nowhere.

    Source: CommonMark 0.31 §6.3 "link destination".
    """
    while start < end and text[start] in _SPACE:
        start += 1
    if start < end and text[start] == "<":
        closing = text.find(">", start, end)
        return Span(start + 1, closing) if closing >= 0 else None
    plain = _PLAIN_DESTINATION.match(text, start, end)
    if plain:
        return Span(start, plain.end())
    at, depth = start, 0
    while at < end and text[at] not in _SPACE:
        if text[at] == "\\":
            at += 1
        elif text[at] == "(":
            depth += 1
        elif text[at] == ")":
            if depth == 0:
                break
            depth -= 1
        at += 1
    return Span(start, min(at, end))
