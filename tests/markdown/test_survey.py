"""A survey may say too much and never too little; aims are the links of the page, or not known."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kbtool.graph.anchors import anchors as made
from kbtool.graph.anchors import included
from kbtool.graph.site import Mount, Site, SiteKind, Slugs
from kbtool.markdown.bodies import MARKS
from kbtool.markdown.marked import Doubts, aims
from kbtool.markdown.parse import parse_page
from kbtool.markdown.shortcodes import MARK
from kbtool.markdown.sketch import sketch
from kbtool.markdown.survey import survey
from kbtool.markdown.unread import Known, Unread, anchors

PIECES = [
    *(
        "# ",
        "## ",
        "a",
        "Été",
        "b c",
        " ",
        "\n",
        "\n\n",
        "> ",
        "- ",
        "1. ",
        "    ",
        "\t",
        "|",
        "---\n",
    ),
    *(
        "[x](a.md)",
        "[x](<a b.md>)",
        "[x](a.md#été 'title')",
        "![i](i.png)",
        "[y][r]",
        "[r][]",
        "[r]",
    ),
    *("[r]: b.md\n", "[r]: <é.md> 't'\n", "[z][gone]", "[gone][]", "<http://x.y>", "<a@b.c>"),
    *("[[wiki]]", "![[embed]]", "[[", "]]", "![a [b](c.md)](d.png)", "![a `]` [b](c.md)](d.png)"),
    *(
        "![a\\] [b](c.md)](d.png)",
        "![a ![b](c.png)](d.png)",
        "[![a](b.png)](c.md)",
        "![",
        "](",
        "]",
    ),
    *('<a href="h.md">', "<img src='i.png'>", '<a id="x">', '<p name="n">', "<a NAME=m>", "</a>"),
    *("<h2>raw</h2>", '<h2 id="q">raw</h2>', "<!-- ", " -->", "<!-- kb-ignore KB101: x -->", "<b"),
    *(
        '<a <!-- x --> href="y.md">',
        "<div>\n",
        "</div>\n",
        '<a\nhref="n.md"\n>',
        "<code>",
        "<",
        '<dfn title="x">',
        '<b title="{ #id }">',
        "<IMG src='i'>",
        "</dfn>",
    ),
    *(
        "[^1]",
        "[^1]: note\n",
        "`code`",
        "`<a href='c.md'>`",
        "```\n",
        "```mermaid\n",
        "~~~ MERMAID x\n",
    ),
    *(
        "&amp;",
        "&lt;",
        "&copy;",
        "&#35;",
        "\\",
        "\\[",
        "%20",
        "#",
        "?q",
        "top",
        "L12",
        "C:\\x",
        "file:x",
    ),
    *("{ #id }", "{: .c #id }", "`{ #id }`", "{", "}", " #id", "{#é}", "{ #a&b }", "&#123;", "\\{"),
    *(
        "{ .c **x** #id }",
        "!!! note\n",
        "    ## In\n",
        "--8<-- 'a'\n",
        "{! x !}",
        "[!INCLUDE ",
        "===! ",
    ),
    *(
        "import A from './a.mdx'\n",
        "{{< include",
        "# h { #id }\n",
        "`![a]`",
        "    { #id }\n",
        "![{ #id }](i)",
    ),
    *("*", "**", "_", "~~", "===\n", "\u00a0", "\u0301", "😀", "{#id}", "TODO", "]: ", "(", ")"),
    *(
        "](<",
        ">)",
        "[a]( b.md )",
        "[a](\nb.md)",
        "[r]:\n",
        "]:",
        "<a href=u.md>",
        "<img src = 'v w'>",
    ),
    *('{{< ref "a.md" >}}', "{{% relref ", "{{<ref", ">}}", "%}}", "!!! note\n", '=== "T"\n'),
    *("href=", 'src="', "kbq", "kbqi3q", "[a](b\\.md)", "[a](&#98;.md)", "[a]((b).md)", "[a](<>)"),
]
OUTSIDE = re.compile("https?:|mailto:|ftp:", re.IGNORECASE)
SIGNS = "[]()<>!^:&;\\`'\"=#{}|*_~-> \n\t\x0bab.1"
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(SIGNS, max_size=40)


def written(target):
    return unquote(target).strip()


KINDS = {"": "", MARKS: "mkdocs", MARK: "hugo"}


@given(TEXTS, st.sampled_from(["", MARKS, MARK]))
@example("]([x](b.md)", "")  # no target of the first, though it could be one
@example("]([z][gone]", "")
@example("[r]\\[]", "")
def test_a_survey_shows_all_that_could_be_reported(text, marks):
    assert_shown(survey(text, KINDS[marks]), parse_page("a.md", text, marks))


@given(TEXTS)
def test_a_sketch_is_exact_or_does_not_know(text):
    seen = sketch(text)
    assert seen.headings is None or anchors(seen) == parse_page("a.md", text).anchors


def assert_shown(seen, page):
    if "links" not in seen.shows and seen.clear:
        assert set(map(written, targets(page.links))) <= set(
            map(written, seen.links + seen.raw + seen.refs)
        )
        assert not any(link.kind == "wiki" for link in page.links)
    if "references" not in seen.shows:
        assert not page.undefined
    if "ignores" not in seen.shows:
        assert not any("kb-ignore" in comment.text for comment in page.comments)
    if "diagrams" not in seen.shows:
        assert not any(fence.language.casefold() == "mermaid" for fence in page.fences)


def targets(links):
    """Return where links lead in the repository; an empty target is its own page."""
    return {each.target for each in links if each.target and not OUTSIDE.match(each.target)}


@given(TEXTS, st.sampled_from(["", MARKS, MARK]))
@example("](<file:x>)", "")
@example("[](1\x0b)", "")
def test_aims_are_the_links_of_the_page(text, marks):
    if "links" not in survey(text).shows:
        assert_aimed(aims(lambda: text, marks), parse_page("a.md", text, marks).links)


def assert_aimed(known, links):
    """Hold what is known of the links, if anything is, to them; other hosts may be missing."""
    if known is not None:
        there = {(link.kind, link.target, link.target_span) for link in links}
        seen = {(link.kind, link.target, link.target_span) for link in known}
        assert seen <= there
        assert all(OUTSIDE.match(each[1]) for each in there - seen)


@given(TEXTS, st.sampled_from(["", MARKS, MARK]), st.data())
def test_aims_have_all_that_is_in_doubt(text, marks, data):
    seen = survey(text, KINDS[marks])
    if "links" in seen.shows or not seen.clear:
        return
    links = parse_page("a.md", text, marks).links
    doubted = data.draw(st.sets(st.sampled_from([*seen.links, *seen.raw]))) if any(seen[:2]) else ()
    doubts = Doubts(frozenset(doubted) & {*seen.links}, not {*seen.raw}.isdisjoint(doubted))
    known = aims(lambda: text, marks, doubts)
    if known is not None:
        there = {(link.kind, link.target, link.target_span) for link in links}
        found = {(link.kind, link.target, link.target_span) for link in known}
        assert found <= there
        in_doubt = {each for each in there if each[1] in (doubts.links | {*doubted})}
        assert in_doubt <= found


@pytest.mark.parametrize(
    "text",
    [
        "[a](b.md) ![c](<d e.png> 't') [f][r] [r][] [r]\n\n[r]: g.md\n",
        "# [a](b.md#c)\n\n| [x](y.md) |\n| --- |\n| `[n](o.md)` |\n",
        "<a href='h.md'>x</a> `<a href='i.md'>` <img src=j.png>\n",
        "x[^1] `](` [a](b.md)\n\n[^1]: [n](m.md)\n",
        "---\nx: [y](z)\n---\n\n[a](b.md)\n",
    ],
)
def test_aims_are_known_of_what_people_write(text):
    assert aims(lambda: text) is not None
    assert_aimed(aims(lambda: text), parse_page("a.md", text).links)


@given(TEXTS, st.sampled_from(["", MARKS, MARK]))
def test_an_unread_page_is_the_page(text, marks):
    page = parse_page("a.md", text, marks)
    for first in ("aims", "links", "lines", "head", "anchors"):
        unread = an_unread(text, marks)
        getattr(unread, first)
        for name in (
            "path",
            "marks",
            "text",
            "links",
            "anchors",
            "head",
            "blocks",
            "fences",
            "comments",
        ):
            assert getattr(unread, name) == getattr(page, name)


SITES = [
    Site(kind, "s", (Mount(""),), slugs=slugs, attributes=attributes, marks=marks)
    for kind, slugs, attributes, marks in (
        (SiteKind.MKDOCS, Slugs.TOC, True, MARKS),
        (SiteKind.MKDOCS, Slugs.PYMDOWNX, False, ""),
        (SiteKind.HUGO, Slugs.HUGO, True, MARK),
        (SiteKind.DOCUSAURUS, Slugs.FORGE, True, ""),
        (SiteKind.DOCFX, Slugs.MARKDIG, False, ""),
    )
]


@pytest.mark.parametrize("site", SITES, ids=lambda site: f"{site.kind} {site.slugs}")
@given(text=TEXTS)
def test_a_site_makes_the_same_of_an_unread_page(site, text):
    unread = an_unread(text, site.marks, site.kind)
    assert_made_alike(unread, parse_page("a.md", text, site.marks), site)


def an_unread(text, marks="", kind="", doubts=None):
    known = Known(
        lambda _: text,
        lambda _: survey(text, kind),
        lambda _: sketch(text, kind),
        lambda _: doubts,
    )
    return Unread("a.md", known, marks)


def assert_made_alike(unread, page, site):
    assert made(unread, site) == made(page, site)
    assert list(included(unread, site)) == list(included(page, site))


def test_what_a_site_makes_of_common_pages_is_known_unread():
    for text in (
        "# A { #b }\n\n`{ #c }`\n\n```py\n{ #d }\n```\n",
        "x\n{ .y #z }\n",
        "## A *b* `c`\n",
    ):
        assert sketch(text, "mkdocs").tells
    assert sketch("# A { #b }\n\n`{ #c }` {: #d }\n", "mkdocs").written == {"b", "d"}


def test_an_unread_page_has_nothing_else():
    with pytest.raises(AttributeError):
        _ = an_unread("").nothing


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("[x](a.md) ![i](i.png)", {"a.md", "i.png"}),
        ("# [x](a.md)\n", {"a.md"}),
        ("<a href='a.md'>x</a>", {"a.md"}),
        ("x[^1]\n\n[^1]: note\n", set()),
    ],
)
def test_what_it_sees(text, links):
    assert set(survey(text).links + survey(text).raw) == links
    assert not survey(text).shows


@pytest.mark.slow
def test_the_corpora_are_seen_as_they_are(corpus):
    hidden = unclear = unknown = doubtful = odd = 0
    for file in corpus:
        text = file.read_text("utf-8", "replace")
        seen, drawn, page = survey(text), sketch(text), parse_page("a.md", text)
        assert drawn.headings is None or anchors(drawn) == page.anchors, file
        assert_shown(seen, page)
        unknown += drawn.headings is None
        unclear += not seen.clear
        for site in SITES:
            odd += sketch(text, site.kind).odd
            unread = an_unread(text, site.marks, site.kind)
            made_of = parse_page("a.md", text, site.marks) if site.marks else page
            assert_made_alike(unread, made_of, site)
        if "links" in seen.shows:
            hidden += 1
            continue
        known = aims(lambda text=text: text)
        doubtful += known is None
        assert_aimed(known, page.links)
    assert hidden < len(corpus) / 50
    assert unclear < len(corpus) / 20
    assert unknown < len(corpus) / 10
    assert doubtful < len(corpus) / 20
    assert odd < len(corpus) / 10
