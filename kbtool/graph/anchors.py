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
from kbtool.markdown.dialect import ATTRIBUTES, INCLUDE, INCLUDES, PICTURE
from kbtool.markdown.page import Heading, Outline, Page
from kbtool.markdown.slug import slug

_LAST = re.compile(r"[ \t]*\{:?[ \t]*(?=[^{}\n]*[#.=])[^{}\n]*\}[ \t]*\Z")
_MDX = re.compile(r"[ \t]*\{(?:/\*[ \t]*)?#(?P<id>(?:[^{}\s*])+)[^{}\n]*\}[ \t]*\Z")
_COUNTED = re.compile(r"(?P<base>.*)_(?P<count>\d+)", re.DOTALL)


def anchors(page: Page, site: Site | None) -> frozenset[str] | None:
    """Return the anchors of a page on a site (None: on the forge), None where nobody can tell."""
    if site is None or site.kind is SiteKind.FORGE:
        return page.anchors
    if site.slugs is Slugs.UNKNOWN:
        return None
    outline = page.outline(site.kind)
    if outline is None:
        outline = None if _includes(page, site) else _outline(page, site)
    return None if outline is None else outline.ids.union(_own(outline, site))


def included(page: Page, site: Site) -> Iterator[str]:
    """Yield the targets of the pages whose text stands in this one: `[!INCLUDE [x](target)]`."""
    if site.kind is SiteKind.DOCFX and INCLUDE.search(page.text):
        for link in page.links:
            if page.text[: link.span.start].rstrip().casefold().endswith("[!include"):
                yield link.target


def _includes(page: Page, site: Site) -> bool:
    pattern = INCLUDES.get(site.kind)
    return pattern is not None and any(
        not _in_code(page, found.start()) for found in pattern.finditer(page.text)
    )


def _in_code(page: Page, at: int) -> bool:
    spans = (piece.span for pieces in (page.fences, page.codes) for piece in pieces)
    return any(span.start <= at < span.end for span in spans)


def _outline(page: Page, site: Site) -> Outline:
    """Read what the anchors are made of."""
    written = frozenset(
        found["id"]
        for found in ATTRIBUTES.finditer(page.text)
        if site.kind is SiteKind.MKDOCS and not _in_code(page, found.start())
    )
    headings = tuple((heading.level, _text(page, heading, site)) for heading in page.headings)
    return Outline(headings, page.ids, written)


def _own(outline: Outline, site: Site) -> set[str]:
    """Return the ids that come from Markdown."""
    # Python-Markdown looks at what is written first, goldmark on the way, Docusaurus never.
    first = site.kind is SiteKind.MKDOCS and site.attributes
    found = set(outline.written) if first else set()
    taken = set(found)
    for level, text in outline.headings:
        words, explicit = _apart(text, site)
        if explicit:
            found.add(explicit)
            taken |= {explicit} if site.kind is SiteKind.HUGO else set()
            continue
        anchor = _UNIQUE[site.kind](_SLUGS[site.slugs](words), taken)
        # The title of a page of Docusaurus takes an id and does not get it.
        if site.kind is not SiteKind.DOCUSAURUS or level > 1:
            found.add(anchor)
    return found


def _apart(text: str, site: Site) -> tuple[str, str]:
    """Return a heading's words, and the id that is written behind them."""
    if site.kind is SiteKind.DOCUSAURUS:
        found = _MDX.search(text)
        return (text[: found.start()], found["id"]) if found else (text, "")
    found = _LAST.search(text) if site.attributes else None
    if found is None:
        return text, ""
    own = ATTRIBUTES.search(found[0])
    return text[: found.start()], own["id"] if own else ""


def _text(page: Page, heading: Heading, site: Site) -> str:
    """Return what the anchor is made of: Python-Markdown leaves out the words of a picture."""
    if site.kind is SiteKind.MKDOCS:
        written = page.text[heading.span.start : heading.span.end]
        text = heading.text
        for picture in PICTURE.finditer(written):
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
    if text.isascii():
        return slug(text)
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
