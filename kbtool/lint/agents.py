"""What the rules of AGENTS.md share: the page, its sections, and what a generated one says."""

import re
from collections.abc import Callable, Iterator, Mapping
from posixpath import basename, dirname
from typing import Final

from kbtool.commands import COMMANDS
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.generated import generated
from kbtool.lint.links import relative
from kbtool.markdown.page import Page
from kbtool.text import Span

AGENTS: Final = "AGENTS.md"
_OPEN = re.compile(r"kb-generated\s+(?P<name>\S+)")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_SENTENCE = re.compile(r".+?(?<!e\.g)(?<!i\.e)(?<! cf)(?<! vs)[.!?…](?=\s+[^\sa-z]|\s*\Z)")
_PIPE = re.compile(r"(?<!\\)\|")


def section(page: Page, word: str) -> Span | None:
    """Return the first section whose H2 has that word: heading included, to the next H2 or H1."""
    tops = [heading for heading in page.headings if heading.level <= 2]
    for index, heading in enumerate(tops):
        if heading.level == 2 and word in heading.text.casefold():
            after = tops[index + 1].span.start if index + 1 < len(tops) else len(page.text)
            return Span(heading.span.start, after)
    return None


def within(inner: Span, outer: Span) -> bool:
    """Return whether `inner` begins in `outer`."""
    return outer.start <= inner.start < outer.end


def marks(page: Page) -> Iterator[tuple[str, Span, Span | None]]:
    """Yield (name, opening mark, what it opens; None where it is never closed)."""
    inside = {span.start: span for _, span in generated(page)}
    for comment in page.comments:
        match = _OPEN.fullmatch(comment.text)
        if match:
            yield match["name"], comment.span, inside.get(comment.span.end)


def _map(kb: KnowledgeBase) -> str:
    hubs = [path for path in kb.children(kb.root_hub or "") if basename(path) == kb.conventions.hub]
    rows = [
        f"| [{dirname(path)}/]({relative(AGENTS, path)}) | {summary(kb.pages[path])} |"
        for path in hubs
    ]
    return "\n".join(["| folder | what |", "| --- | --- |", *rows])


def _commands(_kb: KnowledgeBase) -> str:
    rows = [
        f"| {command.job} | `kbtool {name}` | {_cell(command.help)} |"
        for name, command in COMMANDS.items()
    ]
    return "\n".join(["| job | command | what |", "| --- | --- | --- |", *rows])


# name of a generated section → what it says
SECTIONS: Final[Mapping[str, Callable[[KnowledgeBase], str]]] = {"map": _map, "commands": _commands}


def summary(page: Page) -> str:
    """Return the first sentence of a page's first paragraph, without links, fit for a table."""
    text = next(_paragraphs(page), "")
    code = [found.span() for found in _CODE.finditer(text)]
    hidden = "".join(
        "X" if any(start <= at < end for start, end in code) else char
        for at, char in enumerate(text)
    )
    found = _SENTENCE.match(hidden)
    return _cell(text[: found.end()] if found else text)


def _cell(text: str) -> str:
    return _PIPE.sub(r"\\|", text)


def _paragraphs(page: Page) -> Iterator[str]:
    head = page.head
    start = (
        head.title.span.end if head.title else head.breadcrumb.span.end if head.breadcrumb else 0
    )
    for block in page.blocks:
        fields = any(within(field.span, block.span) for field in head.fields)
        if block.kind == "paragraph" and block.span.start >= start and not fields:
            yield _unlinked(page, block.span)


def _unlinked(page: Page, span: Span) -> str:
    """Return the text with each link's words in its place: it is read from another folder."""
    parts: list[str] = []
    at = span.start
    for link in page.links:
        if (
            within(link.span, span)
            and link.span.start >= at
            and link.kind not in ("html", "autolink")
        ):
            parts += (page.text[at : link.span.start], link.text)
            at = link.span.end
    return " ".join("".join([*parts, page.text[at : span.end]]).split())
