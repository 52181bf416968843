"""The anchors of a page as a site makes them. Pure.

Sources: Python-Markdown `extensions/toc.py` and `attr_list.py`; pymdownx `slugs.py`; Hugo
`markup/goldmark/autoid.go`; Docusaurus `mdx-loader/src/remark/headings`. Held against the real
generators: tests/graph/test_generators.py.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from unicodedata import category, normalize

from kbtool.graph.site import Site, SiteKind, Slugs
from kbtool.markdown.page import Heading, Page
from kbtool.markdown.slug import slug

# `{ #id .class }`, `{: #id }`: behind a heading's text, a block or a piece of a line.
_ATTRIBUTES = re.compile(r"\{:?[ \t]*(?:[^{}\n]*[ \t])?#(?P<id>[^\s{}]+)[^{}\n]*\}")
_LAST = re.compile(r"[ \t]*\{:?[ \t]*(?=[^{}\n]*[#.=])[^{}\n]*\}[ \t]*\Z")
_MDX = re.compile(r"[ \t]*\{(?:/\*[ \t]*)?#(?P<id>(?:[^{}\s*])+)[^{}\n]*\}[ \t]*\Z")
_PICTURE = re.compile(r"!\[(?P<alt>[^\]\n]*)\]")
_COUNTED = re.compile(r"(?P<base>.*)_(?P<count>\d+)", re.DOTALL)
# What puts the text of another file, or what a program says, into the page.
_INCLUDES: Final[Mapping[SiteKind, re.Pattern[str]]] = {
    SiteKind.MKDOCS: re.compile(
        r"^[ \t]*(?:;?-+8<-+|\{![^\n]*!\}|\{%-?\s*include|:::[ \t]+\w)", re.MULTILINE
    ),
    SiteKind.HUGO: re.compile(r"\{\{[<%]-?\s*\S*(?:include|readfile|import|render|partial)"),
    SiteKind.DOCUSAURUS: re.compile(
        r"^import\s+\w+\s+from\s+['\"][^'\"\n]+\.mdx?['\"]", re.MULTILINE
    ),
}


def anchors(page: Page, site: Site | None) -> frozenset[str] | None:
    """Return the anchors of a page on a site (None: on the forge), None where nobody can tell."""
    if site is None or site.kind is SiteKind.FORGE:
        return page.anchors
    if site.slugs is Slugs.UNKNOWN or _includes(page, site):
        return None
    return page.ids.union(_own(page, site))


def included(page: Page, site: Site) -> Iterator[str]:
    """Yield the targets of the pages whose text stands in this one: `[!INCLUDE [x](target)]`."""
    if site.kind is SiteKind.DOCFX and "[!" in page.text:
        for link in page.links:
            if page.text[: link.span.start].rstrip().casefold().endswith("[!include"):
                yield link.target


def _includes(page: Page, site: Site) -> bool:
    pattern = _INCLUDES.get(site.kind)
    return pattern is not None and any(
        not _in_code(page, found.start()) for found in pattern.finditer(page.text)
    )


def _in_code(page: Page, at: int) -> bool:
    spans = (piece.span for pieces in (page.fences, page.codes) for piece in pieces)
    return any(span.start <= at < span.end for span in spans)


def _own(page: Page, site: Site) -> set[str]:
    """Return the ids that come from Markdown."""
    mkdocs = site.kind is SiteKind.MKDOCS
    # Python-Markdown looks at what is written first, goldmark on the way, Docusaurus never.
    found = _written(page) if mkdocs and site.attributes and "#" in page.text else set()
    taken = set(found)
    for heading in page.headings:
        words, explicit = _apart(_text(page, heading, site), site)
        if explicit:
            found.add(explicit)
            taken |= {explicit} if site.kind is SiteKind.HUGO else set()
            continue
        anchor = _UNIQUE[site.kind](_SLUGS[site.slugs](words), taken)
        # The title of a page of Docusaurus takes an id and does not get it.
        if site.kind is not SiteKind.DOCUSAURUS or heading.level > 1:
            found.add(anchor)
    return found


def _written(page: Page) -> set[str]:
    return {
        found["id"]
        for found in _ATTRIBUTES.finditer(page.text)
        if not _in_code(page, found.start())
    }


def _apart(text: str, site: Site) -> tuple[str, str]:
    """Return a heading's words, and the id that is written behind them."""
    if site.kind is SiteKind.DOCUSAURUS:
        found = _MDX.search(text)
        return (text[: found.start()], found["id"]) if found else (text, "")
    found = _LAST.search(text) if site.attributes else None
    if found is None:
        return text, ""
    own = _ATTRIBUTES.search(found[0])
    return text[: found.start()], own["id"] if own else ""


def _text(page: Page, heading: Heading, site: Site) -> str:
    """Return what the anchor is made of: Python-Markdown leaves out the words of a picture."""
    if site.kind is SiteKind.MKDOCS:
        written = page.text[heading.span.start : heading.span.end]
        text = heading.text
        for picture in _PICTURE.finditer(written):
            text = text.replace(picture["alt"], "", 1)
        return text
    return heading.text


# ---------------------------------------------------------------------- slugs
def _toc(text: str) -> str:
    return _toc_unicode(normalize("NFKD", text).encode("ascii", "ignore").decode("ascii"))


def _toc_unicode(text: str) -> str:
    kept = re.sub(r"[^\w\s-]", "", text).strip().lower()
    return re.sub(r"[-\s]+", "-", kept)


def _pymdownx_case(text: str) -> str:
    kept = re.sub(r"</?[^>]*>", "", normalize("NFC", text)).strip()
    return re.sub(r"[^\w\- ]", "", kept).replace(" ", "-")


def _pymdownx(text: str) -> str:
    return _pymdownx_case(text.lower())


def _hugo(text: str) -> str:
    # The typographer made dashes of them.
    return _unmarked(text.replace("---", "").replace("--", "")) or "heading"


def _markdig(text: str) -> str:
    return _unmarked(text) or "section"


def _unmarked(text: str) -> str:
    """Return the forge's slug, letter by letter as Go and .NET read: no final sigma, no marks."""
    lowered = "".join(map(str.lower, text))
    return "".join(sign for sign in slug(lowered) if category(sign)[0] != "M")


def _hugo_ascii(text: str) -> str:
    return _hugo(normalize("NFD", text).encode("ascii", "ignore").decode("ascii"))


_SLUGS: Final[Mapping[Slugs, Callable[[str], str]]] = {
    Slugs.FORGE: slug,
    Slugs.TOC: _toc,
    Slugs.TOC_UNICODE: _toc_unicode,
    Slugs.PYMDOWNX: _pymdownx,
    Slugs.PYMDOWNX_CASE: _pymdownx_case,
    Slugs.HUGO: _hugo,
    Slugs.HUGO_ASCII: _hugo_ascii,
    Slugs.MARKDIG: _markdig,
}


# ---------------------------------------------------------------------- told apart
def _underscored(base: str, taken: set[str]) -> str:
    """Return a free anchor, as Python-Markdown makes it: `x_1`, and `x_2` of `x_1`."""
    anchor = base
    while anchor in taken or not anchor:
        counted = _COUNTED.fullmatch(anchor)
        anchor = f"{counted['base']}_{int(counted['count']) + 1}" if counted else f"{anchor}_1"
    taken.add(anchor)
    return anchor


def _dashed(base: str, taken: set[str]) -> str:
    """Return a free anchor, as github-slugger and goldmark make it: `x-1`, `x-2`."""
    anchor, count = base, 0
    while anchor in taken:
        count += 1
        anchor = f"{base}-{count}"
    taken.add(anchor)
    return anchor


_UNIQUE: Final[Mapping[SiteKind, Callable[[str, set[str]], str]]] = {
    SiteKind.MKDOCS: _underscored,
    SiteKind.HUGO: _dashed,
    SiteKind.DOCUSAURUS: _dashed,
    SiteKind.DOCFX: _dashed,
}
