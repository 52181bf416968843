"""A path out of the repository exists on one machine only.

Absolute paths of a file system, `file:` addresses and paths with too many `..` leave.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.resolve import Outcome
from kbtool.lint.links import broken, place
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find links that lead out of the repository."""
    for link, _ in broken(page, kb, Outcome.LEAVES):
        yield Finding(
            page.path,
            place(link),
            f"{link.target!r} leads out of the repository",
            "link to a page, or say where it is in words",
        )


RULE = Rule(
    id="KB105",
    name="link-leaves-repo",
    summary="A link stays within the repository.",
    check=check,
    good=({"docs/a.md": "# A\n\n[b](../b.md)\n", "b.md": "# B\n"},),
    bad=(
        {"a.md": "# A\n\n[b](⟦../b.md⟧)\n"},
        {"a.md": "# A\n\n[b](⟦file:///etc/hosts⟧)\n"},
    ),
    presets=("lab", "plain"),
    sees="links",
    seen=Seen(0, 0, 0),
)
