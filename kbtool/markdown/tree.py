"""Text → the tree CommonMark sees: for those who write a page anew, not only look at it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kbtool.markdown.frontmatter import apart
from kbtool.markdown.parse import events
from kbtool.text import Span

INLINE: Final = frozenset(
    {"text", "code", "em", "strong", "strike", "link", "image", "soft", "hard", "tag"}
    | {"note", "task"}
)
_KINDS: Final[Mapping[str, str]] = {
    "Paragraph": "paragraph",
    "BlockQuote": "quote",
    "List": "list",
    "Item": "item",
    "CodeBlock": "fence",
    "Heading": "heading",
    "HtmlBlock": "html",
    "Table": "table",
    "TableHead": "row",
    "TableRow": "row",
    "TableCell": "cell",
    "FootnoteDefinition": "footnote",
    "Emphasis": "em",
    "Strong": "strong",
    "Strikethrough": "strike",
    "Link": "link",
    "Image": "image",
}
_LEAVES: Final[Mapping[str, str]] = {
    "Text": "text",
    "Code": "code",
    "Html": "raw",
    "InlineHtml": "tag",
    "FootnoteReference": "note",
    "TaskListMarker": "task",
}
_MARKS: Final[Mapping[str, str]] = {"SoftBreak": "soft", "HardBreak": "hard", "Rule": "rule"}


@dataclass(frozen=True, slots=True)
class Node:
    """One piece of a page.

    `text` is what a leaf says, a fence's body, or a link's title; `target` a link's destination,
    a fence's info string, an alert's kind or a footnote's label; `number` a heading's level, or
    the first number of an ordered list (-1: bullets); `marks` a table's alignments.
    """

    kind: str
    span: Span
    children: tuple["Node", ...] = ()
    text: str = ""
    target: str = ""
    number: int = -1
    marks: tuple[str, ...] = ()
    tight: bool = False
    written: str = ""  # how a link is written: Inline, Autolink, WikiLink, …

    def walk(self) -> Iterator["Node"]:
        """Yield the node and all below it, in the order of the text."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_tree(text: str) -> Node:
    """Return the page as a tree; text of tight list items stands in paragraphs as well."""
    _, body = apart(text)
    root: list[Node] = []
    waiting: list[tuple[str, Any, Span, list[Node]]] = []
    for event, span in events(body):
        children = waiting[-1][3] if waiting else root
        if isinstance(event, str):
            if event in _MARKS:
                children.append(Node(_MARKS[event], span))
            continue
        kind, value = next(iter(event.items()))
        if kind == "Start":
            name, detail = next(iter(value.items())) if isinstance(value, dict) else (value, None)
            waiting.append((name, detail, span, []))
        elif kind == "End":
            (waiting[-2][3] if len(waiting) > 1 else root).append(_closed(*waiting.pop()))
        elif kind in _LEAVES:
            word = "x" if value is True else "" if value is False else str(value)
            children.append(Node(_LEAVES[kind], span, text=word))
    return Node("page", Span(0, len(text)), tuple(root))


def _closed(name: str, detail: Any, span: Span, children: Sequence[Node]) -> Node:
    node = Node(_KINDS.get(name, "other"), span, tuple(children))
    match name:
        case "Heading":
            return replace(node, number=int(detail["level"][1]))
        case "CodeBlock":
            info = detail["Fenced"] if isinstance(detail, dict) else ""
            said = "".join(child.text for child in children)
            return replace(node, children=(), text=said, target=info)
        case "HtmlBlock":
            return replace(node, children=(), text="".join(child.text for child in children))
        case "Link" | "Image":
            kind = detail["link_type"]
            kind = next(iter(kind)) if isinstance(kind, dict) else kind
            return replace(node, text=detail["title"], target=detail["dest_url"], written=kind)
        case "List":
            tight = all(item.tight for item in children)
            return replace(node, number=-1 if detail is None else int(detail), tight=tight)
        case "Item":
            tight = not any(part.kind == "paragraph" for part in children)
            return replace(node, children=tuple(_blocks(children)), tight=tight)
        case "FootnoteDefinition" | "BlockQuote":
            return replace(node, children=tuple(_blocks(children)), target=detail or "")
        case "Table":
            return replace(node, marks=tuple(detail))
    return node


def _blocks(children: Sequence[Node]) -> Iterator[Node]:
    """Yield block children; runs of inline ones become paragraphs."""
    run: list[Node] = []
    for child in children:
        if child.kind in INLINE:
            run.append(child)
            continue
        if run:
            yield _paragraph(run)
            run = []
        yield child
    if run:
        yield _paragraph(run)


def _paragraph(run: Sequence[Node]) -> Node:
    return Node("paragraph", Span(run[0].span.start, run[-1].span.end), tuple(run))


def plain(nodes: Sequence[Node]) -> str:
    """Return what the nodes say, without any markup."""
    said: list[str] = []
    for node in nodes:
        if node.kind in ("text", "code"):
            said.append(node.text)
        elif node.kind in ("soft", "hard"):
            said.append(" ")
        elif node.kind != "tag":
            said.append(plain(node.children))
    return "".join(said)
