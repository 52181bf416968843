"""A diagram that does not parse is a red box on the page, and nobody sees it before a reader does.

The mermaid that judges is the very one that draws on the site, so what it takes is right and what
it refuses is wrong. It runs in a process of its own, with bounds: a diagram that computes without
end, or is too large to be drawn, is reported like any other.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.diagrams import diagrams
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find diagrams mermaid cannot draw, at the line of the error."""
    for diagram in diagrams(page):
        fault = kb.facts.diagram(diagram.text)
        if fault:
            line, why = fault
            yield Finding(page.path, diagram.line(line), f"mermaid cannot draw it: {why}")


RULE = Rule(
    id="KB302",
    name="mermaid-syntax",
    summary="Diagrams parse.",
    check=check,
    good=(
        {"a.md": "# A\n\n```mermaid\nflowchart TD\n  a[Start] --> b[End]\n```\n"},
        {"a.md": "# A\n\n```text\nflowchart TD\n  a[Start --> b\n```\n"},
    ),
    bad=(
        {"a.md": "# A\n\n```mermaid\nflowchart TD\n  ⟦a[call (x)] --> b⟧\n  b --> c\n```\n"},
        {"a.md": "# A\n\n~~~mermaid\n⟦flowchrat TD⟧\n  a --> b\n~~~\n"},
        {
            "a.md": '# A\n\n- In an item:\n\n  ```mermaid\n  %% a comment\n  pie\n    ⟦"Dogs" : -3⟧\n  ```\n'
        },
        {"a.md": "# A\n\n⟦```mermaid⟧\n```\n"},
    ),
    presets=("lab", "plain"),
    sees="diagrams",
    seen=Seen(0, 0, 0, "There are 157 diagrams."),
)
