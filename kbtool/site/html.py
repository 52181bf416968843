"""Nodes → HTML: for what Python-Markdown cannot be made to read as CommonMark does."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from kbtool.markdown.tree import Node, plain

Place = Callable[[Node], tuple[str, bool]]  # a link → (url, "" for none; is it shown in place)
_PAIRS: Final[Mapping[str, str]] = {
    "paragraph": "p",
    "quote": "blockquote",
    "item": "li",
    "em": "em",
    "strong": "strong",
    "strike": "del",
}


def html(nodes: Sequence[Node], place: Place) -> str:
    """Return the nodes as HTML; raw HTML in them stays as it is, for the cleaner to judge."""
    return "".join(_node(node, place) for node in nodes)


def _node(node: Node, place: Place) -> str:
    if node.kind in _PAIRS:
        return _wrapped(_PAIRS[node.kind], node, place)
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
            return _wrapped(f"h{node.number}", node, place)
        case "fence":
            return f"<pre><code>{escape(node.text, quote=False)}</code></pre>"
        case "list":
            return _list(node, place)
        case "table":
            return _table(node, place)
        case "link":
            return _link(node, place)
        case "image":
            return _image(node, place)
        case "note":
            label = escape(node.text)
            return f'<sup id="fnref-{label}"><a href="#fn-{label}">{label}</a></sup>'
    return html(node.children, place)


def _wrapped(tag: str, node: Node, place: Place) -> str:
    return f"<{tag}>{html(node.children, place)}</{tag}>"


def _list(node: Node, place: Place) -> str:
    tag = "ul" if node.number < 0 else "ol"
    start = f' start="{node.number}"' if node.number not in (-1, 1) else ""
    items = "".join(f"<li>{_item(item, place, node.tight)}</li>" for item in node.children)
    return f"<{tag}{start}>{items}</{tag}>"


def _item(item: Node, place: Place, tight: bool) -> str:
    return "".join(
        html(part.children, place) if tight and part.kind == "paragraph" else _node(part, place)
        for part in item.children
    )


def _table(node: Node, place: Place) -> str:
    rows = []
    for index, row in enumerate(node.children):
        tag = "td" if index else "th"
        cells = "".join(f"<{tag}>{html(cell.children, place)}</{tag}>" for cell in row.children)
        rows.append(f"<tr>{cells}</tr>")
    return f"<table><thead>{rows[0]}</thead><tbody>{''.join(rows[1:])}</tbody></table>"


def _link(node: Node, place: Place) -> str:
    url, _ = place(node)
    inner = html(node.children, place)
    title = f' title="{escape(node.text)}"' if node.text else ""
    return f'<a href="{escape(url)}"{title}>{inner}</a>' if url else inner


def _image(node: Node, place: Place) -> str:
    url, shown = place(node)
    alt = escape(plain(node.children))
    if shown:
        return f'<img src="{escape(url)}" alt="{alt}">'
    return f'<a href="{escape(url)}">{alt}</a>' if url else alt
