"""A relation stated on one side only is found from one side only.

A relation in the header needs its inverse in the other page's: Related is its own, Upstream and
Downstream, Decision and Implemented by are each other's; `relations` configures the table. Hubs,
the pages above and below, and shareouts are exempt. The fix adds the inverse to the other page.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.fields import add_item
from kbtool.lint.links import leads, link_to, relative
from kbtool.lint.relations import answered, owed, pair
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find links of relations that the page they lead to does not return."""
    if not answered(kb, page.path):
        return
    inverses = {name.casefold(): inverse for name, inverse in kb.conventions.relations.items()}
    told: set[tuple[str, str]] = set()
    for field in page.head.fields:
        inverse = inverses.get(field.name.casefold())
        if inverse is None:
            continue
        for link, target in leads(page, kb, field.value_span):
            key = (inverse, target)
            if key in told or not owed(kb, page.path, target) or _states(kb, *key, page.path):
                continue
            told.add(key)
            item = link_to(target, page)
            yield Finding(
                page.path,
                link.span,
                f"{relative(page.path, target)} has no {inverse!r} that leads back",
                f"there: **{inverse}**: {item}",
                add_item(kb.pages[target], kb, inverse, item),
                about=pair(page.path, target),
            )


def _states(kb: KnowledgeBase, relation: str, path: str, other: str) -> bool:
    """Return whether the page at `path` states the relation to `other`."""
    page = kb.pages[path]
    return any(
        target == other
        for field in page.head.fields
        if field.name.casefold() == relation.casefold()
        for _, target in leads(page, kb, field.value_span)
    )


RULE = Rule(
    id="KB108",
    name="one-way-relation",
    summary="A relation in a header is stated on both sides.",
    check=check,
    good=(
        {
            "vibe/a.md": "# A\n\n> **Related**: [B](b.md) · [C](c.md)\n> **Upstream** (incident): [D](d.md)\n",
            "vibe/b.md": "# B\n\n> [!NOTE]\n> **Status**: Active · **Related**: [A](a.md#a)\n",
            "vibe/c.md": "# C\n\n* **related:** [A](a.md)\n",
            "vibe/d.md": "# D\n\n> **Downstream**: [A](a.md)\n",
        },
        {
            "vibe/README.md": "# vibe\n\n> **Related**: [A](a.md)\n",
            "vibe/a.md": "# A\n\n> **Related**: [vibe](README.md) · [talk](shareouts/2026-01-02-x.md) · [root](../x.md)\n> **Map**: [B](b.md)\n",
            "vibe/b.md": "# B\n\nRelated: [A](a.md)\n",
            "vibe/shareouts/2026-01-02-x.md": "# X\n\n> **Related**: [B](../b.md)\n",
            "x.md": "# X\n",
        },
        {
            "vibe/PRD/p/README.md": "# P\n\n> **Related**: [QA](qa-strategy.md)\n",
            "vibe/PRD/p/qa-strategy.md": "# QA\n",
        },
    ),
    bad=(
        {
            "vibe/a.md": "# A\n\n> **Related**: [C](c.md) · ⟦[B](b.md)⟧\n",
            "vibe/b.md": "# B\n\n> **Status**: Draft\n\nSee [A](a.md).\n",
            "vibe/c.md": "# C\n\n> **Related**: [A](a.md)\n",
        },
        {
            "vibe/a.md": "# A\n\n> **Upstream**: ⟦[B](b.md)⟧ · [B again](b.md#b)\n> **Decision**: ⟦[B](b.md)⟧\n",
            "vibe/b.md": "# B\n\n> **Upstream**: ⟦[A](a.md)⟧\n",
        },
        {
            "vibe/a.md": "# A\n\n> **Related**: ⟦[C](c.md)⟧\n",
            "vibe/b.md": "# B\n\n> **Related**: ⟦[C](c.md)⟧\n",
            "vibe/c.md": "# C\n\nNo header.\n",
        },
        {
            "vibe/ADR/0001-x.md": "# X\n\n> **Implemented by**: ⟦[P](../PRD/p/README.md)⟧\n",
            "vibe/PRD/p/README.md": "# P\n\n- **Status**: Draft\n",
        },
    ),
    fixable=True,
    seen=Unseen("no page there has a header with relations"),
)
