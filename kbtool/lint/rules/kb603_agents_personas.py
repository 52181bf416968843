"""Work that is handed to nobody stops: every persona the workflow names must be described.

Personas stand under an H2 with the word *Personas*: in a table whose first column is the name, or
under one H3 each. To whom one hands over stands in the table's column, or after a bold label, that
begins with *Hands over*. The workflow stands under an H2 with the word *Workflow*, and names
personas in bold, or by a link into the section of personas. A bold text counts as a name when each
of its words has a capital; a single word only where some persona has a name of one word. Without a
section of personas there is nothing to hold the workflow to.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.agents import AGENTS, section, within
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.markdown.table import Table, tables
from kbtool.text import Span

_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_HANDS = re.compile(r"hands? over", re.IGNORECASE)
_HANDED = re.compile(r"\*\*hands? over(?: to)?:?\*\*:?", re.IGNORECASE)
_ENTRY = re.compile(r"(?:(?!\s(?:and|or)\s)[^,;/·\n])+")
_ARTICLE = re.compile(r"\s*(?:(?:and|or|then|else|otherwise|back|to|the|an?)\s+)*", re.IGNORECASE)
_CAPITALISED = r"[A-ZÀ-Þ0-9][\w'’&-]*(?: [A-ZÀ-Þ0-9&][\w'’&-]*)*"
_NAME = re.compile(_CAPITALISED)
_HANDED_TO = re.compile(
    rf"({_CAPITALISED})\s*(?:\Z|\(|\.|(?:for|when|if|once|with|to|before|after|on|in|as|who)\b)"
)


class Named(NamedTuple):
    """A text that may name a persona, and where it stands."""

    text: str
    span: Span


def check(page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find personas that are named and not described."""
    home = section(page, "persona") if page.path == AGENTS else None
    if home is None:
        return
    described = [table for table in tables(page) if within(table.span, home)]
    names = [h.text for h in page.headings if h.level == 3 and within(h.span, home)]
    names += [row.cell(0).text for table in described for row in table.rows]
    defined = {name.casefold(): name for name in map(_plain, names) if name}
    for named in (*_handed(page, home, described), *_worked(page, home)):
        if _is_name(named.text, defined) and named.text.casefold() not in defined:
            from difflib import get_close_matches

            near = get_close_matches(named.text, defined.values(), 1)
            hint = f"did you mean {near[0]}?" if near else "describe it under Personas"
            yield Finding(page.path, named.span, f"no persona is called {named.text!r}", hint)


def _is_name(text: str, defined: Collection[str]) -> bool:
    several = " " in text or any(" " not in name for name in defined)
    return several and bool(_NAME.fullmatch(text))


def _handed(page: Page, home: Span, described: Sequence[Table]) -> Iterator[Named]:
    """Yield the names of those who are handed to."""
    for table in described:
        for column, head in enumerate(table.header.cells):
            if _HANDS.search(head.text):
                for row in table.rows:
                    span = row.cell(column).span
                    yield from _entries(page.text[slice(*span)], span.start)
    for label in _HANDED.finditer(page.text, home.start, home.end):
        if not _in_code(page, label.start()):
            end = page.text.find("\n", label.end())
            line = page.text[label.end() : end if end >= 0 else len(page.text)]
            yield from _entries(line.partition(" · **")[0], label.end())


def _entries(text: str, start: int) -> Iterator[Named]:
    masked = _masked(text)
    for entry in _ENTRY.finditer(masked):
        begin = _ARTICLE.match(masked, entry.start(), entry.end())
        name = _HANDED_TO.match(masked, begin.end() if begin else entry.start(), entry.end())
        if name:
            yield Named(name[1], Span(start + name.start(1), start + name.end(1)))


def _worked(page: Page, home: Span) -> Iterator[Named]:
    """Yield what the workflow has in bold, or links into the section of personas."""
    flow = section(page, "workflow")
    if flow is None:
        return
    for bold in _BOLD.finditer(page.text, flow.start, flow.end):
        if not _in_code(page, bold.start()):
            yield _stripped(_masked(bold[1]), bold.start(1))
    anchors = {h.anchor for h in page.headings if within(h.span, home)}
    for link in page.links:
        if within(link.span, flow) and link.target[:1] == "#" and link.target[1:] in anchors:
            written = page.text[slice(*link.span)]
            yield _stripped(_masked(written), link.span.start)


def _stripped(text: str, start: int) -> Named:
    name = text.strip().removesuffix(":").rstrip()
    at = start + len(text) - len(text.lstrip())
    return Named(name, Span(at, at + len(name)))


def _in_code(page: Page, at: int) -> bool:
    spans = [code.span for code in page.codes] + [fence.span for fence in page.fences]
    spans += [comment.span for comment in page.comments]
    return any(span.start <= at < span.end for span in spans)


def _masked(text: str) -> str:
    """Return the text without its marks, every letter where it was."""
    text = _LINK.sub(lambda link: f" {link[1]}".ljust(len(link[0])), text)
    return text.replace("*", " ").replace("`", " ")


def _plain(text: str) -> str:
    """Return a name without marks, emoji and what follows in parentheses."""
    words = " ".join(_masked(text).partition("(")[0].split())
    return re.sub(r"\A\W+", "", words)


def _page(table: str, flow: str) -> dict[str, str]:
    return {"vibe/README.md": "# vibe\n", "AGENTS.md": f"# A\n\n## Personas\n\n{table}\n\n{flow}"}


_ROW = "| persona | when | hands over to |\n| --- | --- | --- |\n| **ADR Scribe** | a decision | {} |\n| 🧭 Lab Cartographer | a map | – |"
_H3 = "### ADR Scribe\n\n- **When**: a decision\n- **Hands over to**: {}\n\n### Lab Cartographer (maps)\n"
_FLOW = "## Workflow\n\n1. **Plan.** {}\n2. **Definition of done**: `**Not Me**`\n"

RULE = Rule(
    id="KB603",
    name="agents-personas",
    summary="Personas that AGENTS.md hands work to are described there.",
    check=check,
    good=(
        _page(
            _ROW.format("[Lab Cartographer](#personas), then whoever asked"),
            _FLOW.format("**Lab Cartographer**"),
        ),
        _page(
            _H3.format("the Lab Cartographer for maps, nobody else"),
            _FLOW.format("[ADR Scribe](#adr-scribe)"),
        ),
        {
            "AGENTS.md": "# A\n\n## Workflow\n\nOpen a **Pull Request**.\n",
            "vibe/README.md": "# v\n",
        },
    ),
    bad=(
        _page(
            _ROW.format("⟦Ghost Writer⟧ for prose, else ⟦Ghost Reader⟧ and Lab Cartographer"),
            _FLOW.format("**⟦Lab Carter⟧**"),
        ),
        _page(
            _H3.format("**⟦Ghost Writer⟧** · **When**: never"),
            _FLOW.format("[⟦Lab Carter⟧](#personas)"),
        ),
        _page("### Scribe\n", _FLOW.format("**⟦Scrybe⟧** and **Scribe**")),
    ),
    outside=True,
    seen=Unseen("no project there has an AGENTS.md"),
)
