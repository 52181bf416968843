"""What site generators add to Markdown that anchors are made of: patterns, by kind of site.

Sources: Python-Markdown `extensions/attr_list.py` and `admonition.py`; pymdownx `snippets.py`;
docs of Hugo, Docusaurus and docfx on including other files.
"""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Final

# `{ #id .class }`, `{: #id }`: behind a heading's text, a block or a piece of a line.
ATTRIBUTES: Final = re.compile(r"\{:?[ \t]*(?:[^{}\n]*[ \t])?#(?P<id>[^\s{}]+)[^{}\n]*\}")
PICTURE: Final = re.compile(r"!\[(?P<alt>[^\]\n]*)\]")
# What puts the text of another file, or what a program says, into the page; by kind of site.
INCLUDES: Final[Mapping[str, re.Pattern[str]]] = {
    "mkdocs": re.compile(
        r"^[ \t]*(?:;?-+8<-+|\{![^\n]*!\}|\{%-?\s*include|:::[ \t]+\w)", re.MULTILINE
    ),
    "hugo": re.compile(r"\{\{[<%]-?\s*\S*(?:include|readfile|import|render|partial)"),
    "docusaurus": re.compile(r"^import\s+\w+\s+from\s+['\"][^'\"\n]+\.mdx?['\"]", re.MULTILINE),
}
INCLUDE: Final = re.compile(r"\[!include", re.IGNORECASE)  # docfx
# What one of them includes with, wherever it stands on its line.
_INCLUDES_ANYWHERE: Final = re.compile(r";?-+8<-+|\{![^\n]*!\}|\{%-?\s*include|:::[ \t]+\w")
_INCLUDING: Final = (re.compile("8<"), re.compile(r"\{[!%]"), re.compile(":::"))  # cheap to search
# By kind of site: one of these stands in every text that the pattern finds something in.
_SIGNS: Final = {
    "hugo": (("{{",), INCLUDES["hugo"]),
    "docusaurus": ((".md'", '.md"', ".mdx'", '.mdx"'), INCLUDES["docusaurus"]),
    "docfx": (("[!",), INCLUDE),
}
_RAW_CODE: Final = re.compile(r"<(?:code|pre)", re.IGNORECASE)


def written(text: str, html: str, kind: str) -> frozenset[str] | None:
    """Return the ids of attribute lists outside of code, none for sites that do not look for them.

    None where the kind of site may see more in `text` than headings, ids and attribute lists, or
    where its HTML leaves any doubt.
    """
    signs, pattern = _SIGNS.get(kind, ((), INCLUDE))
    if any(sign in text for sign in signs) and pattern.search(text):
        return None
    if kind != "mkdocs":
        return frozenset()
    found = open_(ATTRIBUTES, text, html) if "{" in text else ()
    including = any(sign.search(text) for sign in _INCLUDING)
    if found is None or (including and open_(_INCLUDES_ANYWHERE, text, html) != []):
        return None
    return frozenset(unescape(each["id"]) for each in found)


def open_(pattern: re.Pattern[str], text: str, html: str) -> Sequence[re.Match[str]] | None:
    """Return what is found in the HTML of a text outside of code, None in doubt.

    It is known where the HTML has what the text has, no more and no less.
    """
    written = [each[0] for each in pattern.finditer(text)]
    if not written:
        return []
    found, coded, seen = [], False, []
    for each in pattern.finditer(html):
        at = html.rfind("<", 0, each.start())
        tag = html[at : each.start()] if at >= 0 else ">"
        if "<" in each[0] or ">" not in tag:
            return None
        if not tag.startswith("<code"):
            found.append(each)
        elif tag.startswith("<code>") and html.endswith("<pre>", 0, at):
            return None  # an indented block is no code to `Page.fences`
        else:
            coded = True
        seen.append(unescape(each[0]))
    if (seen != written and sorted(seen) != sorted(written)) or (coded and _RAW_CODE.search(text)):
        return None
    return found
