"""What site generators add to Markdown that anchors are made of: patterns, by kind of site.

Sources: Python-Markdown `extensions/attr_list.py` and `admonition.py`; pymdownx `snippets.py`;
docs of Hugo, Docusaurus and docfx on including other files.
"""

import re
from collections.abc import Mapping
from typing import Final

# `{ #id .class }`, `{: #id }`: behind a heading's text, a block or a piece of a line.
ATTRIBUTES: Final = re.compile(r"\{:?[ \t]*(?:[^{}\n]*[ \t])?#(?P<id>[^\s{}]+)[^{}\n]*\}")
PICTURE: Final = re.compile(r"!\[(?P<alt>[^\]\n]*)\]")
# Headings in the indented body of an admonition, a tab or a list item of Python-Markdown.
BODY: Final = re.compile(r"^[ \t]*(?:!!!|\?\?\?\+?|===[!+]?)[ \t]", re.MULTILINE)
# What puts the text of another file, or what a program says, into the page; by kind of site.
INCLUDES: Final[Mapping[str, re.Pattern[str]]] = {
    "mkdocs": re.compile(
        r"^[ \t]*(?:;?-+8<-+|\{![^\n]*!\}|\{%-?\s*include|:::[ \t]+\w)", re.MULTILINE
    ),
    "hugo": re.compile(r"\{\{[<%]-?\s*\S*(?:include|readfile|import|render|partial)"),
    "docusaurus": re.compile(r"^import\s+\w+\s+from\s+['\"][^'\"\n]+\.mdx?['\"]", re.MULTILINE),
}
INCLUDE: Final = re.compile(r"\[!include", re.IGNORECASE)  # docfx
# By kind of site: one of these stands in every text that the pattern finds something in.
_SIGNS: Final = {
    "mkdocs": (
        (("8<", "{!", "{%", ":::"), INCLUDES["mkdocs"]),
        (("!!!", "???", "==="), BODY),
    ),
    "hugo": ((("{{",), INCLUDES["hugo"]),),
    "docusaurus": (((".md'", '.md"', ".mdx'", '.mdx"'), INCLUDES["docusaurus"]),),
    "docfx": ((("[!",), INCLUDE),),
}


def is_odd(text: str, kind: str) -> bool:
    """Return whether a kind of site may see more in `text` than headings, ids and attributes."""
    return any(
        any(sign in text for sign in signs) and pattern.search(text)
        for signs, pattern in _SIGNS.get(kind, ())
    )
