"""HTML → an outline of blocks, anchors, links and text, to compare two renderers."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import markdown
import nh3
from markdown_it import MarkdownIt

from kbtool.markdown.frontmatter import apart
from kbtool.site.clean import TAGS, cleaned
from kbtool.site.extensions import EXTENSIONS

ALERT = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*(?=\n|\Z)")
ELSEWHERE = re.compile(r"//|[A-Za-z][A-Za-z0-9+.-]*:")
NUMBERED = re.compile(r"_\d+")
VOID = {"br", "hr", "img", "wbr"}
UNWRAPPED = {"thead", "tbody", "tfoot", "span", "wbr"}
SAME = {"s": "del", "strike": "del"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
BLOCKS = HEADINGS | {
    "p", "ul", "ol", "li", "pre", "blockquote", "table", "tr", "td", "th", "hr", "div", "details",
    "summary", "dl", "dt", "dd", "figure", "figcaption", "center",
}  # fmt: skip
_KEPT = {"a": {"href"}, "img": {"src"}, "ol": {"start"}, "*": {"id", "class"}}


class Tree(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = ("root", {}, [])
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        node = (tag, dict(attrs), [])
        self.open[-1][2].append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.open[-1][2].append(data)


def tree(html):
    """A well-formed tree: html5ever repairs first, as a browser would."""
    html = nh3.clean(
        html, tags=set(TAGS) | {"nav", "section", "svg"}, attributes=_KEPT, link_rel=None,
        url_schemes={"http", "https", "mailto"}, clean_content_tags={"script", "style"},
    )  # fmt: skip
    parser = Tree()
    parser.feed(html)
    return parser.root


def outline(html):
    """The blocks of the HTML, as nested lists: what two renderers must agree on."""
    return _children(tree(html), set())


def _children(node, seen):  # noqa: PLR0915 - one case each
    found, run = [], []

    def flush():
        text = " ".join("".join(run).split())
        if text:
            found.append(text)
        run.clear()

    def visit(parent):  # noqa: PLR0915
        for child in parent[2]:
            if isinstance(child, str):
                run.append(child)
                continue
            tag, attributes, _ = child
            tag = SAME.get(tag, tag)
            classes = (attributes.get("class") or "").split()
            if "headerlink" in classes or any(
                c.startswith("kb-") and c not in ("kb-html", "kb-mermaid") for c in classes
            ):
                continue
            if "admonition" in classes:
                flush()
                found.append(["blockquote", *_alert(child, seen)])
            elif "highlight" in classes or tag == "pre":
                flush()
                lines = [line.rstrip() for line in _text(child).split("\n")]
                found.append(["pre", "\n".join(lines).strip("\n")])
            elif (
                tag in UNWRAPPED
                or "kb-html" in classes
                or (tag == "div" and not attributes.get("id"))
            ):
                visit(child)
            elif tag == "p":
                flush()
                inner = _children(child, seen)
                # A tight list has no paragraphs; whether one is tight is no matter of structure.
                found.extend(
                    inner
                    if parent[0] in ("li", "blockquote", "div", "root", "details")
                    else [["p", *inner]]
                )
            elif tag in BLOCKS:
                flush()
                if tag == "blockquote" and (alert := ALERT.match(_text(child).lstrip())):
                    inner = _children(child, seen)
                    first = inner[0].removeprefix(alert[0].rstrip()).lstrip()
                    found.append([tag, alert[0].rstrip(), *([first] if first else []), *inner[1:]])
                    continue
                head = [tag]
                if tag in HEADINGS or tag == "div":
                    anchor = (attributes.get("id") or "").removeprefix("kept:")
                    # A heading of symbols alone has no anchor on a forge; Python-Markdown counts.
                    head = [f"{tag}#{'' if NUMBERED.fullmatch(anchor) else anchor}"]
                if tag == "ol" and attributes.get("start", "1") != "1":
                    head = [f"ol={attributes['start']}"]
                inner = _children(child, seen)
                if inner or tag in ("hr", "li", "td", "th") or tag in HEADINGS:
                    found.append([*head, *inner])
            elif tag == "a" and attributes.get("href"):
                run.append(f"⟨a {unquote(attributes['href'])}⟩")
                visit(child)
                run.append("⟨/a⟩")
            elif tag == "img":
                source = unquote(attributes.get("src", ""))
                # Of another host: the site shows none, whatever its address.
                run.append("⟨img ⟩" if ELSEWHERE.match(source) else f"⟨img {source}⟩")
            elif tag == "br":
                run.append(" ")
            elif tag in ("em", "strong", "code", "del"):
                run.append(f"⟨{tag}⟩")
                if tag == "code":
                    run.append(_text(child).replace("\n", " "))
                else:
                    visit(child)
                run.append(f"⟨/{tag}⟩")
            else:
                visit(child)

    visit(node)
    flush()
    return found


def _alert(node, seen):
    title, rest = node[2][0], node[2][1:]
    while isinstance(title, str):
        title, rest = rest[0], rest[1:]
    inner = _children(("blockquote", {}, rest), seen)
    return [f"[!{_text(title).strip().upper()}]", *inner]


def _text(node):
    return "".join(c if isinstance(c, str) else "\n" if c[0] == "br" else _text(c) for c in node[2])


_COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_COMMONMARK.normalizeLink = lambda url: url
_COMMONMARK.validateLink = lambda _: True


def commonmark(text, anchors=(), moved=lambda url: url):
    """CommonMark's view by markdown-it-py, headings with the ids a forge gives them."""
    _, body = apart(text)
    tokens = _COMMONMARK.parse(body)
    ids = iter(anchors)
    for token in tokens:
        if token.type == "heading_open":
            token.attrSet("id", f"kept:{next(ids)}")
    html = _COMMONMARK.renderer.render(tokens, _COMMONMARK.options, {})
    return outline(cleaned(html.replace("<br />", "<br>"), moved))


def python_markdown(text):
    """What the site shows of staged Markdown."""
    _, body = apart(text)
    # mkdocs always has these beside what the site asks for: toc, tables, fenced_code.
    engine = markdown.Markdown(extensions=list(EXTENSIONS), extension_configs=EXTENSIONS)
    return outline(engine.convert(body.lstrip("\n")))
