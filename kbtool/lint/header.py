"""What the header rules share: which fields and which words a kind of page has."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from posixpath import basename
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.markdown.page import Field, Page

DATES: Final = ("Last Updated", "Date", "Last Verified")
_PAGE: Final = ("Status", "Last Updated")
REQUIRED: Final[Mapping[Kind, Sequence[str]]] = {
    Kind.ADR: ("Status", "Date", "Deciders"),
    Kind.INVESTIGATION: ("Status", "Date"),
    Kind.SHAREOUT: ("Date",),
}
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_PAGE_WORDS: Final = ("Draft", "In design", "Beta", "Active")
_PRD_WORDS: Final = ("Draft", "In design", "In progress", "Shipped", "Dropped")
_WORDS: Final[Mapping[Kind, Sequence[str]]] = {
    Kind.ADR: ("Proposed", "Accepted", "Rejected", "Deferred", "Superseded by"),
    Kind.INVESTIGATION: ("Open", "In progress", "Complete"),
    Kind.STATUS: _PRD_WORDS,
}


def required(page: Page, kb: KnowledgeBase) -> Sequence[str]:
    """Return the fields a page must have."""
    return REQUIRED.get(kb.kind(page), _PAGE)


def words(page: Page, kb: KnowledgeBase) -> Sequence[str]:
    """Return the words its Status may have."""
    kind = kb.kind(page)
    if kind is Kind.PRD:
        home = basename(page.path) == kb.conventions.hub
        return _PRD_WORDS if home else tuple(dict.fromkeys(_PAGE_WORDS + _PRD_WORDS))
    return _WORDS.get(kind, _PAGE_WORDS)


def status_word(value: str) -> str:
    """Return a status without its emoji."""
    return value.lstrip("".join(c for c in value if not c.isalnum())) if value else value


def is_status(word: str, known: str) -> bool:
    """Return whether a word is one of the known; what supersedes is free text."""
    if known.casefold().startswith("superseded"):
        return word.startswith(f"{known} ")
    return word == known


def valid_status(page: Page, kb: KnowledgeBase) -> Field | None:
    """Return the Status of a page if it is one of its words, in any case: else others report it."""
    field = page.head.field("Status")
    word = status_word(field.value).casefold() if field else ""
    return field if any(is_status(word, known.casefold()) for known in words(page, kb)) else None


def iso_date(value: str) -> date | None:
    """Return the day a field's value names as `2026-11-24`, None for any other form."""
    try:
        return date.fromisoformat(value) if _ISO.fullmatch(value) else None
    except ValueError:
        return None
