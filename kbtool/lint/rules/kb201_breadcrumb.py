"""The breadcrumb tells a reader who came from a search where they are.

The first line is `crumb > crumb > **label**`: one link for each hub above, root hub first, and the
page itself in bold. The root hub points up to AGENTS.md where there is one. Labels are free; the
fix writes the ancestors' labels and the page's H1 and keeps labels that are there.
"""

from collections.abc import Iterator, Mapping, Sequence

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import place_of_title, relative, title_of
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.text import Edit, Span

_MAP = "AGENTS.md"


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a breadcrumb that is missing, or leads elsewhere, or lacks its label."""
    expected = _expected(page, kb)
    crumb = page.head.breadcrumb
    fix = (_written(page, kb, expected),)
    if crumb is None:
        message = "no breadcrumb"
        yield Finding(page.path, place_of_title(page), message, _shape(page, expected), fix)
        return
    seen = [kb.resolve(page, link).path for link in crumb.links]
    if seen != list(expected):
        names = " > ".join(relative(page.path, path) for path in expected) or "no link"
        message = f"the breadcrumb must lead through {names}"
        yield Finding(page.path, crumb.span, message, "", fix)
    elif crumb.label is None:
        message = "the breadcrumb must end with the page itself in bold"
        yield Finding(page.path, crumb.span, message, "", fix)


def _expected(page: Page, kb: KnowledgeBase) -> Sequence[str]:
    if page.path == kb.root_hub:
        return (_MAP,) if _MAP in kb.files else ()
    return kb.ancestors(page.path)


def _shape(page: Page, expected: Sequence[str]) -> str:
    crumbs = [f"[…]({relative(page.path, path)})" for path in expected]
    return "the first line is " + " > ".join([*crumbs, f"**{title_of(page)}**"])


def _written(page: Page, kb: KnowledgeBase, expected: Sequence[str]) -> Edit:
    crumb = page.head.breadcrumb
    kept = {kb.resolve(page, link).path: link.text for link in crumb.links} if crumb else {}
    links = [f"[{_label(path, kb, kept)}]({relative(page.path, path)})" for path in expected]
    own = (crumb.label if crumb else None) or title_of(page)
    line = " > ".join([*links, f"**{own}**"])
    if crumb:
        return Edit(page.path, crumb.span, line)
    at = page.blocks[0].span.start if page.blocks else len(page.text)
    return Edit(page.path, Span(at, at), f"{line}\n\n")


def _label(path: str, kb: KnowledgeBase, kept: Mapping[str, str]) -> str:
    if kept.get(path):
        return kept[path]
    page = kb.pages.get(path)
    crumb = page.head.breadcrumb if page else None
    if crumb and crumb.label:
        return crumb.label
    return title_of(page) if page and path != _MAP else path


RULE = Rule(
    id="KB201",
    name="breadcrumb",
    summary="The first line leads from the root hub to the page.",
    check=check,
    good=(
        {
            "AGENTS.md": "# Agents\n",
            "vibe/README.md": "[AGENTS.md](../AGENTS.md) > **vibe**\n\n# vibe\n",
            "vibe/g/README.md": "[vibe](../README.md) > **G**\n\n# G\n",
            "vibe/g/a.md": "[vibe](../README.md) > [G](README.md) > **any label**\n\n# A\n",
            "vibe/g/deep/b.md": "[vibe](../../README.md) > [G](../README.md) > **B**\n\n# B\n",
        },
        {
            "vibe/README.md": "**vibe**\n\n# vibe\n",
            "vibe/investigations/INV-001-x.md": "[vibe](../README.md) > **X**\n\n# X\n",
            "vibe/investigations/INV-001-x/n.md": "[vibe](../../README.md) > [X](../INV-001-x.md) > **N**\n\n# N\n",
        },
    ),
    bad=(
        {"vibe/README.md": "**vibe**\n\n# vibe\n", "vibe/a.md": "⟦# A⟧\n"},
        {
            "vibe/README.md": "**vibe**\n\n# vibe\n",
            "vibe/a.md": "⟦[vibe](gone.md) > **A**⟧\n\n# A\n",
        },
        {"vibe/README.md": "**vibe**\n\n# vibe\n", "vibe/a.md": "⟦[vibe](README.md) > A⟧\n\n# A\n"},
        {
            "vibe/README.md": "**vibe**\n\n# vibe\n",
            "vibe/g/README.md": "[vibe](../README.md) > **G**\n\n# G\n",
            "vibe/g/a.md": "⟦[G](README.md) > [vibe](../README.md) > **A**⟧\n\n# A\n",
        },
    ),
    fixable=True,
    seen=Unseen("no page there has a breadcrumb"),
)
