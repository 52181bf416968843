"""A survey may say too much and never too little; links read alone are the links of the page."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.markdown.parse import links_of, parse_page
from kbtool.markdown.survey import survey
from kbtool.markdown.unread import Unread

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
    *('<a <!-- x --> href="y.md">', "<div>\n", "</div>\n", '<a\nhref="n.md"\n>', "<code>", "<"),
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
    *("*", "**", "_", "~~", "===\n", "\u00a0", "\u0301", "😀", "{#id}", "TODO", "]: ", "(", ")"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def written(target):
    return unquote(target).strip()


@given(TEXTS)
def test_a_survey_shows_all_that_could_be_reported(text):
    seen, page = survey(text), parse_page("a.md", text)
    if seen.anchors is not None:
        assert seen.anchors == page.anchors
    if not seen.loud:
        assert {written(link.target) for link in page.links} <= {
            written(each) for each in seen.links
        }
        assert not page.undefined
        assert not any("kb-ignore" in comment.text for comment in page.comments)
        assert not any(fence.language.casefold() == "mermaid" for fence in page.fences)
        assert not any(link.kind == "wiki" for link in page.links)


@given(TEXTS)
def test_links_read_alone_are_the_links_of_the_page(text):
    assert links_of(text) == parse_page("a.md", text).links


@given(TEXTS)
def test_an_unread_page_is_the_page(text):
    page = parse_page("a.md", text)
    for first in ("links", "lines", "head", "anchors"):
        unread = Unread("a.md", lambda _: text)
        getattr(unread, first)
        for name in ("path", "text", "links", "anchors", "head", "blocks", "fences", "comments"):
            assert getattr(unread, name) == getattr(page, name)


def test_an_unread_page_has_nothing_else():
    with pytest.raises(AttributeError):
        _ = Unread("a.md", lambda _: "").nothing


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
    assert survey(text).links == links
    assert not survey(text).loud


@pytest.mark.slow
def test_the_corpora_are_seen_as_they_are(corpus):
    loud = unknown = 0
    for file in corpus:
        text = file.read_text("utf-8", "replace")
        seen, page = survey(text), parse_page("a.md", text)
        loud, unknown = loud + seen.loud, unknown + (seen.anchors is None)
        assert seen.anchors in (None, page.anchors), file
        assert links_of(text) == page.links, file
        if not seen.loud:
            assert {written(each.target) for each in page.links} <= set(map(written, seen.links))
    assert loud < len(corpus) / 10
    assert unknown < len(corpus) / 5
