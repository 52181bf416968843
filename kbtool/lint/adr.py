"""Architecture decision records: their numbers, and which supersedes which."""

import re
from collections.abc import Iterable, Iterator
from posixpath import basename
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.links import leads, link_to, title_of
from kbtool.markdown.page import Link, Page
from kbtool.text import Span

SUPERSEDES: Final = "Supersedes"
_NUMBER: Final = re.compile(r"(\d{4})-")
_IN_TITLE: Final = re.compile(r"(?:ADR[ -]?)?(\d{4})\s*[:.–—-]*\s*", re.IGNORECASE)


def number(path: str) -> str | None:
    """Return the number in a record's file name."""
    found = _NUMBER.match(basename(path))
    return found[1] if found else None


def decision(record: Page) -> str:
    """Return a record's title without its number."""
    title = title_of(record)
    found = _IN_TITLE.match(title)
    return title[found.end() :] if found and found[1] == number(record.path) else title


def reference(source: str, record: Page) -> str:
    """Return a link from the page `source` to a record, under its number: `[ADR-0007](…)`."""
    own = number(record.path)
    return link_to(source, record, f"ADR-{own}" if own else "")


def superseding(page: Page, kb: KnowledgeBase) -> Iterator[tuple[Link, str]]:
    """Yield the records that the Status of a record says it is superseded by."""
    status = page.head.field("Status")
    if status and "superseded" in status.value.casefold():
        yield from _records(page, kb, (status.value_span,))


def superseded(page: Page, kb: KnowledgeBase) -> Iterator[tuple[Link, str]]:
    """Yield the records that a record says it supersedes."""
    own = SUPERSEDES.casefold()
    fields = (field for field in page.head.fields if field.name.casefold() == own)
    yield from _records(page, kb, (field.value_span for field in fields))


def _records(page: Page, kb: KnowledgeBase, spans: Iterable[Span]) -> Iterator[tuple[Link, str]]:
    for span in spans:
        for link, target in leads(page, kb, span):
            if target != page.path and kb.kind_of(target) is Kind.ADR:
                yield link, target
