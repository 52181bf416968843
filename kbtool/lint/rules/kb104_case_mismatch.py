"""A link with the wrong case works on the author's disk and is dead on every other.

Case is exact whatever the file system says.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.resolve import Outcome
from kbtool.lint.links import broken, place, relative
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page
from kbtool.text import Edit


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find links that differ from the file's name in case only."""
    for link, target in broken(page, kb, Outcome.CASE):
        right = relative(page.path, target.path).replace(" ", "%20")
        if link.target.startswith("/"):
            right = f"/{target.path}"
        rest = link.target[len(link.target.partition("#")[0].partition("?")[0]) :]
        fix = (Edit(page.path, link.target_span, right + rest),) if link.target_span else ()
        message = f"{link.target!r} is written {right!r}"
        yield Finding(page.path, place(link), message, "", fix)


RULE = Rule(
    id="KB104",
    name="case-mismatch",
    summary="A link is written in the case of the file's name.",
    check=check,
    good=({"a.md": "# A\n\n[b](Guide.md)\n", "Guide.md": "# B\n"},),
    bad=(
        {"a.md": "# A\n\n[b](⟦guide.md#b⟧)\n", "Guide.md": "# B\n"},
        {"a.md": "# A\n\n[b](⟦docs/x.md⟧)\n", "Docs/x.md": "# X\n"},
    ),
    presets=("lab", "plain"),
    sees="links",
    fixable=True,
    seen=Seen(900, 30, 30, "All 900 were compared with the names of the files by a program, too."),
)
