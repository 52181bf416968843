"""Dates are ISO (`2026-11-24`), real, and not in the future: they are compared by tools.

Today is taken at UTC+14, where the day begins first.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.header import DATES, iso_date
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.text import Edit

_LOOSE: Final = re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})")
_WORDY: Final = re.compile(r"(?P<d>\d{1,2})(?:st|nd|rd|th)? (?P<m>[A-Z][a-z]+) (?P<y>\d{4})")
_MONTH_FIRST: Final = re.compile(r"(?P<m>[A-Z][a-z]+) (?P<d>\d{1,2}),? (?P<y>\d{4})")
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find dates that are not ISO, do not exist, or lie ahead."""
    for name in DATES:
        field = page.head.field(name)
        if field is None or not field.value:
            continue
        day = iso_date(field.value)
        if day is None:
            right = _read(field.value)
            fix = (Edit(page.path, field.value_span, right.isoformat()),) if right else ()
            message = f"{field.value!r} is no date of the form 2026-11-24"
            yield Finding(page.path, field.value_span, message, "", fix)
        elif date.min < kb.facts.today < day:
            yield Finding(page.path, field.value_span, f"{name} {day} lies in the future")


def _read(value: str) -> date | None:
    """Return the date of an unambiguous other form."""
    for form in (_LOOSE, _WORDY, _MONTH_FIRST):
        match = form.fullmatch(value)
        if match:
            month = match["m"] if match["m"].isdigit() else _month(match["m"])
            return iso_date(f"{match['y']}-{int(month):02}-{int(match['d']):02}")
    return None


def _month(name: str) -> int:
    found = [i for i, month in enumerate(_MONTHS, 1) if month == name or month[:3] == name]
    return found[0] if found else 0


RULE = Rule(
    id="KB206",
    name="date",
    summary="Dates are ISO, real, and not in the future.",
    check=check,
    good=({"vibe/a.md": "# A\n\n> **Last Updated**: 2026-01-02\n"},),
    bad=(
        {"vibe/a.md": "# A\n\n> **Last Updated**: ⟦2026/1/2⟧\n"},
        {"vibe/a.md": "# A\n\n> **Last Updated**: ⟦2 January 2026⟧\n"},
        {"vibe/a.md": "# A\n\n> **Last Updated**: ⟦2026-02-30⟧\n"},
        {"vibe/a.md": "# A\n\n> **Last Updated**: ⟦2999-01-01⟧\n"},
    ),
    fixable=True,
    seen=Unseen("no page there has a header"),
)
