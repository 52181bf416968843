"""A page taken apart and put together: breadcrumb, H1, header fields, body."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple

from kbtool.markdown.frontmatter import apart
from kbtool.markdown.page import Field, Heading, Page
from kbtool.markdown.parse import parse_page
from kbtool.text import Span

_FIELD_MARKS: Final = re.compile(r"\[![A-Z]+\]|[\s>·*+\\-]")
_HASHES: Final = re.compile(r"\A#+[ \t]+|[ \t]+#+[ \t]*\Z")


class Line(NamedTuple):
    """A header field to write."""

    name: str
    value: str
    qualifier: str = ""

    def text(self) -> str:
        """Return the field as it is written."""
        qualifier = f" ({self.qualifier})" if self.qualifier else ""
        return f"**{self.name}**{qualifier}: {self.value}"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a page, as source."""

    front: str = ""  # front matter
    crumb: str = ""
    heading: str = ""
    fields: tuple[Line, ...] = ()
    kept: frozenset[str] = frozenset()  # names of fields that stand in the body, among prose
    body: str = ""

    def text(self, mark: str) -> str:
        """Return the page; `mark` begins each line of its header."""
        header = "\n".join(f"{mark} {line.text()}" for line in self.fields)
        heading = f"# {self.heading}" if self.heading else ""
        pieces = (self.front, self.crumb, heading, header, self.body)
        return "\n\n".join(piece for piece in pieces if piece) + "\n"

    def value(self, name: str) -> str:
        """Return the value of a field, "" where there is none."""
        return next((each.value for each in self.fields if each.name == name), "")

    def put(self, name: str, value: str) -> "Parts":
        """Return the parts with that field: in its place, else last."""
        line = Line(name, value)
        if not any(each.name == name for each in self.fields):
            return replace(self, fields=(*self.fields, line))
        fields = tuple(line if each.name == name else each for each in self.fields)
        return replace(self, fields=fields)


def read_parts(text: str, known: Collection[str]) -> Parts:
    """Return the parts of a page; a header has at least one field of a `known` name."""
    metadata, blanked = apart(text)
    front = len(blanked) - len(blanked.lstrip()) if metadata else 0
    page = parse_page("new.md", text)
    head = page.head
    cut: list[Span] = [Span(0, front)]
    cut += [piece.span for piece in (head.breadcrumb, head.title) if piece]
    fields: list[Line] = []
    kept: set[str] = set()
    for span, own in _header(page, {name.casefold() for name in known}):
        if _has_prose(page, span, own):
            kept |= {field.name.casefold() for field in own}
        else:
            cut.append(span)
            fields += [Line(field.name, field.value, field.qualifier) for field in own]
    return Parts(
        text[:front].strip(),
        text[slice(*head.breadcrumb.span)] if head.breadcrumb else "",
        _heading(page, head.title),
        tuple(fields),
        frozenset(kept),
        _without(text, cut),
    )


def _header(page: Page, known: Collection[str]) -> Iterator[tuple[Span, list[Field]]]:
    """Yield the blocks of the header with their fields: those that follow the title at once."""
    head = page.head
    apart_from = {piece.span for piece in (head.breadcrumb, head.title) if piece}
    for block in page.blocks:
        if block.kind == "html" or block.span in apart_from:
            continue
        own = [f for f in head.fields if f.style != "section" and _in(f.span, block.span)]
        if not any(field.name.casefold() in known for field in own):
            break
        yield block.span, own
    yield from _status_section(page)


def _status_section(page: Page) -> Iterator[tuple[Span, list[Field]]]:
    for field in page.head.fields:
        if field.style == "section":
            heading = [h for h in page.headings if h.span.start < field.span.start][-1]
            block = next(b for b in page.blocks if _in(field.span, b.span))
            yield Span(heading.span.start, block.span.end), [field]


def _has_prose(page: Page, span: Span, fields: Sequence[Field]) -> bool:
    """Return whether the block holds text beside its fields."""
    if fields[0].style == "section":
        return span.end != fields[0].span.end
    rest, at = "", span.start
    for field in fields:
        rest += page.text[at : field.span.start]
        at = field.span.end
    return bool(_FIELD_MARKS.sub("", rest + page.text[at : span.end]))


def _in(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start < outer.end


def _heading(page: Page, title: Heading | None) -> str:
    if title is None:
        return ""
    source = page.text[slice(*title.span)]
    if source.lstrip().startswith("#"):
        return _HASHES.sub("", source.strip()).strip()
    return " ".join(source.rpartition("\n")[0].split())  # underlined


def _without(text: str, cut: Sequence[Span]) -> str:
    pieces: list[str] = []
    at = 0
    for span in sorted(cut):
        pieces.append(text[at : span.start].strip("\n"))
        at = max(at, span.end)
    pieces.append(text[at:].strip("\n"))
    return "\n\n".join(piece for piece in pieces if piece.strip()).rstrip()


def merged(template: Parts, given: Parts, sections: Sequence[str]) -> Parts:
    """Return the template's parts with what was given in their place.

    Given fields win over the template's, others follow. The given body takes the place of the
    template's; of that only the `sections` the kind cannot do without are kept, where they were
    not given. The H1 stays: whose words it has is decided before.
    """
    mine: dict[str, list[Line]] = {}
    for line in given.fields:
        mine.setdefault(line.name.casefold(), []).append(line)
    fields: list[Line] = []
    for line in template.fields:
        if line.name.casefold() not in given.kept:
            fields += mine.pop(line.name.casefold(), [line])
    fields += (line for lines in mine.values() for line in lines)
    body = _completed(given.body, template.body, sections)
    return Parts(
        given.front or template.front,
        template.crumb,
        template.heading,
        tuple(fields),
        given.kept,
        body,
    )


class _Section(NamedTuple):
    name: str  # "" before the first H2
    source: str


def _sections(body: str) -> list[_Section]:
    page = parse_page("new.md", body)
    tops = {block.span.start for block in page.blocks if block.kind == "heading"}
    starts = [h for h in page.headings if h.level == 2 and h.span.start in tops]
    edges = [0, *(heading.span.start for heading in starts), len(body)]
    names = ["", *(heading.text.casefold() for heading in starts)]
    return [
        _Section(name, body[start:end].strip("\n").rstrip())
        for name, (start, end) in zip(names, pairwise(edges), strict=True)
    ]


def _completed(given: str, template: str, names: Sequence[str]) -> str:
    wanted = [name.casefold() for name in names]
    found = _sections(given)
    model = _sections(template)
    for index, name in enumerate(wanted):
        if any(section.name.startswith(name) for section in found):
            continue
        own = next((section for section in model if section.name.startswith(name)), None)
        later = tuple(wanted[index + 1 :])
        at = [i for i, each in enumerate(found) if later and each.name.startswith(later)]
        section = own or _Section(name, f"## {names[index]}\n\n_…_")
        found.insert(at[0] if at else len(found), section)
    return "\n\n".join(section.source for section in found if section.source)
