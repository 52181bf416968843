"""Text → `Sketch`: what a page's anchors are made of, by its HTML, at a fifth of a reading's cost.

It is exact, or says that it does not know. Only pages whose anchors links name are looked at so.
Imported by what must start fast: so it needs nothing of a page but its HTML.
"""

import marshal
import re
from html import unescape
from typing import Final, NamedTuple, Self

from kbtool.markdown.bodies import opened
from kbtool.markdown.dialect import written
from kbtool.markdown.door import has_wiki_links, html
from kbtool.markdown.frontmatter import apart
from kbtool.markdown.html import COMMENT_IN_TAG, attributes

_NONE: Final[frozenset[str]] = frozenset()


class Sketch(NamedTuple):
    """What anchors are made of; whoever makes them."""

    headings: tuple[tuple[int, str], ...] | None  # level, text; None: only a reading knows them
    ids: frozenset[str]  # of raw HTML, where the headings are known
    kind: str  # of the site that publishes the page, "" for the forge
    odd: bool  # whoever publishes it may make anchors of more than that
    written: frozenset[str]  # for it: ids of attribute lists outside of code; not of odd pages

    @property
    def tells(self) -> bool:
        """Whether all that anchors are made of is here."""
        return self.headings is not None and not self.odd

    def is_still(self, old: Self) -> bool:
        """Return whether anchors are surely made of what they were made of."""
        return self.tells and self == old

    def packed(self) -> bytes:
        """Return it as bytes: thousands of them are kept, and few are looked at."""
        return marshal.dumps(tuple(self))

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """Return what was packed: bytes of kbtool's own, from memory or a sealed file."""
        return cls(*marshal.loads(data))  # noqa: S302 - own, as said


# Both alternatives begin with `<`, so that the search jumps from tag to tag.
_SEEN: Final = re.compile(r'<(?:h([1-6])>(.*?)</h\1>|div class="footnote-definition")', re.DOTALL)
# Tags whose text is the heading's text; with others, only a reading knows it.
_MARKUP: Final = re.compile(r'</?(?!img|sup)[a-z][a-z0-9]*(?: [a-z]+="[^"<>]*")*>')
_RAW_HEADING: Final = re.compile(r"<[hH][1-6]")
_ANCHOR: Final = re.compile(r"<[A-Za-z][^<>]*\s(?:id|name)\s*=", re.IGNORECASE)
# An image's alternative text may hold links, of which its HTML shows nothing.
ALTERNATIVE: Final = re.compile(r"!\[(?:\\.|[^\]\\\[`<])*[\[`<]", re.DOTALL)


def sketch(text: str, kind: str = "", *, shared: bool = False) -> Sketch:
    """Return what this kind of site ("": the forge) makes a page's anchors of.

    A page is `shared` if other sites have it too.
    """
    body = apart(text)[1]
    made = html(body)
    ids = _NONE
    tagged = "<" in body
    known = not (tagged and _RAW_HEADING.search(body)) and not _hides(body)
    if tagged and _ANCHOR.search(body):
        ids = _ids(made)
        # Where a comment ends, only a reading knows; unless it is all the same.
        known = known and ("<!--" not in made or _ids(made, comments=True) == ids)
    odd = shared or opened(body) != body
    headings: list[tuple[int, str]] = []
    for level, heading in _SEEN.findall(made):
        words = _MARKUP.sub("", heading) if "<" in heading else heading
        known = known and bool(level) and "<" not in words and "\n" not in words
        if level:
            odd = odd or "![" in words  # what is no picture may be one to Python-Markdown
            headings.append((int(level), (unescape(words) if "&" in words else words).strip()))
    listed = written(text, made, kind) if kind else _NONE
    return Sketch(
        tuple(headings) if known else None, ids, kind, odd or listed is None, listed or _NONE
    )


def _ids(made: str, *, comments: bool = False) -> frozenset[str]:
    named = (each for each in attributes(made, 0, comments=comments) if each.name in ("id", "name"))
    return frozenset(each.value for each in named if each.name == "id" or each.tag == "a")


def _hides(body: str) -> bool:
    """Return whether a heading may have words its HTML does not show, or shows otherwise."""
    return has_wiki_links(body) or (
        "!" in body  # most pages have none
        and (
            ("![" in body and ALTERNATIVE.search(body) is not None)
            or ("<!--" in body and COMMENT_IN_TAG.search(body) is not None)
        )
    )
