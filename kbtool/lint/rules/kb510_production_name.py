"""Production's name in something kbtool executes is a mistake waiting for its day.

The names are configured (`[tool.kbtool.production]`). The rule explains; what keeps a run away from
production is the cell without a route, since an address has more spellings than a list can hold.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, example, runbook_of
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find production names in blocks, stand-ins, checks and undo."""
    runbook = runbook_of(page, kb)
    if runbook is None:
        return
    from kbtool.runbook.policy import named_in

    for found in named_in(runbook, kb.conventions.production.all()):
        message = f"{found.step} names production: {found.name}"
        yield Finding(
            page.path, found.span, message, "name the sandbox's part instead", about=found.name
        )


RULE = Rule(
    id="KB510",
    name="production-name",
    summary="What kbtool executes does not name production.",
    check=check,
    good=(
        example(GOOD_STEP),
        example(
            "### S1 [HUMAN] Look\n\n- **Who**: me\n- **Expect**: `http v/h status == 200`\n\nOpen production.example.\n"
        ),
    ),
    bad=(
        example(
            "### S1 [AGENT] Do\n\n```sh\n⟦ping production.example\n⟧```\n\n- **Expect**: exit 0\n"
        ),
    ),
    seen=Unseen("no page there has steps"),
)
