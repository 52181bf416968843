"""A hub that forgets a page hides it: readers come through hubs.

A hub lists each page of its folder and the hub of each folder directly below. Any link in its
body lists. The fix appends to the table or list that holds most siblings, else to `## Pages`.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import link_to, place_of_title, relative, title_of
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Block, Page
from kbtool.markdown.table import read_table
from kbtool.text import Edit, Span


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find children this hub does not link to."""
    children = kb.children(page.path)
    if not children:
        return
    crumb = page.head.breadcrumb
    listed = {
        target
        for link, target in kb.edges[page.path]
        if not (crumb and crumb.span.start <= link.span.start < crumb.span.end)
    }
    for child in children:
        if child not in listed:
            message = f"does not list {relative(page.path, child)}"
            fix = (_listing(page, kb, child),)
            yield Finding(page.path, place_of_title(page), message, "", fix, about=child)


def _listing(page: Page, kb: KnowledgeBase, child: str) -> Edit:
    entry = link_to(page.path, kb.pages[child], title_of(kb.pages[child]))
    home = _home(page, kb)
    if home is None:
        end = len(page.text.rstrip())
        return Edit(page.path, Span(end, len(page.text)), f"\n\n## Pages\n\n- {entry}\n")
    at = Span(home.span.end, home.span.end)
    if home.kind == "table":
        empty = "  |" * (len(read_table(page.text, home.span).header.cells) - 1)
        cell = entry.replace("|", "\\|")
        return Edit(page.path, at, f"\n| {cell} |{empty}", appends=True)
    bullet = page.text[home.span.start]
    return Edit(page.path, at, f"\n{bullet} {entry}", appends=True)


def _home(page: Page, kb: KnowledgeBase) -> Block | None:
    """Return the table or list that holds most siblings."""
    children = set(kb.children(page.path))
    held = [
        (
            sum(
                b.span.start <= link.span.start < b.span.end and target in children
                for link, target in kb.edges[page.path]
            ),
            b,
        )
        for b in page.blocks
        if b.kind in ("table", "bullets") and b.span.start >= page.head.span.start
    ]
    best = max(held, key=lambda each: each[0], default=(0, None))
    return best[1] if best[0] else None


RULE = Rule(
    id="KB107",
    name="hub-misses-child",
    summary="A hub lists every page of its folder and every folder below.",
    check=check,
    good=(
        {
            "vibe/README.md": "# vibe\n\nSee [A](a.md) and [G](g/README.md).\n",
            "vibe/a.md": "# A\n",
            "vibe/g/README.md": "# G\n",
        },
        {"vibe/README.md": "# vibe\n", "vibe/_template.md": "# Template\n"},
    ),
    bad=(
        {"vibe/README.md": "⟦# vibe⟧\n\n- [A](a.md)\n", "vibe/a.md": "# A\n", "vibe/b.md": "# B\n"},
        {
            "vibe/README.md": "⟦# vibe⟧\n\n| page | why |\n| --- | --- |\n| [A](a.md) | x |\n\nEnd.\n",
            "vibe/a.md": "# A\n",
            "vibe/b.md": "# B\n",
        },
        {"vibe/README.md": "⟦# vibe⟧\n", "vibe/g/README.md": "# G\n"},
    ),
    fixable=True,
    seen=Seen(
        152,
        30,
        30,
        "The English pages of fastapi were the base, each index.md a hub. All 152 were compared with "
        "the text of the hubs by a program, too.",
    ),
)
