"""What cannot be reached from the root hub is not found when it is needed.

A page counts as reachable when a chain of hubs links to it. A page its own hub forgets to list
is reported there (KB107), not here; below a hub that is itself lost, only that hub is reported, and
in an investigation's folder without its stub page, only that (KB422).
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.investigations import without_stub
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find pages no chain of hubs leads to."""
    if kb.root_hub is None or page.path in kb.reachable:
        return
    if any(hub not in kb.reachable for hub in kb.ancestors(page.path)):
        return
    folder = without_stub(kb, page.path)
    if folder and kb.hub(folder) is None:
        return
    message = "cannot be reached from the root hub"
    yield Finding(
        page.path, place_of_title(page), message, "link to it from a hub that is reachable"
    )


RULE = Rule(
    id="KB106",
    name="orphan-page",
    summary="Every page is reachable from the root hub through hubs.",
    check=check,
    good=(
        {
            "vibe/README.md": "# vibe\n\n- [G](g/README.md)\n",
            "vibe/g/README.md": "# G\n\n- [A](a.md)\n",
            "vibe/g/a.md": "# A\n",
        },
    ),
    bad=(
        {
            "vibe/README.md": "# vibe\n",
            "vibe/g/README.md": "⟦# G⟧\n\n[A](a.md)\n",
            "vibe/g/a.md": "# A\n",
        },
    ),
    seen=Seen(68, 30, 30, "The English pages of fastapi were the base, each index.md a hub."),
)
