"""One page of the base → one staged page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from kbtool.graph.base import KnowledgeBase
from kbtool.markdown.page import Block, Field, Page
from kbtool.markdown.tree import Node, plain, read_tree
from kbtool.site.atlas import Atlas, Guide, Problem
from kbtool.site.badge import Badge, badge
from kbtool.site.context import Sentence, sentences
from kbtool.site.furniture import (
    around,
    badge_html,
    chips,
    crumbs,
    is_crumb,
    label_of,
    linked_from,
    relation_of,
    title_of,
)
from kbtool.site.words import language_of
from kbtool.site.write import Writing, write
from kbtool.text import Span

_MOST = 9  # neighbours drawn on one side
_LONGEST = 200  # characters of the first words


@dataclass(frozen=True, slots=True)
class StagedPage:
    """A page as the generator gets it, and what it asks for beside it."""

    path: str
    text: str
    problems: tuple[Problem, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What a page says by itself: written anew for the site, and read for what others need."""

    before: str  # up to the title
    after: str
    said: Mapping[int, Sentence]  # the sentence around each link, by where the link begins
    words: str  # its first ones
    problems: tuple[Problem, ...]
    copies: tuple[tuple[str, str], ...]


Backlink = tuple[str, int, Sentence | None]  # page, where its link begins, the sentence around


def body_of(page: Page, atlas: Atlas) -> Body:
    """Return the page's own text, in the Markdown of the site."""
    guide = Guide(atlas, page)
    anchors = {heading.span.start: heading.anchor for heading in page.headings}
    what = Writing(anchors, guide.in_markdown, guide.moved)
    tree = read_tree(page.text)
    before, after = _parted(tree.children, page)
    return Body(
        write(before, what).strip("\n") if before else "",
        write(after, what).strip("\n") if after else "",
        sentences(tree),
        _first_words(after),
        tuple(guide.problems),
        tuple(guide.copies.items()),
    )


def _first_words(nodes: Sequence[Node]) -> str:
    first = next((node for node in nodes if node.kind == "paragraph"), None)
    said = " ".join(plain(first.children).split()) if first else ""
    return said if len(said) <= _LONGEST else said[:_LONGEST].rpartition(" ")[0] + "…"


def staged_page(page: Page, atlas: Atlas, body: Body, linking: Sequence[Backlink]) -> StagedPage:
    """Return the page with its furniture."""
    guide = Guide(atlas, page)
    language = language_of(atlas.kb, page)
    parts = [
        front_matter(title_of(page), language),
        crumbs(page, guide, language),
        body.before,
        _head(page, guide, language, badge(page, atlas.kb)),
        body.after,
        _foot(page, atlas, linking, language),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    problems = dict.fromkeys((*body.problems, *guide.problems))
    copies = (*body.copies, *guide.copies.items())
    return StagedPage(guide.start, text, tuple(problems), copies)


def front_matter(title: str, language: str = "en", hide: Sequence[str] = ()) -> str:
    """Return what generators read first. Themes print the title as it is: it is escaped here."""
    values: dict[str, object] = {"title": escape(title, quote=False), "lang": language}
    if hide:
        values["hide"] = list(hide)
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---"])


# ---------------------------------------------------------------------- the head
def _parted(nodes: Sequence[Node], page: Page) -> tuple[list[Node], list[Node]]:
    """Return the blocks up to the title, and those behind it; breadcrumb and header left out."""
    crumb = page.head.breadcrumb
    taken = {span.start for span in header_blocks(page)} | ({crumb.span.start} if crumb else set())
    kept = [node for node in nodes if node.span.start not in taken]
    title = page.head.title
    if title is None:
        return [], kept
    at = next((i for i, node in enumerate(kept) if node.span.start == title.span.start), -1) + 1
    return kept[:at], kept[at:]


def header_blocks(page: Page) -> list[Span]:
    """Return the blocks that say nothing but header fields: chips stand for them."""
    return [
        block.span
        for block in page.blocks
        if block.span.start < page.head.span.end
        and block.kind in ("quote", "bullets", "paragraph")
        and _nothing_else(page, block)
    ]


def _nothing_else(page: Page, block: Block) -> bool:
    inside = [f for f in page.head.fields if _within(f, block.span)]
    if not inside:
        return False
    rest, at = "", block.span.start
    for field in inside:
        rest += page.text[at : field.span.start]
        at = field.span.end
    rest += page.text[at : block.span.end]
    return not rest.replace("[!NOTE]", "").strip(" \t\n>-*+·\\")


def _within(field: Field, span: Span) -> bool:
    return span.start <= field.span.start < span.end and field.style != "section"


def _head(page: Page, guide: Guide, language: str, shown: Badge | None) -> str:
    spans = header_blocks(page)
    fields = [f for f in page.head.fields if any(_within(f, span) for span in spans)]
    parts = [chips(fields, guide, language)] if fields else []
    parts += [badge_html(shown)] if shown else []
    return "\n\n".join(parts)


# ---------------------------------------------------------------------- the foot
def _foot(page: Page, atlas: Atlas, linking: Sequence[Backlink], language: str) -> str:
    left = _rows(page, atlas, linking)
    out = _outgoing(page, atlas)
    here = atlas.pages[page.path]
    drawn = [(row[0], row[1]) for row in _once(left)][:_MOST]
    right = [(atlas.to_page(here, p), title_of(atlas.kb.pages[p])) for p in out][:_MOST]
    parts = [linked_from(left, language), around(label_of(page), drawn, right, language)]
    return "\n\n".join(part for part in parts if part)


Row = tuple[str, str, str, Sentence | None]


def _rows(page: Page, atlas: Atlas, linking: Sequence[Backlink]) -> list[Row]:
    kb = atlas.kb
    here = atlas.pages[page.path]
    found: dict[tuple[str, str], Row] = {}
    for path, start, said in linking:
        relation = relation_of(kb.pages[path], start)
        row = (atlas.to_page(here, path), title_of(kb.pages[path]), relation, said)
        found.setdefault((path, relation or (said.before if said else "")), row)
    return sorted(found.values(), key=lambda row: (not row[2], row[1].casefold()))


def _once(rows: Sequence[Row]) -> list[Row]:
    return list({row[0]: row for row in rows}.values())


def _outgoing(page: Page, atlas: Atlas) -> list[str]:
    found: dict[str, None] = {}
    for link, path in atlas.kb.edges[page.path]:
        if path != page.path and path in atlas.pages and not is_crumb(page, link.span.start):
            found[path] = None
    return list(found)


def backlinks(
    kb: KnowledgeBase, path: str, bodies: Mapping[str, Body], atlas: Atlas
) -> tuple[Backlink, ...]:
    """Return who links to the page, the hubs above it and mere breadcrumbs left out."""
    above = set(kb.ancestors(path))
    return tuple(
        (source, link.span.start, bodies[source].said.get(link.span.start))
        for source, link in kb.backlinks(path)
        if source in atlas.pages
        and source not in above
        and not is_crumb(kb.pages[source], link.span.start)
    )
