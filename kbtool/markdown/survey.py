"""Text → `Survey`: what a look at a page's HTML shows, at a fifth of the cost of reading it.

Nobody is told anything by a survey. It only says which pages need no reading, so it may say too
much and never too little: `links` are at least those of the page, whoever publishes it, `anchors`
exactly those of a forge (or unknown), and `shows` names all that rules may find something about.
"""

import re
from html import unescape
from typing import Any, Final, NamedTuple

from kbtool.markdown.bodies import opened
from kbtool.markdown.frontmatter import apart
from kbtool.markdown.html import attributes
from kbtool.markdown.parse import has_wiki_links, html, is_undefined
from kbtool.markdown.shortcodes import references
from kbtool.markdown.slug import Slugger


class Survey(NamedTuple):
    """What was seen of a page: targets in the repository, percent-encoded or not; its anchors."""

    links: frozenset[str]
    raw: frozenset[str]  # links of raw HTML
    anchors: frozenset[str] | None
    shows: frozenset[str]  # of what rules see; links, where they are not surely all known
    refs: frozenset[str] = frozenset()  # of Hugo's shortcodes


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
_MARKUP: Final = re.compile(
    r'</?(?:a(?: href="[^"<>]*"(?: title="[^"<>]*")?)?|code|em|strong|del)>'
)
_RAW_HEADING: Final = re.compile(r"<[hH][1-6]")
_ANCHOR: Final = re.compile(r"<[A-Za-z][^<>]*\s(?:id|name)\s*=", re.IGNORECASE)
# An image's alternative text may hold links, of which its HTML shows nothing.
_ALTERNATIVE: Final = re.compile(r"!\[(?:\\.|[^\]\\\[`<])*[\[`<]", re.DOTALL)
_COMMENT_IN_TAG: Final = re.compile(r"<[A-Za-z][^<>]*<!--")


def survey(text: str) -> Survey:
    """Return what a look at a page shows."""
    _, body = apart(text)
    undefined: list[Any] = []

    def missing(found: Any) -> None:
        if is_undefined(found):
            undefined.append(found)

    links: set[str] = set()
    shows: set[str] = set()
    made = html(body, missing)
    known = "<" not in body or not _RAW_HEADING.search(body)
    slugger = Slugger()
    anchors: set[str] = set()
    if "<" in body and _ANCHOR.search(body):
        known = known and "<!--" not in made  # a comment hides what is in it
        ids = (each for each in attributes(made, 0) if each.name in ("id", "name"))
        anchors.update(each.value for each in ids if each.name == "id" or each.tag == "a")
    for link, image, level, heading, other in _SEEN.findall(made):
        if link or image:
            links.add(link or image)
        elif level:
            links.update(_IN_HEADING.findall(heading))
            words = _MARKUP.sub("", heading)
            known = known and "<" not in words and "\n" not in words
            anchors.add(slugger.unique(unescape(words)))
        elif other[:1] == "c":
            shows.add("diagrams")
        elif other:
            known = False
    inner = opened(body)
    if inner != body:
        for link, image, _, heading, other in _SEEN.findall(html(inner, missing)):
            links.update((link or image,) if link or image else _IN_HEADING.findall(heading))
            shows.update(("diagrams",) if other[:1] == "c" else ())
    found = {unescape(target) if "&" in target else target for target in links}
    raw: frozenset[str] = frozenset()
    if "<" in body:
        tags = attributes(body, 0, comments=True)
        raw = frozenset(each.value for each in tags if each.name in ("href", "src"))
    if undefined:
        shows.add("references")
    if "kb-ignore" in body:
        shows.add("ignores")
    if _hides_links(body) or (inner != body and has_wiki_links(inner)):
        shows.add("links")
        known = False
    refs = frozenset(link.target for link in references(body))
    return Survey(
        frozenset(found), raw, frozenset(anchors) if known else None, frozenset(shows), refs
    )


def _hides_links(body: str) -> bool:
    """Return whether the page may have links its HTML does not show as such."""
    return (
        has_wiki_links(body)
        or ("![" in body and _ALTERNATIVE.search(body) is not None)
        or ("<!--" in body and _COMMENT_IN_TAG.search(body) is not None)
    )
