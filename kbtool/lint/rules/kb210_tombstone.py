"""A page states the present; git keeps the past, and a stub is in everybody's way.

A tombstone is a page, section, row, list item or paragraph that says nothing but that something
was moved, removed, renamed, merged or replaced, in English or French; a page or section that says
nothing but *deprecated*; and text struck through. None are advice (*delete the pod*), facts about
other things (*the flag was removed in 7.0*), a deprecated thing in a list (it still exists:
*deprecated since 3.2, use X*), a page with something left to read, statuses of ADRs, milestones,
rows and items of investigations and shareouts, and changelogs.

Read by hand: on 4,804 pages of two public documentation sets one hit, true; on 1,628 other pages
14 hits, 13 true (the false one struck a word for fun).
"""

import re
from collections.abc import Iterator, Sequence
from posixpath import basename, dirname, join
from typing import Final, NamedTuple

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.lint.tombstone import (
    gone_of_name,
    may_say_gone,
    names_what_is_gone,
    only_says_gone,
    plain,
    points_on,
    says_page_is_gone,
)
from kbtool.markdown.page import Block, Heading, Page
from kbtool.markdown.prose import prose
from kbtool.text import Span

# What happened is what these are about: their rows and items are records.
_RECORDS: Final = frozenset({Kind.ADR, Kind.STATUS, Kind.INVESTIGATION, Kind.SHAREOUT})
_LOG: Final = re.compile(
    r"change[ -]?log|release[ -]?(?:notes|history)|\breleases\b|what[’'s -]*new|\bhistory\b"
    r"|\bupdates\b|\bnews\b|breaking[ -]changes|differences|journal des modifications|historique"
    r"|nouveautés",
    re.IGNORECASE,
)
_CHANGES: Final = re.compile(
    r"(?:removed|deprecated|moved|renamed|changed|added|fixed|supprimés?|status|statut)(?: [\w ]+)?"
    r"|.*\b(?:changes|changements|migrat\w+|upgrad\w+)\b.*",
    re.IGNORECASE,
)
_STRUCK: Final = re.compile(r"(?<![~\\])~~(?=[^\s~])((?:(?!\n[ \t>]*\n)[^~])+?)(?<=\S)~~(?!~)")
_SUBJECT: Final = re.compile("strike|struck|strikethrough|barré|rayé", re.IGNORECASE)
_ITEM: Final = re.compile(r"^[ \t>]*(?:[-+*]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?", re.MULTILINE)
_HTML: Final = re.compile(r"<!--.*?(?:-->|\Z)|<[^<>]*>", re.DOTALL)
_CELL: Final = re.compile(r"(?<!\\)\|")
_NOTHING: Final = re.compile(r"[\W_]*")
_HINT: Final = "delete it: git keeps the past, and a link that breaks is found"


class _Section(NamedTuple):
    """A heading (None: what stands before the first), its own blocks, and where it belongs."""

    heading: Heading | None
    blocks: Sequence[Block]
    parent: bool  # a deeper heading follows
    record: bool  # it or a section around it is about changes


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find what only says that something is gone, and struck text."""
    if not may_say_gone(page.text) or _about_changes(page):
        return
    shown = prose(page)
    sections = tuple(_sections(page))
    if _page_is_gone(page, kb, shown, sections):
        yield _finding(page, place_of_title(page), "the page")
        return
    record = kb.kind(page) in _RECORDS or dirname(page.path) == join(kb.base, "ADR")
    for section in sections:
        yield from _in_section(page, shown, section, record=record or section.record)


def _finding(page: Page, span: Span, what: str) -> Finding:
    return Finding(page.path, span, f"{what} only says that something is gone", _HINT)


def _about_changes(page: Page) -> bool:
    title = page.head.title.text if page.head.title else ""
    name = basename(page.path).removesuffix(".md")
    return bool(_LOG.search(title) or _LOG.search(name))


# ---------------------------------------------------------------- pages and sections
def _sections(page: Page) -> Iterator[_Section]:
    headings = {heading.span.start: heading for heading in page.headings}
    apart = {span.start for span in (page.head.header_span, _crumb(page)) if span}
    current: Heading | None = None
    blocks: list[Block] = []
    around: list[tuple[int, bool]] = []  # level of each open section, and whether it is a record
    for block in page.blocks:
        heading = headings.get(block.span.start) if block.kind == "heading" else None
        if heading:
            deeper = heading.level > (current.level if current else 0)
            yield _Section(current, tuple(blocks), deeper, any(record for _, record in around))
            around = [outer for outer in around if outer[0] < heading.level]
            around.append((heading.level, _is_record(heading.text)))
            current, blocks = heading, []
        elif block.span.start not in apart and not _silent(page, block):
            blocks.append(block)
    yield _Section(current, tuple(blocks), parent=False, record=any(record for _, record in around))


def _is_record(heading: str) -> bool:
    return bool(_LOG.search(heading) or _CHANGES.fullmatch(heading))


def _crumb(page: Page) -> Span | None:
    return page.head.breadcrumb.span if page.head.breadcrumb else None


def _silent(page: Page, block: Block) -> bool:
    """Return whether a block says nothing: a line, a comment, an anchor."""
    text = page.text[block.span.start : block.span.end]
    return block.kind == "rule" or (block.kind == "html" and not _HTML.sub("", text).strip())


def _page_is_gone(page: Page, kb: KnowledgeBase, shown: str, sections: Sequence[_Section]) -> bool:
    if kb.kind(page) is Kind.ADR and any(section.record for section in sections):
        return False  # its status is a section
    blocks = [block for section in sections for block in section.blocks]
    title = page.head.title
    marked = title is not None and _title_is_gone(shown, title)
    return _all_gone(shown, blocks, marked=marked)


def _title_is_gone(shown: str, heading: Heading) -> bool:
    text = shown[heading.span.start : heading.span.end].strip("#=- \n")
    return only_says_gone(text) or names_what_is_gone(text, whole=True)


def _all_gone(shown: str, blocks: Sequence[Block], *, marked: bool) -> bool:
    """Return whether nothing else is said; `marked`: the heading has said so already."""
    said = marked
    for text in (text for block in blocks for text in _texts(shown, block)):
        if only_says_gone(text, whole=True):
            said = True
        elif not points_on(text):
            return False
    return said


def _texts(shown: str, block: Block) -> Iterator[str]:
    """Yield what a block says, piece by piece; code and tables say what no grammar reads."""
    if block.kind in ("bullets", "numbers"):
        yield from (shown[span.start : span.end] for span, _ in _items(shown, block))
    elif block.kind in ("paragraph", "quote"):
        yield shown[block.span.start : block.span.end]
    else:
        yield "something else"


def _in_section(page: Page, shown: str, section: _Section, *, record: bool) -> Iterator[Finding]:
    heading = section.heading
    if heading and heading.level > 1 and not section.parent and not section.record:
        marked = _title_is_gone(shown, heading)
        if _all_gone(shown, section.blocks, marked=marked):
            yield _finding(page, heading.span, "the section")
            return
    if heading:
        yield from _struck(page, shown, heading.span, "the heading")
    for block in section.blocks:
        if not may_say_gone(shown[block.span.start : block.span.end]):
            continue
        for span, what, gone in _units(shown, block):
            if gone and not record:
                yield _finding(page, span, what)
            else:
                yield from _struck(page, shown, span, what)


# ---------------------------------------------------------------- rows, items, paragraphs
def _units(shown: str, block: Block) -> Iterator[tuple[Span, str, bool]]:
    """Yield (place, what it is, whether it only says that something is gone)."""
    if block.kind in ("bullets", "numbers"):
        for span, children in _items(shown, block):
            text = shown[span.start : span.end]
            yield span, "the item", not children and _says_gone(text)
    elif block.kind == "table":
        for span in _rows(shown, block):
            yield span, "the row", _row_is_gone(shown[span.start : span.end])
    elif block.kind in ("paragraph", "quote", "other"):
        text = shown[block.span.start : block.span.end]
        yield block.span, "the paragraph", says_page_is_gone(text)


def _says_gone(text: str) -> bool:
    return only_says_gone(text) or names_what_is_gone(text)


def _items(shown: str, block: Block) -> Iterator[tuple[Span, bool]]:
    """Yield the place of each item's own text, nested ones too, and whether items nest in it."""
    text = shown[block.span.start : block.span.end]
    marks = list(_ITEM.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        end = following.start() if following else len(text)
        own = text[mark.end() : end].rstrip("\n \t>")
        start = block.span.start + mark.end()
        children = following is not None and _indent(following) > _indent(mark)
        yield Span(start, start + len(own)), children


def _indent(mark: re.Match[str]) -> int:
    return len(mark[0]) - len(mark[0].lstrip(" \t>"))


def _rows(shown: str, block: Block) -> Iterator[Span]:
    start = block.span.start
    for number, line in enumerate(shown[start : block.span.end].splitlines(keepends=True)):
        row = line.strip()
        if number > 1 and row:
            at = start + line.index(row)
            yield Span(at, at + len(row))
        start += len(line)


def _row_is_gone(row: str) -> bool:
    first, *others = [cell.strip() for cell in _CELL.split(row.strip("|"))]
    said = [cell for cell in others if not _NOTHING.fullmatch(cell)]
    if not said:
        return _says_gone(first)
    gone = [cell for cell in said if gone_of_name(first, cell)]
    return bool(gone) and all(cell in gone or points_on(cell) for cell in said)


def _struck(page: Page, shown: str, span: Span, what: str) -> Iterator[Finding]:
    """Find struck text; when nothing else is there, the unit itself."""
    text = shown[span.start : span.end]
    found = list(_STRUCK.finditer(text)) if "~~" in text else []
    if not found:
        return
    message = "struck text is a leftover"
    if _NOTHING.fullmatch(plain(_STRUCK.sub("", text)).replace("|", " ")):
        yield Finding(page.path, span, f"{what} is struck through", _HINT)
        return
    for struck in found:
        if _SUBJECT.search(struck[1]):
            continue
        place = Span(span.start + struck.start(), span.start + struck.end())
        yield Finding(page.path, place, message, _HINT)


_PAGE = "# A\n\nWhat A is.\n\n"

RULE = Rule(
    id="KB210",
    name="tombstone",
    summary="Nothing only says that something was moved, removed, renamed or deprecated.",
    check=check,
    good=(
        {"vibe/a.md": "# A\n\nDelete the pod. Files that were removed are listed by git.\n"},
        {
            "vibe/a.md": _PAGE
            + "| flag | meaning |\n| --- | --- |\n| `-f` | removed in 7.0 |\n| `D` | deleted |\n\n- deprecated since 3.2: use `-g`\n- the CRDs were deleted\n"
        },
        {"vibe/a.md": "# A\n\n> **Note**: this page is outdated.\n\nStill here to read.\n"},
        {"vibe/a.md": _PAGE + "## Cause\n\nThe volumes were deleted by force.\n"},
        {"vibe/a.md": _PAGE + "Strike text with `~~old~~`:\n\n```md\n~~old~~\n```\n"},
        {
            "vibe/ADR/0001-x.md": "# X\n\n## Status\n\nSuperseded by [0002](0002-y.md)\n\n## Context\n\nWhy.\n",
            "vibe/ADR/README.md": "# ADR\n\n| ADR | status |\n| --- | --- |\n| [X](0001-x.md) | Superseded by [0002](0002-y.md) |\n",
        },
        {"vibe/changelog.md": "# Changelog\n\n- The old job: removed\n- Moved to [B](b.md)\n"},
    ),
    bad=(
        {
            "vibe/a.md": "**A**\n\n⟦# A⟧\n\n> **Status**: Active\n\nThis page has moved to [B](b.md). Please update your links.\n"
        },
        {"vibe/a.md": "⟦# Sauvegarde⟧\n\nCette page a été déplacée, voir [B](b.md).\n"},
        {"vibe/a.md": "⟦# A⟧\n\n> [!WARNING]\n> This runbook is deprecated.\n\n- [B](b.md)\n"},
        {"vibe/a.md": "⟦# A (moved to [B](b.md))⟧\n"},
        {"vibe/a.md": _PAGE + "⟦## Backup⟧\n\nMoved to [storage](b.md).\n\n## Next\n\nText.\n"},
        {"vibe/a.md": _PAGE + "⟦## Backup (deprecated, see [B](b.md))⟧\n\n## Next\n\nText.\n"},
        {"vibe/a.md": _PAGE + "⟦## Sauvegarde⟧\n\nSupprimé.\n"},
        {
            "vibe/a.md": _PAGE
            + "| page | what |\n| --- | --- |\n⟦| [B](b.md) | moved to [C](c.md) |⟧\n| [D](d.md) | about D |\n⟦| ~~[E](e.md)~~ | ~~about E~~ |⟧\n"
        },
        {
            "vibe/a.md": _PAGE
            + "- ⟦[B](b.md): renamed to [C](c.md)⟧\n- [D](d.md)\n  - ⟦Old job (removed)⟧\n- ⟦~~[E](e.md)~~⟧\n- Use ⟦~~Helm 2~~⟧ Helm 3\n"
        },
        {"vibe/a.md": _PAGE + "⟦This section has been merged into [B](b.md).⟧\n\nMore to read.\n"},
    ),
    seen=Seen(1, 1, 1),
)
