"""A node the list does not name is a part of the story that is only drawn.

Asked of flowcharts. Mermaid itself says which nodes there are and what they are labelled; a node
without a label is labelled by its id, and the title of a subgraph is no node. A label is named
when each of its words of three letters or more (or all, where it has none so long) is a word of
the list that follows the diagram; case and a final *s* do not count.

Off by default, because a list may well tell the story in other words.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.diagrams import diagrams, explanation
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.text import Span

_WORD: Final = re.compile(r"[^\W_]+")
_SHOWN: Final = 5


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find lists that leave out nodes of the flowchart before them."""
    for diagram in diagrams(page):
        span = explanation(page, diagram)
        if span is None:
            continue
        said = set(_words(page.text[span.start : span.end]))
        missing = [label for label in kb.facts.nodes(diagram.text) if not _named(label, said)]
        if missing:
            message = f"the list does not name {_enumerated(missing)}"
            yield Finding(page.path, _first_line(page, span), message)


def _words(text: str) -> list[str]:
    words = _WORD.findall(text.casefold())
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words]


def _named(label: str, said: set[str]) -> bool:
    words = _words(label)
    telling = [word for word in words if len(word) >= 3] or words
    return said.issuperset(telling)


def _enumerated(labels: Sequence[str]) -> str:
    shown = [" ".join(label.split()) for label in dict.fromkeys(labels)]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(f"“{label}”" for label in shown[:_SHOWN]) + more


def _first_line(page: Page, span: Span) -> Span:
    end = page.text.find("\n", span.start, span.end)
    return Span(span.start, span.end if end < 0 else end)


_DIAGRAM = (
    "# A\n\n```mermaid\nflowchart TD\n  a[Vault is sealed] --> b(Two keys)\n  b --> Open\n```\n\n"
)

RULE = Rule(
    id="KB304",
    name="diagram-coverage",
    summary="The list after a flowchart names each of its nodes.",
    check=check,
    good=(
        {"vibe/a.md": f"{_DIAGRAM}1. The vault is found sealed.\n2. With two keys it is open.\n"},
        {"vibe/a.md": f"{_DIAGRAM}No list follows.\n"},
        {"vibe/a.md": '# A\n\n```mermaid\npie\n  "Dogs" : 3\n```\n\n1. Cats.\n'},
    ),
    bad=({"vibe/a.md": f"{_DIAGRAM}⟦1. The vault is found sealed.⟧\n2. It is opened.\n"},),
    severity="warning",
    default=False,
    seen=Unseen("no diagram there has a list that could name its nodes"),
)
