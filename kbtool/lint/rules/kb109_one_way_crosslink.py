"""Who follows a *See also* should find the way back.

A link in a section titled *See also* or *Voir aussi* is answered by any link back, from the other
page's header or body. Hubs, the pages above and below, and shareouts are exempt.
"""

from collections.abc import Iterator
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import leads, relative
from kbtool.lint.relations import answered, owed, pair
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page
from kbtool.text import Span

_TITLES: Final = ("see also", "voir aussi")


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find links of See also sections to pages that do not link back."""
    if not answered(kb, page.path):
        return
    told: set[str] = set()
    for section in _sections(page):
        for link, target in leads(page, kb, section):
            if target in told or not owed(kb, page.path, target):
                continue
            told.add(target)
            if any(back == page.path for _, back in kb.edges[target]):
                continue
            message = f"{relative(page.path, target)} does not link back"
            help_ = "link to this page from there, or name it in the text instead"
            yield Finding(page.path, link.span, message, help_, about=pair(page.path, target))


def _sections(page: Page) -> Iterator[Span]:
    for index, heading in enumerate(page.headings):
        if heading.text.strip(" :").casefold() in _TITLES:
            following = page.headings[index + 1 :]
            end = next((h for h in following if h.level <= heading.level), None)
            yield Span(heading.span.end, end.span.start if end else len(page.text))


RULE = Rule(
    id="KB109",
    name="one-way-crosslink",
    summary="A page named under See also links back.",
    check=check,
    good=(
        {
            "vibe/a.md": "# A\n\n[D](d.md)\n\n## See also\n\n- [B](b.md)\n- [C](c.md)\n\n## Next\n\n[D](d.md)\n",
            "vibe/b.md": "# B\n\n> **Upstream**: [A](a.md)\n",
            "vibe/c.md": "# C\n\nAs [A](a.md#next) says.\n",
            "vibe/d.md": "# D\n",
        },
        {
            "vibe/README.md": "# vibe\n\n## See also\n\n[A](a.md)\n",
            "vibe/a.md": "# A\n\n## See also\n\n[vibe](README.md), [talk](shareouts/2026-01-02-x.md)\n",
            "vibe/shareouts/2026-01-02-x.md": "# X\n\n## Voir aussi\n\n- [B](../b.md)\n",
            "vibe/b.md": "# B\n",
        },
    ),
    bad=(
        {
            "vibe/a.md": "# A\n\n## See also\n\n- ⟦[B](b.md)⟧: why\n- [B again](b.md#b)\n",
            "vibe/b.md": "# B\n",
        },
        {
            "vibe/a.md": "# A\n\n### Voir aussi :\n\n#### Plus\n\n⟦[B](b.md)⟧\n\n### Fin\n\n[C](c.md)\n",
            "vibe/b.md": "# B\n",
            "vibe/c.md": "# C\n",
        },
    ),
    seen=Seen(
        1440,
        30,
        30,
        "That the other page does not name this one was compared by a program for all 1,440.",
    ),
)
