"""Text → `Survey`: what a look at a page's source shows, at a tenth of the cost of reading it.

Nobody is told anything by a survey. It only says which pages need no reading, so it may say too
much and never too little: `links` are at least those of the page, whoever publishes it, and `shows`
names all that rules may find something about. What its anchors are made of is a `Sketch`.
Imported by what must start fast: so it needs next to nothing of a page.
"""

import marshal
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Self

from kbtool.markdown.bodies import opened
from kbtool.markdown.door import has_wiki_links, html, is_undefined
from kbtool.markdown.frontmatter import apart
from kbtool.markdown.html import COMMENT_IN_TAG, attributes
from kbtool.markdown.shortcodes import referred


class Survey(NamedTuple):
    """What was seen of a page: targets in the repository, percent-encoded or not."""

    links: tuple[str, ...]  # as they stand in the page, each as often as it does
    raw: tuple[str, ...]  # links of raw HTML
    refs: tuple[str, ...]  # of Hugo's shortcodes
    clear: bool  # False: some link is written in a way that only a reading, or HTML, understands
    shows: frozenset[str]  # of what rules see; links, where only a reading knows them
    kind: str  # of the site that publishes the page, "" for the forge
    matter: str  # the front matter, where that may say at which address a site has the page

    def packed(self) -> bytes:
        """Return it as bytes: thousands of them are kept, and few are looked at."""
        return marshal.dumps(tuple(self))

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """Return what was packed: bytes of kbtool's own, from memory or a sealed file."""
        return cls(*marshal.loads(data))  # noqa: S302 - own, as said


_ADDRESSED: Final = ("hugo", "docusaurus")  # by front matter
_SIGNS: Final = r"[^\x00-\x20()<>\\&]"
_MORE: Final = rf"(?:\({_SIGNS}*\)|&(?!#|\w+;)){_SIGNS}*"  # balanced, and no entity
_TARGET: Final = (
    rf"(?!https?:|mailto:)({_SIGNS}+(?:{_MORE})*)(?=[\x00-\x20)]|\Z)"
    r"|<(?!https?:|mailto:)([^<>\\&\n]*)>"
    r"|<?https?:|<?mailto:"
    rf"|{_SIGNS}*\({_SIGNS}*[\x00-\x20]"  # not balanced: nothing
)
# Each pattern begins with one sign, so that the search jumps from sign to sign.
# `](target`, else what is written otherwise than it reads or over two lines; `]:`; `][`. What
# follows is looked at only: `]([a](b)` has a link in what would have been a target. pyromark takes
# `[a]\[]` for a reference.
_BRACKET: Final = re.compile(rf"\](?=\([ \t]*(?:{_TARGET}|\)|(.))|\\?([:\[]))", re.DOTALL)
_DEFINED: Final = re.compile(rf"\]:\s*(?:{_TARGET}|(.))", re.DOTALL)
_ENDED: Final = re.compile(r"[ \t\x0b\x0c]*(?:[\n\"'(]|\Z)")  # a definition, or its title begins
_BEFORE_BLOCK: Final = " \t>-+*0123456789.)"
# An autolink to no host; a comment; a tag with a link.
_ANGLE: Final = re.compile(
    r"<(?:(?!https?:|mailto:)([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\x00-\x20<>]*)>"
    r"|(!--|[A-Za-z][^<>]*\s(?i:href|src)\s*=))"
)
_WIKI: Final = re.compile(r"\[\[")
_FENCES: Final = (re.compile("```[^\n]*"), re.compile("~~~[^\n]*"))


def survey(text: str, kind: str = "") -> Survey:
    """Return what a look at a page shows that this kind of site publishes ("": the forge)."""
    matter, body = apart(text)
    links: list[str] = []
    clear = True
    shows: set[str] = set()
    signs = set()
    for plain, angled, other, sign in _BRACKET.findall(body):
        if plain or angled:
            links.append(plain or angled)
        elif sign:
            signs.add(sign)
        elif other:
            clear = False
    if ":" in signs:
        for plain, angled, other in _definitions(body):
            links.append(plain or angled)
            clear = clear and not other
    if "[" in signs and _has_undefined(body):
        shows.add("references")
    raw: tuple[str, ...] = ()
    others = _ANGLE.findall(body) if "<" in body else ()
    if others:
        links += (autolink for autolink, _ in others)
        tags = {tag for _, tag in others}
        if tags - {"", "!--"}:
            seen = attributes(body, 0, comments=True)
            raw = tuple(each.value for each in seen if each.name in ("href", "src"))
        if "!--" in tags:
            shows.update(_by_comments(body))
    if _WIKI.search(body) and (has_wiki_links(body) or has_wiki_links(opened(body))):
        shows.add("links")
    infos = "".join(line for fence in _FENCES for line in fence.findall(body)).lower()
    if "mermaid" in infos or "&" in infos or "\\" in infos:
        shows.add("diagrams")
    return Survey(
        tuple(filter(None, links)),
        raw,
        tuple(each.target for each in referred(body)) if kind == "hugo" else (),
        clear,
        frozenset(shows),
        kind,
        matter if kind in _ADDRESSED else "",
    )


def _definitions(body: str) -> Iterator[tuple[str, str, str]]:
    """Yield the targets of what may be definitions of references, and what is no plain target."""
    at = body.find("]:")
    while at >= 0:
        before = body[body.rfind("\n", 0, at) + 1 : at]
        begun, bracket, label = before.partition("[")
        if not bracket or "\\" in label or begun.endswith("\\"):
            yield "", "", "]"  # where the label begins, only a reading knows
        elif not begun.strip(_BEFORE_BLOCK) and not before.rpartition("[")[2].startswith("^"):
            found = _DEFINED.match(body, at)
            if found and (found[3] or _ENDED.match(body, found.end())):
                yield found[1] or "", found[2] or "", found[3] or ""
        at = body.find("]:", at + 2)


def _by_comments(body: str) -> Iterator[str]:
    if "kb-ignore" in body:
        yield "ignores"
    if COMMENT_IN_TAG.search(body):
        yield "links"


def _has_undefined(body: str) -> bool:
    """Return whether a reference has no definition, whoever publishes the page."""
    found: list[Any] = []
    for text in {body, opened(body)}:
        html(text, found.append)
    return any(map(is_undefined, found))
