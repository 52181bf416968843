"""What markdown-it-py, an independent CommonMark parser, sees in a page."""

import re

from markdown_it import MarkdownIt

_FRONT = re.compile(r"\A---[ \t]*\n((?=[^\n]*\S).*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def _parser():
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.normalizeLink = lambda url: url
    parser.validateLink = lambda _: True
    return parser


_PARSER = _parser()


def without_front_matter(text):
    """Return the text with empty lines in place of its front matter."""
    return _FRONT.sub(lambda match: "\n" * match[0].count("\n"), text)


def seen(text):
    """Return (headings as (line, level, text), link targets in order)."""
    blank = without_front_matter(text)
    headings, links = [], []
    tokens = _PARSER.parse(blank)
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            headings.append((token.map[0] + 1, int(token.tag[1]), plain(tokens[index + 1])))
        if token.type == "inline":
            links += targets(token)
    return headings, links


def plain(inline):
    """Return the text of a heading as a forge anchors it: images by their text."""
    words = []
    for child in inline.children or ():
        if child.type in ("text", "code_inline"):
            words.append(child.content)
        elif child.type == "image":
            words.append(plain(child))
        elif child.type in ("softbreak", "hardbreak"):
            words.append(" ")
    return " ".join("".join(words).split())


def targets(inline):
    found = []
    for child in inline.children or ():
        if child.type == "link_open":
            found.append(child.attrs["href"])
        elif child.type == "image":
            found.append(child.attrs["src"])
            found += targets(child)
    return found


def table_cells(text):
    """Return the cells of each table that stands in no quote or list: tables, rows, texts."""
    tokens = _PARSER.parse(without_front_matter(text))
    found, inside = [], False
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            inside = token.level == 0
            found += [[]] if inside else []
        elif inside and token.type == "tr_open":
            found[-1].append([])
        elif inside and token.type in ("th_open", "td_open"):
            found[-1][-1].append(tokens[index + 1].content)
    return found


# Pieces of Markdown that meet in unlucky ways. Left out, because only pyromark's extensions read
# them or reads them by its own rules: `[[wiki]]`, footnotes `[^1]`, `[ ]` of task lists, `~~`, tables,
# and a tab behind the closing marks of a heading.
PIECES = [
    "# ", "## ", "###", "=\n", "---\n", "> ", "- ", "1. ", "    ", "  \n", "\n", "\n\n", " ",
    "```\n", "~~~ sh\n", "`", "``", "*", "**", "_", "\\", "&amp;", "&#35;", "<b>", "</b>",
    "<!-- ", " -->", "<a href='x'>", "[t](u)", "![i](j 'k')", "[t]", "\n[r]: /v\n\n", "[t][r]", "[r]",
    "<http://e.org/a>", "(<a b>)", "[e](<a b>)", "é", "漢",
    "\U0001f600", "word", "a(b)c", "[l](m(n)o)",
]  # fmt: skip
