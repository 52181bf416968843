"""A date that does not move with the text tells readers that old words are fresh, or fresh ones old.

Git knows when the text last changed: the author date of the newest commit that changed the page
below its head. Link targets and generated sections do not count, a move is no change, and what is
not committed yet was changed today. What the first commit of a repository brings may be older than
that commit. One day of difference is left to time zones. In a shallow clone, and without git,
nothing is said.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.facts import Revision
from kbtool.lint.body import body
from kbtool.lint.header import iso_date, required
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page
from kbtool.text import Edit

_FIELD: Final = "Last Updated"
_GRACE: Final = timedelta(days=1)


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a date older than the newest change of the page's body."""
    field = page.head.field(_FIELD)
    day = iso_date(field.value) if field and _FIELD in required(page, kb) else None
    if field is None or day is None or day > date.max - _GRACE:
        return
    later = kb.facts.revisions(page.path, page.text, day + _GRACE)
    newest = next((each for each in later if _says_else(page, each)), None)
    if newest:
        where = f"in {newest.commit[:10]}" if newest.commit else "and is not committed"
        message = f"{_FIELD} {day}, but the text changed on {newest.day} {where}"
        fix = (Edit(page.path, field.value_span, newest.day.isoformat()),)
        yield Finding(page.path, field.value_span, message, "", fix)


def _says_else(page: Page, change: Revision) -> bool:
    if change.before is None or change.before == change.after:
        return change.before is None
    now = page if change.after == page.text else _read(page, change.after)
    return body(_read(page, change.before)) != body(now)


def _read(page: Page, text: str) -> Page:
    return parse_page(page.path, text, page.marks)


RULE = Rule(
    id="KB207",
    name="stale-date",
    summary="Last Updated is not older than the last change of the text.",
    check=check,
    good=(
        {
            "vibe/a.md": "# A\n\n> **Status**: Draft\n> **Last Updated**: 2026-11-10\n\n## One\n\nAs before.\n",
            "HEAD:vibe/a.md": "# The A\n\n> **Status**: Draft\n> **Last Updated**: 2026-11-10\n\n## One\n\nAs before.\n",
        },
        {
            "vibe/a.md": "# A\n\n> **Last Updated**: 2026-11-10\n\n## One\n\nSee [b](b.md).\n",
            "HEAD:vibe/a.md": "# A\n\n> **Last Updated**: 2026-11-10\n\n## One\n\nSee [b](old/b.md).\n",
        },
        {
            "vibe/a.md": "# A\n\n> **Last Updated**: 2026-11-10\n\n## One\n\n<!-- kb-generated map -->\nnew\n<!-- /kb-generated -->\n",
            "HEAD:vibe/a.md": "# A\n\n> **Last Updated**: 2026-11-10\n\n## One\n\n<!-- kb-generated map -->\nold\n<!-- /kb-generated -->\n",
        },
        {
            "vibe/a.md": "# A\n\n> **Last Updated**: 2026-11-23\n\n## One\n\nNew words.\n",
            "HEAD:vibe/a.md": "# A\n\n> **Last Updated**: 2026-11-10\n\n## One\n\nOld words.\n",
        },
    ),
    bad=(
        {
            "vibe/a.md": "# A\n\n> **Last Updated**: ⟦2026-11-10⟧\n\n## One\n\nNew words.\n",
            "HEAD:vibe/a.md": "# A\n\n> **Last Updated**: 2026-11-10\n\n## One\n\nOld words.\n",
        },
    ),
    fixable=True,
    seen=Unseen("no page there has a header with a date, nor a history"),
)
