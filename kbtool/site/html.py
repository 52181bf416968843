"""Nodes → HTML: for what Python-Markdown cannot be made to read as CommonMark does."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from kbtool.markdown.tree import Node, plain

_PAIRS: Final[Mapping[str, str]] = {
    "paragraph": "p",
    "quote": "blockquote",
    "item": "li",
    "em": "em",
    "strong": "strong",
    "strike": "del",
}


Anchors = Mapping[int, str]  # heading, by where it begins → its id


def html(nodes: Sequence[Node], anchors: Anchors | None = None) -> str:
    """Return the nodes as HTML; raw HTML and targets are left for the cleaner to judge."""
    return "".join(_node(node, anchors or {}) for node in nodes)


def _node(node: Node, anchors: Anchors) -> str:
    if node.kind in _PAIRS:
        return _wrapped(_PAIRS[node.kind], node, anchors)
    match node.kind:
        case "text":
            return escape(node.text, quote=False)
        case "code":
            return f"<code>{escape(node.text, quote=False)}</code>"
        case "soft":
            return "\n"
        case "hard":
            return "<br>"
        case "rule":
            return "<hr>"
        case "tag" | "html":
            return node.text
        case "heading":
            return _heading(node, anchors)
        case "fence":
            return f"<pre><code>{escape(node.text, quote=False)}</code></pre>"
        case "list":
            return _list(node, anchors)
        case "table":
            return _table(node)
        case "link":
            return _link(node)
        case "image":
            return _image(node)
        case "note":
            label = escape(node.text)
            return f'<sup id="fnref-{label}"><a href="#fn-{label}">{label}</a></sup>'
    return html(node.children, anchors)


def _wrapped(tag: str, node: Node, anchors: Anchors) -> str:
    return f"<{tag}>{html(node.children, anchors)}</{tag}>"


def _heading(node: Node, anchors: Anchors) -> str:
    anchor = escape(anchors.get(node.span.start, ""))
    return f'<h{node.number} id="{anchor}">{html(node.children)}</h{node.number}>'


def _list(node: Node, anchors: Anchors) -> str:
    tag = "ul" if node.number < 0 else "ol"
    start = f' start="{node.number}"' if node.number not in (-1, 1) else ""
    items = "".join(f"<li>{_item(item, anchors, tight=node.tight)}</li>" for item in node.children)
    return f"<{tag}{start}>{items}</{tag}>"


def _item(item: Node, anchors: Anchors, *, tight: bool) -> str:
    return "".join(
        html(part.children) if tight and part.kind == "paragraph" else _node(part, anchors)
        for part in item.children
    )


def _table(node: Node) -> str:
    rows = []
    for index, row in enumerate(node.children):
        tag = "td" if index else "th"
        cells = "".join(f"<{tag}>{html(cell.children)}</{tag}>" for cell in row.children)
        rows.append(f"<tr>{cells}</tr>")
    return f"<table><thead>{rows[0]}</thead><tbody>{''.join(rows[1:])}</tbody></table>"


def _link(node: Node) -> str:
    target = f"mailto:{node.target}" if node.written == "Email" else node.target
    title = f' title="{escape(node.text)}"' if node.text else ""
    return f'<a href="{escape(target)}"{title}>{html(node.children)}</a>'


def _image(node: Node) -> str:
    return f'<img src="{escape(node.target)}" alt="{escape(plain(node.children))}">'
