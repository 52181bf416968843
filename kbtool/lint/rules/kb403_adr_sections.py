"""A decision without its context cannot be questioned later, one without consequences was not weighed.

An ADR has the H2 sections Context, Decision and Consequences, in any order and beside any others.
"""

from collections.abc import Iterator
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page

_SECTIONS: Final = ("Context", "Decision", "Consequences")


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find the sections an ADR lacks; one finding names them all."""
    if kb.kind(page) is not Kind.ADR:
        return
    starts = {block.span.start for block in page.blocks if block.kind == "heading"}
    there = {
        heading.text.casefold()
        for heading in page.headings
        if heading.level == 2 and heading.span.start in starts
    }
    missing = [name for name in _SECTIONS if name.casefold() not in there]
    if missing:
        message = f"no section {', '.join(missing)}"
        help_ = "\n".join(f"## {name}" for name in missing)
        yield Finding(page.path, place_of_title(page), message, help_)


RULE = Rule(
    id="KB403",
    name="adr-sections",
    summary="An ADR has the sections Context, Decision and Consequences.",
    check=check,
    good=(
        {
            "vibe/ADR/0001-x.md": "# X\n\n## Context\n\n## decision\n\n## Alternatives\n\n## Consequences\n"
        },
        {"vibe/ADR/README.md": "# ADR\n", "vibe/ADR/_template.md": "# T\n", "vibe/a.md": "# A\n"},
    ),
    bad=(
        {"vibe/ADR/0001-x.md": "⟦# X⟧\n\n## Context\n\n### Decision\n\n> ## Consequences\n"},
        {"vibe/ADR/0001-x.md": "⟦⟧## Context\n\n## The decision\n"},
    ),
    seen=Unseen("no page there is a decision record"),
)
