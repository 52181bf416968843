"""An ignore that answers nothing hides the next real finding."""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page


def check(_page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find nothing: the engine, which knows what was answered, reports it."""
    return iter(())


RULE = Rule(
    id="KB901",
    name="unused-ignore",
    summary="Every ignore answers a finding.",
    check=check,
    good=({"a.md": "# A\n\n<!-- kb-ignore KB101: written next week -->\n[b](gone.md)\n"},),
    bad=({"a.md": "# A\n\n⟦<!-- kb-ignore KB101: long mended -->⟧\n[a](#a)\n"},),
    presets=("lab", "plain"),
    sees="ignores",
    fixable=True,
    seen=Unseen("no page there silences a rule"),
)
