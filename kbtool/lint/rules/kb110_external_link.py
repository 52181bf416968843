"""An address that answered when the page was written may be gone since.

Asked for only: `kbtool lint --external` sends requests, and nothing else does. A host that does not
answer, refuses, or may not be contacted makes no finding; one notice counts them. Only what the
host itself says is gone, or what redirects in a circle, is found; `#anchors` of other sites are
not looked at.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import external, place
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find external links whose host says that nothing is there."""
    for link, url in external(page, kb):
        why = kb.facts.external(url)
        if why:
            yield Finding(page.path, place(link), f"{url} {why}")


RULE = Rule(
    id="KB110",
    name="external-link",
    summary="An external link is answered.",
    check=check,
    good=({"a.md": "# A\n\n[b](https://example.org/) <https://example.org/x>\n"},),
    bad=({"a.md": "# A\n\n[b](⟦https://gone.example/x#y⟧) <⟦http://gone.example/x⟧>\n"},),
    severity="warning",
    presets=("lab", "plain"),
    default=False,
    seen=Unseen("a measurement asks no host of others"),
)
