"""The index of decisions is where readers look first: a record it lacks or misquotes is not known.

Each ADR has a row, with a link to it, in a table of its hub; where the table has a Status column,
the cell says what the ADR's Status says (the emoji is free). A row that is missing is reported at
the hub's H1, a wrong status at its cell. The fix writes the row in the table's own columns, in
order of the numbers, or makes the table; and it corrects the cell.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.adr import decision, number
from kbtool.lint.index import (
    STATUS,
    Entry,
    entries,
    has_emoji,
    plain,
    status_for,
    wrong_status,
)
from kbtool.lint.links import as_text, leads, link_to, place_of_title, relative, title_of
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.markdown.table import Table, tables
from kbtool.text import Edit, Span

_NUMBERS: Final = frozenset({"number", "no", "no.", "nr", "nr.", "n°", "№", "#", "id", "adr"})
_TITLES: Final = frozenset({"title", "decision", "name", "record", "page", "subject"})
_LAST: Final = "~"  # where a record without a number stands among those with one
_NEW: Final = "\n\n| number | decision | status |\n| --- | --- | --- |\n"


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find ADRs this hub's tables lack, or quote with another status."""
    records = [path for path in kb.children(page.path) if kb.kind_of(path) is Kind.ADR]
    if not records:
        return
    rows = list(entries(page, kb, {path: path for path in records}))
    there = {entry.path for entry in rows}
    for path in records:
        if path not in there:
            message = f"no row for {relative(page.path, path)}"
            fix = (_row(page, kb, rows, kb.pages[path]),)
            yield Finding(page.path, place_of_title(page), message, "", fix, about=path)
    for entry in rows:
        wrong = wrong_status(page, kb, entry, kb.pages[entry.path])
        if wrong:
            message = f"the status of {relative(page.path, entry.path)} is {plain(wrong.right)!r}"
            fix = (wrong.edit,)
            yield Finding(page.path, wrong.cell.span, message, "", fix, about=entry.path)


def _row(page: Page, kb: KnowledgeBase, rows: Sequence[Entry], record: Page) -> Edit:
    """Return the edit that writes a record's row: into the table that holds most, or a new one."""
    table = _home(page, rows)
    if table is None:
        last = [block for block in page.blocks if block.span.start < page.head.span.end]
        at = last[-1].span.end if last else len(page.text)
        cells = _cells(page, kb, ["number", "decision", "status"], (), record)
        gap = "" if page.text[at : at + 2].isspace() or at == len(page.text) else "\n"
        return Edit(page.path, Span(at, at), f"{_NEW}{_line(cells)}{gap}")
    mine = [entry for entry in rows if entry.table == table]
    names = [plain(cell.text).casefold() for cell in table.header.cells]
    line = _line(_cells(page, kb, names, mine, record))
    return _placed(page, table, mine, record, line)


def _home(page: Page, rows: Sequence[Entry]) -> Table | None:
    held = [entry.table for entry in rows]
    if held:
        return max(held, key=held.count)
    return next(
        (table for table in tables(page) if table.column(_NUMBERS | _TITLES) is not None), None
    )


def _placed(page: Page, table: Table, mine: Sequence[Entry], record: Page, line: str) -> Edit:
    own = number(record.path) or _LAST
    numbers = [number(entry.path) or _LAST for entry in mine]
    falling = len(numbers) > 1 and numbers == sorted(numbers, reverse=True)
    for entry, other in zip(mine, numbers, strict=True):
        if (other < own) if falling else (other > own):
            at = entry.row.span.start
            return Edit(page.path, Span(at, at), f"{line}\n", appends=not falling)
    at = mine[-1].row.span.end if mine else table.span.end
    return Edit(page.path, Span(at, at), f"\n{line}", appends=not falling)


def _cells(
    page: Page, kb: KnowledgeBase, names: Sequence[str], mine: Sequence[Entry], record: Page
) -> Iterator[str]:
    like = mine[-1] if mine else None
    linked = _linked(page, kb, names, like)
    titled = any(name in _TITLES for name in names)
    fields = {field.name.casefold(): field for field in record.head.fields}
    for index, name in enumerate(names):
        field = fields.get(name)
        if name in STATUS:
            emoji = any(has_emoji(entry.row.cell(index).text) for entry in mine)
            status = status_for(page, record, kb, emoji=emoji)
            words = plain(status) or title_of(record)
            yield link_to(page.path, record, words) if index in linked else status
        elif index in linked or name in _NUMBERS | _TITLES:
            before = plain(like.row.cell(index).text) if like else ""
            words = _words(name, record, before, titled=titled)
            yield link_to(page.path, record, words) if index in linked else as_text(words)
        else:
            yield field.value if field and not field.links else ""


def _linked(
    page: Page, kb: KnowledgeBase, names: Sequence[str], like: Entry | None
) -> Collection[int]:
    """Return the columns that hold the link: as in the row before, else the number or the title."""
    if like:
        found = [
            index
            for index, cell in enumerate(like.row.cells)
            if any(target == like.path for _, target in leads(page, kb, cell.span))
        ]
        if found:
            return found
    named = [index for index, name in enumerate(names) if name in _NUMBERS]
    named += [index for index, name in enumerate(names) if name in _TITLES]
    return named[:1] or [0]


def _words(name: str, record: Page, before: str, *, titled: bool) -> str:
    """Return the number, written as in the row before, or the title."""
    if not titled:
        return title_of(record)
    if name not in _NUMBERS:
        return decision(record)
    own = number(record.path) or ""
    digits = re.fullmatch(r"(\D*)(\d+)", before)
    return f"{digits[1]}{int(own):0{len(digits[2])}}" if digits and own else own


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


RULE = Rule(
    id="KB404",
    name="adr-index",
    summary="Each ADR has a row in its hub's table, with its status.",
    check=check,
    good=(
        {
            "vibe/ADR/README.md": "# ADR\n\n| number | Status |\n| --- | --- |\n| [0001](0001-x.md) | 🟢 accepted |\n\n| old | status |\n|-|-|\n| [0002](0002-y.md) | Superseded by [0001](0001-x.md) |\n",
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: Accepted\n",
            "vibe/ADR/0002-y.md": "# Y\n\n> **Status**: Superseded by [ADR-0001](0001-x.md)\n",
            "vibe/ADR/_template.md": "# T\n",
        },
        {
            "vibe/ADR/README.md": "# ADR\n\n| ADR |\n| --- |\n| [X](0001-x.md) |\n",
            "vibe/ADR/0001-x.md": "# X\n",
        },
        {"vibe/README.md": "# vibe\n\n- [A](a.md)\n", "vibe/a.md": "# A\n"},
    ),
    bad=(
        {
            "vibe/ADR/README.md": "⟦# ADR⟧\n\n| Number | Decision | Status | Date | Why |\n|--|--|--|--|--|\n| [ADR-0001](0001-x.md) | x | 🟢 Accepted | 2026-01-02 | w |\n| [ADR-0003](0003-z.md) | z | Draft |\n\n## More\n\n[2](0002-y.md)\n",
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: Accepted\n",
            "vibe/ADR/0002-y.md": "# ADR-0002: Y | *y*\n\n> **Status**: 🔴 Rejected\n> **Date**: 2026-01-03\n",
            "vibe/ADR/0003-z.md": "# Z\n",
            "vibe/ADR/0004-a.md": "# ADR-0004: A\n",
            "vibe/ADR/0005-b.md": "# ADR-0005: B\n",
        },
        {
            "vibe/ADR/README.md": "# ADR\n\n| number | status |\n|--|--|\n| [0001](0001-x.md) | ⟦🟡 Proposed⟧ |\n| [0002](0002-y.md) | ⟦[Accepted](0002-y.md)⟧ |\n| [0003](0003-z.md) |⟦⟧  |\n| [0004](0004-a.md) |⟦⟧\n",
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: 🟢 Accepted\n",
            "vibe/ADR/0002-y.md": "# Y\n\n> **Status**: Superseded by [ADR-0001](0001-x.md)\n",
            "vibe/ADR/0003-z.md": "# Z\n\n> **Status**: Rejected\n",
            "vibe/ADR/0004-a.md": "# A\n\n> **Status**: Deferred\n",
        },
        {
            "vibe/ADR/README.md": "⟦# ADR⟧\n\nDecisions.\n## How\n\nWell.\n",
            "vibe/ADR/0001-x.md": "# ADR 0001 — X\n\n> **Status**: Accepted\n",
            "vibe/ADR/0002-y.md": "# Y\n",
        },
    ),
    fixable=True,
    seen=Unseen("no page there is a decision record"),
)
