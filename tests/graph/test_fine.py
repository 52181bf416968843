"""What is not in doubt is fine: held to the resolver, on trees of a few pages of all kinds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.graph.fine import FINE, Links
from kbtool.graph.site import Mount, Site, SiteKind, Slugs
from kbtool.markdown.bodies import MARKS
from kbtool.markdown.parse import parse_page
from kbtool.markdown.shortcodes import MARK
from kbtool.markdown.survey import survey

SITES = {
    "": (),
    **{
        site.kind: (site,)
        for site in (
            Site(SiteKind.MKDOCS, "mkdocs.yml", (Mount("docs"),), slugs=Slugs.TOC, marks=MARKS),
            Site(SiteKind.HUGO, "hugo.toml", (Mount("docs"),), slugs=Slugs.HUGO, marks=MARK),
            Site(SiteKind.DOCUSAURUS, "site/docusaurus.config.js", (Mount("docs", "docs"),)),
            Site(SiteKind.DOCFX, "docs/docfx.json", (Mount("docs"),), slugs=Slugs.MARKDIG),
        )
    },
}
PAGES = ("README.md", "docs/index.md", "docs/a.md", "docs/b.md", "docs/deep/c.md", "docs/deep/b.md")
FILES = {"docs/i.png", "docs/deep/j.txt", "LICENSE"}
PLACES = (
    *("", "a.md", "b.md", "c.md", "deep/c.md", "../b.md", "../docs/b.md", "../../docs/a.md"),
    *("gone.md", "B.md", "%62.md", "b.md?x", "./b.md", "a", "b/", "../b/", "../a", "../deep/b/"),
    *("/docs/b.md", "/b.md", "/b/", "/", "deep", "deep/", ".", "..", "../../..", "~/b.md"),
    *("@site/docs/b.md", "i.png", "../i.png", "LICENSE", "file:x", "C:\\x", "xref:y", "//h/b.md"),
)
ANCHORS = ("", "#", "#top", "#b", "#gone", "#B", "#%62", "#été", "#L1", "#x-1", "#:~:text=b")
TARGETS = st.tuples(st.sampled_from(PLACES), st.sampled_from(ANCHORS)).map("".join)
PIECES = st.one_of(
    TARGETS.map("[x]({})".format),
    TARGETS.map('<a href="{}">x</a>'.format),
    TARGETS.map('{{{{< ref "{}" >}}}}'.format),
    st.sampled_from(["\n\n# B\n\n", "\n\n## X\n\n## X\n\n", "\n\n# Été\n\n", " words "]),
)
TEXTS = st.lists(PIECES, max_size=5).map(" ".join)


@pytest.mark.parametrize("kind", SITES)
@given(texts=st.fixed_dictionaries(dict.fromkeys(PAGES, TEXTS)))
def test_what_is_not_in_doubt_is_fine(kind, texts):
    assert_doubted(kind, texts)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        # An address in raw HTML may be written like the link of a neighbour.
        (
            SiteKind.MKDOCS,
            {"docs/a.md": '<a href="a.md#b">x</a>', "docs/b.md": "[x](a.md#b)"},
        ),
        # docfx reads a hub's anchors as the forge does.
        (SiteKind.DOCFX, {"docs/b.md": "[x](..#:~:text=b)"}),
    ],
)
def test_what_was_once_not_doubted(kind, texts):
    assert_doubted(kind, dict.fromkeys(PAGES, "") | texts)


def assert_doubted(kind, texts):
    conventions = Conventions(base="", sites=SITES[kind])
    pages = {path: parse_page(path, text, conventions.marks(path)) for path, text in texts.items()}
    kb = KnowledgeBase(pages, frozenset(pages) | FILES, conventions)
    seen = {path: survey(texts[path], str(kind) if kb.tree.site(path) else "") for path in pages}
    links = Links(pages, kb.tree, lambda path: pages[path].anchors)
    for path in pages:
        links.ask(path, seen[path])
    links.answer()
    for path, page in pages.items():
        doubts = links.doubts(path, seen[path])
        for link in page.links:
            if kb.resolve(page, link).outcome not in FINE and seen[path].clear:
                assert doubts.raw if link.kind == "html" else link.target in doubts.links
