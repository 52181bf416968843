"""Two records of one number cannot both be meant by it: links, rows and people go astray.

A number is unique in the folder; the file that comes first by its path keeps it. It is unique on
the base branch too: when another record of this number was added there since this work began, the
merge would bring both together without a conflict, so this one is told now.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.numbers import added_adr_numbers, adr_number, adr_numbers, next_adr_number
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a record whose number another one has, here or on the base branch."""
    number = adr_number(page.path, kb)
    other = _other(page.path, number, kb) if number else ""
    if other:
        hint = (
            f"the next free number is {next_adr_number(kb)}: in the file's name, the title, "
            "the breadcrumb, the hub's row, and links from other pages"
        )
        yield Finding(page.path, place_of_title(page), f"{number} is taken by {other}", hint)


def _other(path: str, number: str, kb: KnowledgeBase) -> str:
    """Return who has the number, "" when it is this record's."""
    first = adr_numbers(kb)[number][0]
    if first != path:
        return first
    branch = kb.facts.base_branch()
    there = [each for each in added_adr_numbers(kb).get(number, ()) if each != path]
    if branch is None or path in branch.files or not there:
        return ""
    return f"{there[0]} on {branch.name}"


_BOTH = "# One\n"

RULE = Rule(
    id="KB402",
    name="adr-number",
    summary="A decision record's number is its own, here and on the base branch.",
    check=check,
    good=(
        {"vibe/ADR/0001-one.md": _BOTH, "vibe/ADR/0002-two.md": _BOTH},
        {"vibe/ADR/0001-one.md": _BOTH, "vibe/guidebooks/0001-first.md": "# First\n"},
        {
            "vibe/ADR/0001-one.md": _BOTH,
            "fork:vibe/ADR/0001-one.md": _BOTH,
            "main:vibe/ADR/0002-two.md": _BOTH,
        },
        {"vibe/ADR/0001-one.md": _BOTH, "main:vibe/ADR/0001-one.md": _BOTH},
    ),
    bad=(
        {"vibe/ADR/0001-one.md": _BOTH, "vibe/ADR/0001-two.md": "⟦# Two⟧\n"},
        {
            "vibe/ADR/0001-one.md": _BOTH,
            "fork:vibe/ADR/0001-one.md": _BOTH,
            "vibe/ADR/0002-here.md": "⟦# Here⟧\n",
            "main:vibe/ADR/0002-there.md": "# There\n",
        },
    ),
    seen=Unseen("no page there is a decision record"),
)
