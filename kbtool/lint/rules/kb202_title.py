"""A page has one title: navigation, search and readers call it by that name."""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page
from kbtool.text import Span


def check(page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a missing, empty, late or second H1."""
    starts = {block.span.start for block in page.blocks if block.kind == "heading"}
    tops = [h for h in page.headings if h.span.start in starts]
    titles = [heading for heading in tops if heading.level == 1]
    if not titles:
        yield Finding(page.path, Span(0, 0), "no title", "# Title, below the breadcrumb")
        return
    if not titles[0].text:
        yield Finding(page.path, titles[0].span, "the title is empty")
    elif tops[0] is not titles[0]:
        yield Finding(page.path, titles[0].span, "the title comes after another heading")
    for second in titles[1:]:
        yield Finding(page.path, second.span, "a second title", "make it an H2: ## …")


RULE = Rule(
    id="KB202",
    name="title",
    summary="A page has exactly one H1, its first heading.",
    check=check,
    good=({"vibe/a.md": "**A**\n\n# A\n\n## B\n"}, {"vibe/a.md": "A\n=\n"}),
    bad=(
        {"vibe/a.md": "⟦⟧no heading\n"},
        {"vibe/a.md": "# A\n\n⟦# B⟧\n"},
        {"vibe/a.md": "## B\n\n⟦# A⟧\n"},
    ),
    seen=Seen(70, 30, 30),
)
