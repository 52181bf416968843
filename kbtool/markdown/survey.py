"""Text → `Survey`: what a look at a page's HTML shows, at a fifth of the cost of reading it.

Nobody is told anything by a survey. It only says which pages need no reading, so it may say too
much and never too little: `links` are at least those of the page, whoever publishes it, `shows`
names all that rules may find something about, and what anchors are made of is exact or unknown.
Imported by what must start fast: so it needs nothing of a page but its HTML.
"""

import marshal
import re
from html import unescape
from typing import Any, Final, NamedTuple

from kbtool.markdown.bodies import opened
from kbtool.markdown.dialect import written
from kbtool.markdown.door import has_wiki_links, html, is_undefined
from kbtool.markdown.frontmatter import apart
from kbtool.markdown.html import attributes
from kbtool.markdown.shortcodes import referred

_NONE: Final[frozenset[str]] = frozenset()


class Survey(NamedTuple):
    """What was seen of a page: targets in the repository, percent-encoded or not; its headings."""

    links: tuple[str, ...]  # as they stand in the page, each as often as it does
    raw: tuple[str, ...]  # links of raw HTML
    shows: frozenset[str]  # of what rules see; links, where they are not surely all known
    refs: tuple[str, ...]  # of Hugo's shortcodes
    headings: tuple[tuple[int, str], ...] | None  # level, text; None: only a reading knows them
    ids: frozenset[str]  # of raw HTML, where the headings are known
    kind: str  # of the site that publishes the page, "" for the forge
    odd: bool  # whoever publishes it may make anchors of more than that
    written: frozenset[str]  # for it: ids of attribute lists outside of code; not of odd pages
    matter: str  # the front matter, where that may say at which address a site has the page

    def told(self) -> tuple[object, ...]:
        """Return what other pages' links rest on."""
        return self[4:]


def packed(seen: Survey) -> bytes:
    """Return a survey as bytes: thousands of them are kept, and few are looked at."""
    return marshal.dumps(tuple(seen))


def unpacked(data: bytes) -> Survey:
    """Return the survey that was packed: bytes of kbtool's own, from memory or a sealed file."""
    return Survey(*marshal.loads(data))  # noqa: S302 - own, as said


# Every alternative begins with `<`, so that the search jumps from tag to tag.
_SEEN: Final = re.compile(
    r'<(?:sup class="footnote-reference"><a href="[^"]*"'
    r'|a href="(?!https?:|mailto:)([^"]*)"'
    r'|img src="(?!https?:)([^"]*)"'
    r"|h([1-6])>(.*?)</h\3>"
    r'|(code class="language-(?i:mermaid)|div class="footnote-definition"))',
    re.DOTALL,
)
_IN_HEADING: Final = re.compile(r'<(?:a href|img src)="([^"]*)"')
# Tags whose text is the heading's text; with others, only a reading knows it.
_MARKUP: Final = re.compile(r'</?(?!img|sup)[a-z][a-z0-9]*(?: [a-z]+="[^"<>]*")*>')
_RAW_HEADING: Final = re.compile(r"<[hH][1-6]")
_ANCHOR: Final = re.compile(r"<[A-Za-z][^<>]*\s(?:id|name)\s*=", re.IGNORECASE)
# An image's alternative text may hold links, of which its HTML shows nothing.
_ALTERNATIVE: Final = re.compile(r"!\[(?:\\.|[^\]\\\[`<])*[\[`<]", re.DOTALL)
_COMMENT_IN_TAG: Final = re.compile(r"<[A-Za-z][^<>]*<!--")
_ADDRESSED: Final = ("hugo", "docusaurus")  # by front matter


def survey(text: str, kind: str = "", *, shared: bool = False) -> Survey:
    """Return what a look at a page shows that this kind of site publishes ("": the forge).

    A page is `shared` if other sites have it too.
    """
    matter, body = apart(text)
    undefined: list[Any] = []

    def missing(found: Any) -> None:
        if is_undefined(found):
            undefined.append(found)

    links: list[str] = []
    shows: set[str] = set()
    made = html(body, missing)
    tagged = "<" in body
    known = not tagged or not _RAW_HEADING.search(body)
    odd = shared
    headings: list[tuple[int, str]] = []
    ids = _NONE
    if tagged and _ANCHOR.search(body):
        ids = _ids(made)
        # Where a comment ends, only a reading knows; unless it is all the same.
        known = known and ("<!--" not in made or _ids(made, comments=True) == ids)
    for link, image, level, heading, other in _SEEN.findall(made):
        if link or image:
            links.append(link or image)
        elif level:
            words = heading
            if "<" in words:
                links.extend(_IN_HEADING.findall(words))
                words = _MARKUP.sub("", words)
                known = known and "<" not in words
            known = known and "\n" not in words
            odd = odd or "![" in words  # what is no picture may be one to Python-Markdown
            headings.append((int(level), (unescape(words) if "&" in words else words).strip()))
        elif other[:1] == "c":
            shows.add("diagrams")
        elif other:
            known = False
    inner = opened(body)
    if inner != body:
        odd = True
        for link, image, _, heading, other in _SEEN.findall(html(inner, missing)):
            links.extend((link or image,) if link or image else _IN_HEADING.findall(heading))
            shows.update(("diagrams",) if other[:1] == "c" else ())
    raw: tuple[str, ...] = ()
    if tagged:
        tags = attributes(body, 0, comments=True)
        raw = tuple(each.value for each in tags if each.name in ("href", "src"))
    if undefined:
        shows.add("references")
    if "!" in body and "kb-ignore" in body:  # in a comment
        shows.add("ignores")
    if _hides_links(body) or (inner != body and has_wiki_links(inner)):
        shows.add("links")
        known = False
    listed = written(text, made, kind) if kind else _NONE
    return Survey(
        tuple(unescape(target) if "&" in target else target for target in links),
        raw,
        frozenset(shows),
        tuple(each.target for each in referred(body)),
        tuple(headings) if known else None,
        ids,
        kind,
        odd or listed is None,
        listed or _NONE,
        matter if kind in _ADDRESSED else "",
    )


def _ids(made: str, *, comments: bool = False) -> frozenset[str]:
    named = (each for each in attributes(made, 0, comments=comments) if each.name in ("id", "name"))
    return frozenset(each.value for each in named if each.name == "id" or each.tag == "a")


def _hides_links(body: str) -> bool:
    """Return whether the page may have links its HTML does not show as such."""
    if has_wiki_links(body):
        return True
    return "!" in body and (  # most pages have none
        ("![" in body and _ALTERNATIVE.search(body) is not None)
        or ("<!--" in body and _COMMENT_IN_TAG.search(body) is not None)
    )
