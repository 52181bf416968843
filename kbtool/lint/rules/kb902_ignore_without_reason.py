"""An ignore without a reason cannot be judged by the next reader."""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page


def check(_page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find nothing: the engine, which reads the comments, reports it."""
    return iter(())


RULE = Rule(
    id="KB902",
    name="ignore-without-reason",
    summary="Every ignore says why.",
    check=check,
    good=({"a.md": "# A\n\n<!-- kb-ignore KB101: written next week -->\n[b](gone.md)\n"},),
    bad=({"a.md": "# A\n\n⟦<!-- kb-ignore KB101 -->⟧\n[b](gone.md)\n"},),
    presets=("lab", "plain"),
    sees="ignores",
    seen=Unseen("no page there silences a rule"),
)
