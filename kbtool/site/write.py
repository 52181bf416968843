"""Tree → Markdown that Python-Markdown reads as CommonMark reads the page.

The page is written anew from CommonMark's tree, in the narrow dialect both agree on: a paragraph
is one line, a nested block stands four columns in, every character that could mean something
is escaped. What the dialect cannot say is written as HTML, cleaned.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from kbtool.markdown.tree import Node, plain
from kbtool.site.clean import Moved, cleaned, depth, opening, tag_name
from kbtool.site.html import html

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>&\u00a0\x02\x03|]")
_ESCAPED: Final[Mapping[str, str]] = {
    **{char: f"\\{char}" for char in "\\`*_{}[]"},
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    "\u00a0": "&nbsp;",
    "|": "&#124;",
    "\x02": "\ufffd",
    "\x03": "\ufffd",  # Python-Markdown keeps its own notes between these
}
_AT_START = re.compile(r"[#+=:-]|!!!|~~~|\d+(?=[.)])")
_LANGUAGE = re.compile(r"[\w#.+-]+")
_APART: Final = ["<!-- -->"]  # between two lists or two quotes, which would become one
_ALERTS: Final[Mapping[str, str]] = {"Important": "info", "Caution": "danger"}


Place = Callable[[Node], tuple[str, bool]]  # a link → (target, "" for none; is it shown in place)


@dataclass(frozen=True, slots=True)
class Writing:
    """What the writer must know of the page."""

    anchors: Mapping[int, str]  # heading, by where it begins → its id
    place: Place
    moved: Moved  # targets in raw HTML


def write(nodes: Sequence[Node], what: Writing) -> str:
    """Return the blocks as Markdown, one newline at the end."""
    notes = [node for node in nodes if node.kind == "footnote"]
    lines = _blocks([node for node in nodes if node.kind != "footnote"], what)
    if notes:
        lines += ["", *_raw(_footnotes(notes), what)]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------- blocks
def _blocks(nodes: Sequence[Node], what: Writing) -> list[str]:
    lines: list[str] = []
    before = ""
    for group in _groups(nodes):
        node = group[0]
        if node.kind == before and before in ("list", "quote"):
            lines += ["", *_APART]
        block = _block(node, what) if len(group) == 1 else _raw(html(group, what.anchors), what)
        if block:
            lines += ["", *block] if lines else block
            before = node.kind
    return lines


def _groups(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Yield blocks alone, and together those that stand inside HTML that is still open."""
    at = 0
    while at < len(nodes):
        end = _closing(nodes, at) if nodes[at].kind == "html" else at
        yield list(nodes[at : end + 1])
        at = end + 1


def _closing(nodes: Sequence[Node], at: int) -> int:
    open_elements = depth(nodes[at].text)
    end = at
    while open_elements > 0 and end + 1 < len(nodes):
        end += 1
        open_elements += depth(nodes[end].text) if nodes[end].kind == "html" else 0
    return end if open_elements == 0 else at


def _block(node: Node, what: Writing) -> list[str]:
    match node.kind:
        case "paragraph":
            return _paragraph(node, what)
        case "heading":
            return _heading(node, what)
        case "fence":
            return _fence(node)
        case "list":
            return _list(node, what) if _sayable(node) else _raw(html([node], what.anchors), what)
        case "quote":
            return _quote(node, what) if _sayable(node) else _raw(html([node], what.anchors), what)
        case "table":
            return _table(node, what)
        case "html":
            return _raw(node.text, what)
        case "rule":
            return ["---"]
    return []


def _sayable(node: Node) -> bool:
    """Return whether all in a container can be said in Markdown: raw HTML and notes cannot."""
    if node.kind == "quote" and not node.children:
        return False
    return not any(
        part.kind in ("html", "footnote")
        or (part.kind == "item" and not part.children)
        or (part.kind == "list" and part.number > 10**6)
        for part in node.walk()
    )


def _paragraph(node: Node, what: Writing) -> list[str]:
    line = _inline(node.children, what).strip()
    found = _AT_START.match(line)
    if found:
        line = f"&#{ord(line[0])};{line[1:]}" if line[0] in "~=:" else _guarded(line, found.end())
    return [line] if line else []


def _guarded(line: str, end: int) -> str:
    at = end if line[0].isdigit() else 0
    return f"{line[:at]}\\{line[at:]}"


def _heading(node: Node, what: Writing) -> list[str]:
    anchor = what.anchors.get(node.span.start, "")
    text = _inline(node.children, what).strip()
    if not text:
        return [f'<h{node.number} id="{escape(anchor)}"></h{node.number}>']
    if text.endswith("#"):
        text = f"{text[:-1]}&#35;"  # attr_list would take it for the end of the heading
    return [f"{'#' * node.number} {text}" + (f" {{#{_plain_text(anchor)}}}" if anchor else "")]


def _fence(node: Node) -> list[str]:
    runs = [len(run) for run in re.findall(r"`{3,}", node.text)]
    mark = "`" * max([3, *(length + 1 for length in runs)])
    first = node.target.split(maxsplit=1)[0] if node.target.strip() else ""
    language = first if _LANGUAGE.fullmatch(first) else ""
    if language == "mermaid":  # the highlighter has no such language; a script finds the class
        language = " {.text .kb-mermaid}"
    body = node.text.replace("\x02", "\ufffd").replace("\x03", "\ufffd")
    return [mark + language, *body.removesuffix("\n").split("\n"), mark]


def _list(node: Node, what: Writing) -> list[str]:
    tight = _all_tight(node)
    lines: list[str] = []
    for index, item in enumerate(node.children):
        mark = "-" if node.number < 0 else f"{node.number + index}."
        if lines and not tight:
            lines.append("")
        lines += _item(item, f"{mark:3} ", what, tight=tight)
    return lines


def _all_tight(node: Node) -> bool:
    lists = [part for part in node.walk() if part.kind == "list"]
    return all(each.tight and all(map(_short, each.children)) for each in lists)


def _short(item: Node) -> bool:
    kinds = [part.kind for part in item.children]
    return kinds[:1] == ["paragraph"] and set(kinds[1:]) <= {"list"} and len(kinds) <= 2


def _item(item: Node, mark: str, what: Writing, *, tight: bool) -> list[str]:
    first, rest = item.children[0], item.children[1:]
    head = _paragraph(first, what) if first.kind == "paragraph" else []
    if not head:
        head, rest = list(_APART), item.children
    lines = [mark + head[0]]
    body = _blocks(rest, what)
    if body and not tight:
        lines.append("")
    return lines + [f"    {line}" if line else "" for line in body]


def _quote(node: Node, what: Writing) -> list[str]:
    body = _blocks(node.children, what)
    if node.target:
        kind = _ALERTS.get(node.target, node.target.lower())
        return [
            f'!!! {kind} "{node.target}"',
            "",
            *(f"    {line}" if line else "" for line in body),
        ]
    return [f"> {line}".rstrip() for line in body]


def _table(node: Node, what: Writing) -> list[str]:
    rules = {"Left": ":--", "Right": "--:", "Center": ":-:"}
    rows = [
        [_inline(cell.children, what).strip() for cell in row.children] for row in node.children
    ]
    if len(rows[0]) < 2 or len(rows) < 2 or not any(rows[0]):
        return _raw(html([node], what.anchors), what)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], f"| {' | '.join(rules.get(m, '---') for m in node.marks)} |", *lines[1:]]


def _raw(text: str, what: Writing) -> list[str]:
    clean = cleaned(text, what.moved).strip()
    # A fence is looked for before HTML is: not even in HTML may three of these stand together.
    clean = clean.replace("`", "&#96;").replace("~", "&#126;")
    return ['<div class="kb-html">', *clean.split("\n"), "</div>"] if clean else []


def _footnotes(notes: Sequence[Node]) -> str:
    items = []
    for note in notes:
        label = escape(note.target)
        back = f'<a href="#fnref-{label}">↩</a>'
        items.append(f'<li id="fn-{label}">{html(note.children)} {back}</li>')
    return f"<hr><ol>{''.join(items)}</ol>"


# ---------------------------------------------------------------------- inline
def _inline(nodes: Sequence[Node], what: Writing) -> str:
    said: list[str] = []
    open_tags: list[str] = []
    for index, node in enumerate(nodes):
        if node.kind == "tag":
            said.append(_tag(node.text, nodes[index + 1 :], open_tags, what))
            continue
        beside = {nodes[i].kind for i in (index - 1, index + 1) if 0 <= i < len(nodes)}
        piece = _piece(node, what, alone=not beside & {"em", "strong", "tag"})
        if node.kind == "link" and said and said[-1].endswith("!"):
            said.append("<!-- -->")  # else it would be an image
        said.append(piece)
    said += [f"</{name}>" for name in reversed(open_tags)]
    return "".join(said)


def _tag(tag: str, after: Sequence[Node], open_tags: list[str], what: Writing) -> str:
    """Return a raw tag if it is allowed and its pair is there, else nothing."""
    name = tag_name(tag)
    if name in VOID_INLINE:
        return opening(tag, what.moved)
    if tag.startswith("</"):
        if name not in open_tags:
            return ""
        closed = ""
        while open_tags:
            last = open_tags.pop()
            closed += f"</{last}>"
            if last == name:
                break
        return closed
    if not any(n.kind == "tag" and n.text.lower().startswith(f"</{name}") for n in after):
        return ""
    clean = opening(tag, what.moved)
    if clean:
        open_tags.append(name)
    return clean


VOID_INLINE: Final = frozenset({"br", "img", "wbr"})


def _plain_text(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ESCAPED[found[0]], text)


def _piece(node: Node, what: Writing, *, alone: bool) -> str:
    match node.kind:
        case "text":
            return _plain_text(node.text)
        case "code":
            return _code(node.text)
        case "soft":
            return " "
        case "hard":
            return "<br>"
        case "em" | "strong":
            return _emphasis(node, what, alone=alone)
        case "strike":
            return f"<del>{_inline(node.children, what)}</del>"
        case "link":
            return _link(node, what)
        case "image":
            return _image(node, what)
        case "note":
            label = escape(node.text)
            return f'<sup id="fnref-{label}"><a href="#fn-{label}">{label}</a></sup>'
        case "task":
            return "☑ " if node.text else "☐ "
    return _inline(node.children, what)


def _code(text: str) -> str:
    if text != text.strip() or not text or "|" in text or "\n" in text or "\x02" in text:
        inner = _plain_text(text.replace("\n", " "))
        return f"<code>{inner}</code>"
    mark = "`" * max([1, *(len(run) + 1 for run in re.findall(r"`+", text))])
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{mark}{pad}{text}{pad}{mark}"


def _emphasis(node: Node, what: Writing, *, alone: bool) -> str:
    inner = _inline(node.children, what)
    nested = any(part.kind in ("em", "strong", "tag") for part in node.walk() if part is not node)
    if alone and not nested and inner == inner.strip() and inner:
        mark = "*" if node.kind == "em" else "**"
        return f"{mark}{inner}{mark}"
    return f"<{node.kind}>{inner}</{node.kind}>"


def _link(node: Node, what: Writing) -> str:
    url, _ = what.place(node)
    inner = _inline(node.children, what)
    return f"[{inner}]({_destination(url)}{_title(node.text)})" if url else inner


def _image(node: Node, what: Writing) -> str:
    url, shown = what.place(node)
    alt = _plain_text(" ".join(plain(node.children).split()))
    if shown:
        return f"![{alt}]({_destination(url)}{_title(node.text)})"
    return f"[{alt or escape(url)}]({_destination(url)})" if url else alt


_UNSAFE = re.compile(r"[\x00-\x20\x7f\"'\\`<>{}\[\]*_]")


def _destination(url: str) -> str:
    url = _UNSAFE.sub(lambda f: f[0] if f[0] in "*_" else f"%{ord(f[0]):02X}", url)
    url = url.replace("&", "&amp;") if "&" in url else url
    return f"<{url}>" if "(" in url or ")" in url else url


def _title(text: str) -> str:
    clean = " ".join(text.split())
    return f' "{escape(clean)}"' if clean else ""
