"""The sentence around each link of a page: what its target is told of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kbtool.markdown.tree import Node

_END = re.compile(r"[.!?…](?=[\s»\"”)]*\s+[«\"“(]?[A-ZÀ-Þ0-9])|[。！？]")
_LONGEST = 260


class Sentence(NamedTuple):
    """What is said around a link: before its words, its words, after them."""

    before: str
    words: str
    after: str


def sentences(page: Node) -> Mapping[int, Sentence]:
    """Return the sentence around each link of the page, by where the link begins."""
    found: dict[int, Sentence] = {}
    for line in _lines(page):
        said, places = _flat(line)
        for start, (begin, end) in places.items():
            found[start] = _cut(said, begin, end)
    return found


def _lines(node: Node) -> Iterator[Sequence[Node]]:
    """Yield what is read in one go: a paragraph, a heading, a row of a table."""
    for child in node.children:
        if child.kind in ("paragraph", "heading"):
            yield child.children
        elif child.kind == "row":
            yield _row(child)
        else:
            yield from _lines(child)


def _row(row: Node) -> list[Node]:
    cells: list[Node] = []
    for cell in row.children:
        if cells and cell.children:
            cells.append(Node("text", cell.span, text=" — "))
        cells += cell.children
    return cells


def _flat(nodes: Sequence[Node]) -> tuple[str, dict[int, tuple[int, int]]]:
    said: list[str] = []
    places: dict[int, tuple[int, int]] = {}
    length = 0

    def visit(nodes: Sequence[Node]) -> None:
        nonlocal length
        for node in nodes:
            begin = length
            if node.kind in ("text", "code"):
                said.append(node.text)
                length += len(node.text)
            elif node.kind in ("soft", "hard"):
                said.append(" ")
                length += 1
            elif node.kind != "tag":
                visit(node.children)
            if node.kind == "link":
                places[node.span.start] = (begin, length)

    visit(nodes)
    return "".join(said), places


def _cut(said: str, begin: int, end: int) -> Sentence:
    start, stop = 0, len(said)
    for match in _END.finditer(said):
        if match.end() <= begin:
            start = match.end()
        elif match.start() >= end:
            stop = match.end()
            break
    before, after = said[start:begin].lstrip(), said[end:stop].rstrip()
    room = max(0, _LONGEST - len(said[begin:end])) // 2
    if len(before) > room:
        before = "…" + before[len(before) - room :].partition(" ")[2]
    if len(after) > room:
        after = after[:room].rpartition(" ")[0] + "…"
    return Sentence(before, said[begin:end], after)
