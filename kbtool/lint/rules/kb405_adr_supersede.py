"""Who reads the old decision must be led to the new one, and who reads the new one to what it ends.

`Superseded by [ADR-0007](…)` in the Status of the old record and a field `Supersedes` in the new
one's header belong together. Reported at the link on the side that has it; the fix writes the
other. A Status that names no page at all is reported too.
"""

import re
from collections.abc import Iterator

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.adr import SUPERSEDES, number, reference, superseded, superseding
from kbtool.lint.fields import add_item
from kbtool.lint.header import status_word, valid_status
from kbtool.lint.links import relative
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Field, Page
from kbtool.text import Edit, Span


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find supersessions that only one of the two records states."""
    if kb.kind(page) is not Kind.ADR:
        return
    yield from _unanswered(page, kb)
    yield from _unsaid(page, kb)
    yield from _unlinked(page, kb)


def _unanswered(page: Page, kb: KnowledgeBase) -> Iterator[Finding]:
    """Yield the records this one names as its successors that do not say so."""
    for link, path in superseding(page, kb):
        newer = kb.pages[path]
        if not any(target == page.path for _, target in superseded(newer, kb)):
            item = reference(path, page)
            message = f"{relative(page.path, path)} does not say that it supersedes this"
            help_ = f"there: **{SUPERSEDES}**: {item}"
            fix = add_item(newer, kb, SUPERSEDES, item)
            yield Finding(page.path, link.span, message, help_, fix)


def _unsaid(page: Page, kb: KnowledgeBase) -> Iterator[Finding]:
    """Yield the records this one supersedes whose Status does not say so."""
    for link, path in superseded(page, kb):
        older = kb.pages[path]
        status = valid_status(older, kb)
        if status and not any(target == page.path for _, target in superseding(older, kb)):
            item = reference(path, page)
            message = f"the Status of {relative(page.path, path)} does not name this"
            help_ = f"there: **Status**: Superseded by {item}"
            yield Finding(page.path, link.span, message, help_, (_status(older, status, page),))


def _status(older: Page, status: Field, newer: Page) -> Edit:
    """Return the edit that names the newer record in the Status of the older one."""
    item = reference(older.path, newer)
    if not _told(status):
        word = status_word(status.value)
        mark = status.value[: len(status.value) - len(word)]
        return Edit(older.path, status.value_span, f"{mark}Superseded by {item}")
    own = number(newer.path)
    if own and not status.links:
        written = re.compile(rf"(?:ADR[ -]?)?(?<!\d){own}(?!\d)")
        named = written.search(older.text, *status.value_span)
        if named:
            return Edit(older.path, Span(*named.span()), item)
    end = Span(status.value_span.end, status.value_span.end)
    return Edit(older.path, end, f" · {item}", appends=True)


def _unlinked(page: Page, kb: KnowledgeBase) -> Iterator[Finding]:
    """Yield a Status `Superseded by` that links nothing, unless the newer record is reported."""
    status = valid_status(page, kb)
    if status is None or status.links or not _told(status):
        return
    records = [kb.pages[path] for path in kb.pages if kb.kind_of(path) is Kind.ADR]
    if any(target == page.path for each in records for _, target in superseded(each, kb)):
        return
    named = re.search(r"(?<!\d)(\d{4})(?!\d)", status.value)
    newer = [each for each in records if named and number(each.path) == named[1] and each != page]
    fix = (_status(page, status, newer[0]),) if len(newer) == 1 else ()
    message = "the record that supersedes this one is not linked"
    yield Finding(page.path, status.value_span, message, "Superseded by [ADR-NNNN](…)", fix)


def _told(status: Field) -> bool:
    return status_word(status.value).casefold().startswith("superseded")


RULE = Rule(
    id="KB405",
    name="adr-supersede",
    summary="A supersession is stated by both records.",
    check=check,
    good=(
        {
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: Superseded by [ADR-0002](0002-y.md)\n",
            "vibe/ADR/0002-y.md": "# Y\n\n> **Status**: Accepted\n> **Supersedes**: [ADR-0001](0001-x.md)\n",
        },
        {
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: Superseded by [a charter](../charter.md)\n",
            "vibe/charter.md": "# Charter\n",
        },
    ),
    bad=(
        {
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: Superseded by ⟦[ADR-0002](0002-y.md)⟧\n",
            "vibe/ADR/0002-y.md": "# Y\n\n> **Status**: Accepted\n",
        },
        {
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: 🟢 Accepted\n",
            "vibe/ADR/0002-y.md": "# Y\n\n> **Supersedes**: ⟦[ADR-0001](0001-x.md)⟧\n",
            "vibe/ADR/0003-z.md": "# Z\n\n> **Supersedes**: ⟦[ADR-0001](0001-x.md)⟧\n",
        },
        {
            "vibe/ADR/0001-x.md": "# X\n\n> **Status**: ⟦Superseded by ADR 0002⟧\n",
            "vibe/ADR/0002-y.md": "# Y\n",
        },
        {"vibe/ADR/0001-x.md": "# X\n\n> **Status**: ⟦Superseded by something better⟧\n"},
    ),
    fixable=True,
    seen=Unseen("no page there is a decision record"),
)
