"""The rows of a hub's tables: which page each speaks of, and what its status cell says."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.header import status_word, valid_status
from kbtool.lint.links import leads, link_to
from kbtool.markdown.page import Page
from kbtool.markdown.table import Cell, Row, Table, tables
from kbtool.text import Edit, Span

STATUS: Final = frozenset({"status"})
_LINK: Final = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_MARKUP: Final = str.maketrans("", "", "*_`")
_NUMBER: Final = re.compile(r"(?<!\d)\d{4}(?!\d)")


class Entry(NamedTuple):
    """A row that speaks of a page: the first of the pages in question it links to."""

    table: Table
    row: Row
    path: str


def entries(hub: Page, kb: KnowledgeBase, subjects: Mapping[str, str]) -> Iterator[Entry]:
    """Yield the rows of the hub's tables that link to one of `subjects` (page → whom it means)."""
    for table in tables(hub):
        for row in table.rows:
            linked = (target for _, target in leads(hub, kb, row.span) if target in subjects)
            first = next(linked, None)
            if first:
                yield Entry(table, row, subjects[first])


class Wrong(NamedTuple):
    """A status cell that contradicts its page: what is right, and the edit that writes it."""

    cell: Cell
    right: str
    edit: Edit


def wrong_status(hub: Page, kb: KnowledgeBase, entry: Entry, page: Page) -> Wrong | None:
    """Return what the row's status cell should say, if it contradicts the page's valid Status."""
    column = entry.table.column(STATUS)
    status = valid_status(page, kb)
    if column is None or status is None:
        return None
    cell = entry.row.cell(column)
    if agree(cell.text, status.value):
        return None
    right = status_for(hub, page, kb, emoji=has_emoji(cell.text))
    return Wrong(cell, right, _cell_edit(hub, entry.row, column, right))


def agree(one: str, other: str) -> bool:
    """Return whether two statuses say the same: without emoji, markup and case.

    Of `Superseded by …` the number is compared where both name one.
    """
    first, second = _said(one), _said(other)
    if not first.startswith("superseded"):
        return first == second
    numbers = [_NUMBER.findall(each) for each in (one, other)]
    return second.startswith("superseded") and (not all(numbers) or numbers[0][0] == numbers[1][0])


def _said(status: str) -> str:
    return status_word(plain(status)).casefold()


def plain(text: str) -> str:
    """Return what a reader sees of a cell or value: links as their text, no emphasis."""
    return _LINK.sub(r"\1", text).translate(_MARKUP).strip()


def status_for(hub: Page, page: Page, kb: KnowledgeBase, *, emoji: bool) -> str:
    """Return a page's valid Status as it is written on the hub, "" without one."""
    status = valid_status(page, kb)
    if status is None:
        return ""
    word = status_word(status.value)
    mark = status.value[: len(status.value) - len(word)] if emoji else ""
    targets = [
        link_to(hub.path, kb.pages[path], link.text)
        for link, path in leads(page, kb, status.value_span)
    ]
    if targets and word.casefold().startswith("superseded by"):
        word = word[: len("superseded by")] + " " + " · ".join(targets)
    return mark + word


def has_emoji(status: str) -> bool:
    """Return whether something that is no word stands before a status."""
    words = plain(status)
    return status_word(words) != words


def _cell_edit(page: Page, row: Row, column: int, text: str) -> Edit:
    """Return the edit that makes a row's cell say `text`, a link or emphasis around it kept."""
    text = text.replace("|", "\\|")
    if column >= len(row.cells):
        closed = page.text[row.span.end - 1] == "|"
        between = "  |" * (column - len(row.cells))
        return Edit(
            page.path,
            Span(row.span.end, row.span.end),
            f"{'' if closed else ' |'}{between} {text} |",
        )
    start, end = row.cells[column].span
    if start == end:
        space = "" if page.text[end : end + 1] == " " else " "
        return Edit(page.path, Span(start, end), f" {text}{space}")
    link = _LINK.fullmatch(page.text, start, end)
    if link:  # it may be the one that leads to the row's page
        return Edit(page.path, Span(*link.span(1)), plain(text))
    said = plain(row.cells[column].text)
    if said and "](" not in text and page.text.count(said, start, end) == 1:
        start += page.text[start:end].index(said)
        end = start + len(said)
    return Edit(page.path, Span(start, end), text)
