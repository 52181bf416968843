"""Every diagram looks like the others, on every forge and on the site: theme `base`, stated first.

A diagram begins with one directive, `%%{init: {'theme':'base'}}%%`; theme variables and other
configuration may follow inside it. Mermaid ignores a directive it does not understand, merges
several in ways nobody remembers, and reads front matter only in some places: so there is one, it
is valid, and nothing else configures.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.diagrams import Diagram, diagrams
from kbtool.lint.directives import Directive, directives, merged, written
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page
from kbtool.text import Edit, Span

_THEME: Final = "base"
_INIT: Final = written({"theme": _THEME})
_FRONT_MATTER: Final = re.compile(r"([^\S\n]*)-{3}[^\S\n]*\n(.*?)\n\1-{3}[^\S\n]*\n\s*", re.DOTALL)


def check(page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find diagrams that do not begin with exactly one valid init of theme base."""
    for diagram in diagrams(page):
        found = list(directives(diagram.text))
        # Where one is left open mermaid sees no diagram at all, and KB302 says so.
        if diagram.text.strip() and all(each.closed for each in found):
            yield from _findings(page, diagram, found)


def _findings(page: Page, diagram: Diagram, found: Sequence[Directive]) -> Iterator[Finding]:
    front = _FRONT_MATTER.match(diagram.text)
    if front:
        yield Finding(
            page.path,
            diagram.line(1),
            "front matter configures this diagram",
            f"say it in the directive: {_INIT}",
        )
    top = front.end() if front else 0
    found = [each for each in found if each.span.start >= top]
    faulty = [each for each in found if each.fault]
    for each in faulty:
        message = f"mermaid ignores this directive: {each.fault}"
        yield Finding(page.path, diagram.place(each.span), message, f"for example {_INIT}")
    inits = [each for each in found if each.init]
    # What mermaid ignores, and front matter, are for a person to say anew.
    fix = () if faulty or front else _fix(page, diagram, inits)
    if inits:
        for each, message in _wrong(inits, top):
            yield Finding(page.path, diagram.place(each.span), message, "", fix)
    elif not front and not faulty:
        yield Finding(
            page.path,
            diagram.line(_first(diagram)),
            f"does not begin with {_INIT}",
            "",
            fix,
        )


def _first(diagram: Diagram) -> int:
    """Return the first line of a diagram that says something."""
    return diagram.text[: len(diagram.text) - len(diagram.text.lstrip())].count("\n") + 1


def _wrong(inits: Sequence[Directive], top: int) -> Iterator[tuple[Directive, str]]:
    first, *more = inits
    theme = first.config.get("theme")
    if theme != _THEME:
        yield first, f"theme is {theme!r}, not {_THEME!r}" if theme else f"no theme {_THEME!r}"
    elif first.span.start != top:
        yield first, "the init is not the first line of the diagram"
    for each in more:
        yield each, "a second init: mermaid merges them"


def _fix(page: Page, diagram: Diagram, inits: Sequence[Directive]) -> tuple[Edit, ...]:
    """Write one init that says what all say, first in the diagram, and take away the others."""
    line = _one(diagram, inits)
    stays = bool(inits) and inits[0].span.start == 0
    gone = [Edit(page.path, _whole(page, diagram, each.span), "") for each in inits[stays:]]
    if stays:
        return (Edit(page.path, diagram.place(inits[0].span), line), *gone)
    at = diagram.place(Span(0, 0)).start
    start = page.text.rfind("\n", 0, at) + 1
    return (Edit(page.path, Span(start, start), f"{page.text[start:at]}{line}\n"), *gone)


def _one(diagram: Diagram, inits: Sequence[Directive]) -> str:
    config = merged([each.config for each in inits])
    if len(inits) == 1 and config.get("theme") == _THEME:
        return diagram.text[inits[0].span.start : inits[0].span.end]
    return written({"theme": _THEME} | {k: v for k, v in config.items() if k != "theme"})


def _whole(page: Page, diagram: Diagram, span: Span) -> Span:
    """Return a directive with its lines, where it stands alone on them."""
    start = diagram.text.rfind("\n", 0, span.start) + 1
    end = diagram.text.find("\n", span.end)
    end = len(diagram.text) if end < 0 else end
    if diagram.text[start : span.start].strip() or diagram.text[span.end : end].strip():
        return diagram.place(span)
    whole = diagram.place(Span(start, end))
    return Span(page.text.rfind("\n", 0, whole.start) + 1, min(whole.end + 1, len(page.text)))


def _example(body: str) -> dict[str, str]:
    return {"vibe/a.md": f"# A\n\n```mermaid\n{body}\n```\n"}


RULE = Rule(
    id="KB301",
    name="mermaid-theme",
    summary="A diagram begins with one init directive, of theme base.",
    check=check,
    good=(
        _example(f"{_INIT}\nflowchart TD\n  a --> b"),
        _example(
            '%%{initialize: {\n  "theme": "base",\n  "themeVariables": {"lineColor": "#333"}\n}}%%\npie'
        ),
        _example(f"{_INIT}\n%%{{wrap}}%%\nsequenceDiagram\n  a->>b: x"),
        {"vibe/a.md": f"# A\n\n- x\n\n  ~~~mermaid\n  {_INIT}\n  pie\n  ~~~\n"},
    ),
    bad=(
        _example("⟦flowchart TD⟧\n  a --> b"),
        {"vibe/a.md": "# A\n\n> ```mermaid\n> ⟦pie⟧\n> ```\n"},
        _example("⟦%%{init: {'theme':'dark'}}%%⟧\nflowchart TD\n  a --> b"),
        _example("⟦%%{init: {'flowchart':{'curve':'linear'}}}%%⟧\nflowchart TD\n  a --> b"),
        _example(f"flowchart TD\n  ⟦{_INIT}⟧\n  a --> b"),
        _example(
            f"{_INIT}\n⟦%%{{init: {{'theme':'dark', 'fontSize':12}}}}%%⟧\nflowchart TD\n  a --> b"
        ),
        _example("⟦%%{init: {'theme':'base'}%%⟧\nflowchart TD\n  a --> b"),
        _example("⟦%%{inti: {'theme':'base'}}%%⟧\nflowchart TD\n  a --> b"),
        _example("⟦---⟧\nconfig:\n  theme: base\n---\nflowchart TD\n  a --> b"),
    ),
    fixable=True,
    seen=Seen(157, 30, 30),
)
