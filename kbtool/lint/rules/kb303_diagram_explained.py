"""A diagram shows how things hang together; what happens, in which order, is said in words.

Who cannot see the picture, or reads the source in a terminal or as an agent, has the list. It
comes right after the diagram, or after one paragraph that leads to it.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.diagrams import diagrams, explanation
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page

_DIAGRAM = "```mermaid\nflowchart TD\n  a --> b\n```\n"
_MARKED = "⟦```mermaid⟧\nflowchart TD\n  a --> b\n```\n"


def check(page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find diagrams that no ordered list follows."""
    for diagram in diagrams(page):
        if explanation(page, diagram) is None:
            yield Finding(
                page.path,
                diagram.opening(),
                "no ordered list tells what this diagram shows",
                "let a numbered list follow it, at once or after one paragraph",
            )


RULE = Rule(
    id="KB303",
    name="diagram-explained",
    summary="An ordered list follows each diagram and tells the same in words.",
    check=check,
    good=(
        {"vibe/a.md": f"# A\n\n{_DIAGRAM}\n1. a starts b.\n"},
        {"vibe/a.md": f"# A\n\n{_DIAGRAM}\nIn words:\n\n1. a starts b.\n"},
        {"vibe/a.md": "# A\n\n- x\n\n  ```mermaid\n  pie\n  ```\n\n  1. All of it.\n"},
        {"vibe/a.md": "# A\n\n> ```mermaid\n> pie\n> ```\n>\n> In words:\n>\n> 1. All of it.\n"},
    ),
    bad=(
        {"vibe/a.md": f"# A\n\n{_MARKED}\nThat is all.\n"},
        {"vibe/a.md": f"# A\n\n{_MARKED}\n- a starts b.\n"},
        {"vibe/a.md": f"# A\n\n{_MARKED}\nFirst this.\n\nThen that.\n\n1. a starts b.\n"},
        {"vibe/a.md": f"# A\n\n1. a starts b.\n\n{_MARKED}"},
        {"vibe/a.md": "# A\n\n1. x\n\n   ⟦```mermaid⟧\n   pie\n   ```\n\n2. y\n"},
    ),
    seen=Seen(157, 30, 30),
)
