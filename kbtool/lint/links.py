"""What the link rules share: which links are theirs, where to point, what to suggest."""

import re
from collections.abc import Iterator, Sequence
from posixpath import basename, dirname
from typing import Any, Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.graph.fine import FINE
from kbtool.graph.resolve import Outcome, Target
from kbtool.graph.way import way
from kbtool.lint.nearest import Names
from kbtool.markdown.page import Link, Page
from kbtool.text import Span

# What would be markup inside of a link's text, or end it.
_MARKUP: Final = re.compile(r"[\\`*\[\]<]|(?<!\w)_|_(?!\w)|&(?=#|\w+;)|~(?=~)")
_WEB: Final = re.compile(r"https?://[^/\s{}]", re.IGNORECASE)
# What cannot stand in a link's target as it is.
_UNSAFE: Final = re.compile(r"[\x00-\x20\"#%&()<>?\[\\\]^`{|}\x7f]")


def broken(page: Page, kb: KnowledgeBase, outcome: Outcome) -> Iterator[tuple[Link, Target]]:
    """Yield the page's links that end so; links of the breadcrumb are KB201's."""
    for link, target in _doubtful(page, kb):
        if target.outcome is outcome and not _in_breadcrumb(page, kb, link):
            yield link, target


def _doubtful(page: Page, kb: KnowledgeBase) -> Sequence[tuple[Link, Target]]:
    key = ("doubtful", page.path)
    found: Any = kb.memo.get(key)
    if found is None:
        resolved = ((link, kb.resolve(page, link)) for link in page.aims)
        found = kb.memo[key] = [each for each in resolved if each[1].outcome not in FINE]
    links: Sequence[tuple[Link, Target]] = found
    return links


def external(page: Page, kb: KnowledgeBase) -> Iterator[tuple[Link, str]]:
    """Yield the page's links to other hosts, each with the address that is asked for."""
    for link in page.links:
        url = link.target.strip()
        if _WEB.match(url) and kb.resolve(page, link).outcome is Outcome.EXTERNAL:
            yield link, url.partition("#")[0]


def leads(page: Page, kb: KnowledgeBase, span: Span) -> Iterator[tuple[Link, str]]:
    """Yield the links in a stretch of the page that lead to pages, each with its page's path."""
    for link, target in kb.edges[page.path]:
        if span.start <= link.span.start < span.end:
            yield link, target


def _in_breadcrumb(page: Page, kb: KnowledgeBase, link: Link) -> bool:
    if not kb.base or kb.kind(page) in (Kind.OUTSIDE, Kind.TEMPLATE):
        return False
    crumb = page.head.breadcrumb
    return crumb is not None and crumb.span.start <= link.span.start < crumb.span.end


def place(link: Link) -> Span:
    """Return where a link's target is written."""
    return link.target_span or link.span


def nearest_file(page: Page, kb: KnowledgeBase, path: str) -> str:
    """Return a hint that names the nearest existing file, "" when none is near."""
    if path in kb.files:
        return f"{path} is in the repository, and not on the site that publishes this page"
    near = _names(kb).near(page.path, path)
    return f"did you mean {relative(page.path, near)}?" if near else ""


def _names(kb: KnowledgeBase) -> Names:
    key = ("names", "")
    found = kb.memo.get(key)
    if not isinstance(found, Names):
        found = kb.memo[key] = Names(kb.files)
    return found


def relative(source: str, target: str) -> str:
    """Return the link from the page `source` to `target`, both from the root."""
    return way(dirname(source), target)


def place_of_title(page: Page) -> Span:
    """Return where what a page lacks is reported: its H1, else its beginning."""
    return page.head.title.span if page.head.title else Span(0, 0)


def title_of(page: Page) -> str:
    """Return the page's H1, else its file's name."""
    return page.head.title.text if page.head.title else basename(page.path).removesuffix(".md")


def link_to(source: str, page: Page, label: str = "") -> str:
    """Return a Markdown link from the page `source` to `page`, under its breadcrumb's label."""
    crumb = page.head.breadcrumb
    own = crumb.label if crumb and crumb.label and not re.search(r"[\[\]]", crumb.label) else None
    words = as_text(label) if label else own or as_text(title_of(page))
    return f"[{words}]({written(source, page.path)})"


def as_text(words: str) -> str:
    """Return Markdown that reads as these words."""
    return _MARKUP.sub(r"\\\g<0>", words)


def written(source: str, target: str) -> str:
    """Return the target of a link from the page `source` to the file `target`, as it is written."""
    path = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", relative(source, target))
    return f"./{path}" if ":" in path.partition("/")[0] else path
