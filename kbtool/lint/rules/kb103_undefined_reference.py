"""`[text][label]` without a definition is shown with its brackets: a link that never became one.

Only full and collapsed references count; `[x]` alone is ordinary text.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page


def check(page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find references nothing defines."""
    for found in page.undefined:
        hint = f"add a line: [{found.label}]: target"
        yield Finding(page.path, found.span, f"reference {found.label!r} is not defined", hint)


RULE = Rule(
    id="KB103",
    name="undefined-reference",
    summary="A reference link's label is defined.",
    check=check,
    good=({"a.md": "# A\n\n[x][r] [r][] [plain]\n\n[r]: #a\n"},),
    bad=({"a.md": "# A\n\n⟦[x][gone]⟧ and ⟦[other][]⟧\n"},),
    presets=("lab", "plain"),
    sees="references",
    seen=Seen(7, 7, 7),
)
