"""Whatever is written, the parser and the resolver answer; more with HYPOTHESIS_PROFILE=explore."""

from hypothesis import example, given
from hypothesis import strategies as st
from support.oracle import PIECES

from kbtool.graph.anchors import anchors
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.graph.detect import configured, detect
from kbtool.graph.resolve import Outcome
from kbtool.graph.site import Publisher, SiteKind
from kbtool.markdown.parse import parse_page

HOSTILE = [
    "{ #id }", "{#id}", "{: #a .b c=d }", "{/* #id */}", "{{ x }}", "{%", "[[", "]]", "[[a#b|c]]",
    "![[x]]", "%00", "%zz", "%ff", "../" * 9, "//", "\0", "\ufeff", "\u202e", "e\u0301", "\t", "~~",
    "[^1]", "\n[^1]: x\n", "| a |\n| --- |\n", "#tab/x", "@site/", "~/", "?", "#", "#top", ":::",
    "--8<-- 'x'", "!!! note\n\n    # in\n", "[!INCLUDE [a](a.md)]", "> **Status**: x\n", "---\na: [\n---\n",
]  # fmt: skip
text = st.lists(st.sampled_from(PIECES + HOSTILE) | st.text(max_size=6), max_size=25).map("".join)


@given(text)
@example("# {#")
@example("[a](<\n>)")
def test_every_span_lies_in_the_text(written):
    written = written.replace("\r", "")
    page = parse_page("p.md", written)
    pieces = (page.headings, page.links, page.fences, page.blocks, page.comments, page.codes)
    for piece in (each for group in pieces for each in group):
        assert 0 <= piece.span.start <= piece.span.end <= len(written)
    for link in page.links:
        if link.target_span:
            assert 0 <= link.target_span.start <= link.target_span.end <= len(written)
    assert page.ids <= page.anchors
    assert parse_page("p.md", written) == page


@given(text, st.sampled_from(SiteKind))
def test_every_link_leads_somewhere_or_nowhere_on_every_kind_of_site(written, kind):
    written = written.replace("\r", "")
    pages = {
        "docs/p.md": parse_page("docs/p.md", written),
        "docs/a.md": parse_page("docs/a.md", "# A\n"),
    }
    files = frozenset({*pages, "docs/i.png"})
    sites = configured([Publisher("docs", kind)], files, lambda _: "")
    kb = KnowledgeBase(pages, files, Conventions(base="", sites=sites))
    page = pages["docs/p.md"]
    for link in page.links:
        target = kb.resolve(page, link)
        if target.outcome in (Outcome.PAGE, Outcome.NO_ANCHOR):
            assert target.path in pages
        elif target.outcome is Outcome.CASE:
            assert target.path in files | {"docs"}
    made = anchors(page, sites[0])
    assert made is None or page.ids <= made


@given(
    st.lists(
        st.sampled_from(
            [
                "docs_dir",
                "plugins",
                "theme",
                "content",
                "{",
                "}",
                "[",
                "]",
                ":",
                "-",
                "\n",
                "'",
                '"',
                "=",
                "toc",
                "!x",
            ]
        )
        | st.text(max_size=5),
        max_size=30,
    ).map(" ".join)
)
def test_no_configuration_breaks_the_search_for_sites(written):
    names = ("mkdocs.yml", "hugo.toml", "hugo.json", "docusaurus.config.js", "docfx.json")
    files = {
        *names,
        "docs/a.md",
        "content/a.md",
        "versions.json",
        ".openpublishing.redirection.json",
    }
    for site in detect(files, lambda _: written):
        assert site.source in names
