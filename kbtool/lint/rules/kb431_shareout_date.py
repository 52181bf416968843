"""A shareout is a moment: its date orders the folder, and what was handed out must still be there.

A page in `shareouts/` is named `YYYY-MM-DD-slug.md`, or lies in a folder of that name. The date is
a real one, and the header's Date says the same. Files named in a header field Hand-out (or
Support) without a link lie beside the page; links are KB101's.
"""

import re
from collections.abc import Iterator
from datetime import date
from posixpath import basename, dirname, join, normpath
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Field, Page
from kbtool.text import Span

_NAME: Final = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})-[a-z0-9]+(?:-[a-z0-9]+)*")
_HANDOUTS: Final = frozenset(
    {"hand-out", "hand-outs", "handout", "handouts", "support", "supports"}
)
_FILE: Final = re.compile(
    r"[\w./-]*\w\.(?:pdf|mp4|webm|mov|mp3|pptx?|odp|key|docx?|odt|xlsx?|ods|csv|zip|png|jpe?g|svg|html?)\b",
    re.IGNORECASE,
)


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find shareouts without a date in their name, with another in the header, or without files."""
    name = _dated(page, kb)
    if kb.kind(page) is Kind.SHAREOUT:
        yield from _name(page, name)
    elif kb.kind(page) is not Kind.HUB or name is None:
        return
    if name and _day(name):
        yield from _other_date(page, name)
    for field in page.head.fields:
        if field.name.casefold() in _HANDOUTS:
            yield from _missing(page, kb, field)


def _name(page: Page, name: str | None) -> Iterator[Finding]:
    if name is None:
        message = f"{basename(page.path)!r} is not named YYYY-MM-DD-slug.md"
        help_ = "or put it into a folder of that name; a slug is a-z, 0-9 and hyphens"
        yield Finding(page.path, place_of_title(page), message, help_)
    elif _day(name) is None:
        yield Finding(page.path, place_of_title(page), f"there is no day {name} in the calendar")


def _dated(page: Page, kb: KnowledgeBase) -> str | None:
    """Return the date in the name of the page, else of the nearest folder that has one."""
    place = page.path.removesuffix(".md")
    while place.startswith(join(kb.base, "shareouts") + "/"):
        name = _NAME.fullmatch(basename(place))
        if name:
            return name["day"]
        place = dirname(place)
    return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _other_date(page: Page, name: str) -> Iterator[Finding]:
    field = page.head.field("Date")
    day = _day(field.value) if field else None
    if field and day and day != _day(name):
        message = f"the name of the page says {name}"
        yield Finding(page.path, field.value_span, message, "make both the same")


def _missing(page: Page, kb: KnowledgeBase, field: Field) -> Iterator[Finding]:
    linked = [link.span for link in page.links]
    for found in _FILE.finditer(page.text, *field.value_span):
        if any(span.start <= found.start() < span.end for span in linked):
            continue
        path = normpath(join(dirname(page.path), found[0]))
        if path not in kb.files:
            yield Finding(page.path, Span(*found.span()), f"no file {found[0]} beside the page")


RULE = Rule(
    id="KB431",
    name="shareout-date",
    summary="A shareout is named by its date, and its hand-outs are there.",
    check=check,
    good=(
        {
            "vibe/shareouts/README.md": "# Shareouts\n",
            "vibe/shareouts/_template.md": "# T\n",
            "vibe/shareouts/2026-01-02-x.md": "# X\n\n> **Date**: 2026-01-02\n> **Support**: `x.pdf`, [film](gone.mp4), 12 diapositives\n",
            "vibe/shareouts/x.pdf": "",
            "vibe/shareouts/2026-01-03-y/notes.md": "# Y\n\n> **Date**: 2026-01-03\n",
            "vibe/shareouts/2026/README.md": "# 2026\n\n> **Date**: 2026-01-09\n",
            "vibe/shareouts/2026/2026-01-04-z.md": "# Z\n\n> **Date**: 4 janvier\n",
        },
    ),
    bad=(
        {"vibe/shareouts/x.md": "⟦# X⟧\n"},
        {"vibe/shareouts/2026-01-02.md": "⟦# X⟧\n"},
        {"vibe/shareouts/2026-02-30-x.md": "⟦# X⟧\n"},
        {"vibe/shareouts/2026-01-02-x.md": "# X\n\n> **Date**: ⟦2026-01-03⟧\n"},
        {
            "vibe/shareouts/2026-01-02-x/README.md": "# X\n\n> **Date**: ⟦2026-01-04⟧\n",
            "vibe/shareouts/2026-01-02-x/a.md": "# X\n\n> **Date**: ⟦2026-01-03⟧\n",
        },
        {
            "vibe/shareouts/2026-01-02-x.md": "# X\n\n> **Hand-out**: `⟦deck/x.pdf⟧` and [film](x.mp4)\n"
        },
    ),
    seen=Unseen("no page there is a shareout"),
)
