"""Without a status and a date nobody knows whether a page still holds.

Pages have Status and Last Updated; ADRs Status, Date, Deciders; investigations Status, Date;
shareouts Date.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.header import required
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Field, Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find fields the kind of page needs and the header lacks."""
    for name in required(page, kb):
        field = page.head.field(name)
        if field is not None and field.value:
            continue
        near = _near(page, name)
        hint = f"the header has {near.name!r}" if near else f"> **{name}**: …"
        place = field.span if field else near.span if near else place_of_title(page)
        yield Finding(page.path, place, f"no {name}", hint, about=name)


def _near(page: Page, name: str) -> Field | None:
    """Return a field whose name is nearly the wanted one."""
    names = {field.name: field for field in page.head.fields}
    from difflib import get_close_matches

    near = get_close_matches(name, names, 1, 0.8)
    return names[near[0]] if near else None


RULE = Rule(
    id="KB203",
    name="missing-field",
    summary="The header has the fields its kind of page needs.",
    check=check,
    good=(
        {"vibe/a.md": "# A\n\n> **Status**: Draft\n> **Last Updated**: 2026-01-02\n"},
        {
            "vibe/ADR/0001-x.md": "# A\n\n> **Status**: Accepted\n> **Date**: 2026-01-02\n> **Deciders**: us\n"
        },
        {"vibe/shareouts/2026-01-02-x.md": "# A\n\n> **Date**: 2026-01-02\n"},
    ),
    bad=(
        {"vibe/a.md": "⟦# A⟧\n\n> **Status**: Draft\n"},
        {"vibe/a.md": "# A\n\n> **Status**: Draft\n> ⟦**Last Update**: 2026-01-02⟧\n"},
        {"vibe/ADR/0001-x.md": "⟦# A⟧\n\n> **Status**: Accepted\n> **Date**: 2026-01-02\n"},
    ),
    seen=Unseen("no page there has a header"),
)
