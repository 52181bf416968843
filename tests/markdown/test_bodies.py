"""Links in admonitions, details and tabs, held against Python-Markdown with its extensions."""

import re
import textwrap
from html import unescape
from urllib.parse import unquote

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.markdown.bodies import MARKS, opened
from kbtool.markdown.marked import aims
from kbtool.markdown.parse import parse_page
from kbtool.markdown.survey import survey

EXTENSIONS = [
    *("attr_list", "md_in_html", "admonition", "tables", "footnotes"),
    *("pymdownx.superfences", "pymdownx.details", "pymdownx.tabbed"),
]
OUTSIDE = re.compile("https?:|mailto:|ftp:", re.IGNORECASE)
TABS = {"pymdownx.tabbed": {"alternate_style": True}}


def theirs(text):
    html = markdown.markdown(text, extensions=EXTENSIONS, extension_configs=TABS)
    found = re.findall(r'<(?:a|img)\b[^>]*?\s(?:href|src)="([^"]*)"', html)
    return sorted(map(unescape, found))


def ours(text):
    """Return the targets; those in the repository a survey has too, as the aims do if any."""
    links = parse_page("a.md", text, MARKS).links
    seen, known = survey(text), aims(lambda: text, MARKS)
    inside = [link for link in links if link.target and not OUTSIDE.match(link.target)]
    targets = {unquote(link.target) for link in inside}
    assert targets <= set(map(unquote, seen.links + seen.raw)) or "links" in seen.shows
    assert known is None or {link.target_span for link in inside} <= {k.target_span for k in known}
    return sorted(link.target for link in links)


@pytest.mark.parametrize(
    "text",
    [
        "!!! note\n\n    [a](b.md)\n",
        "!!! note\n    [a](b.md)\n\n    ![i](j.png)\n\n        [x](code.md)\n\nafter [x](y.md)\n",
        '!!! danger ""\n\n    [x](y.md)\n',
        "!!! note inline end\n\n    | a |\n    |---|\n    | [x](y.md) |\n",
        "!!!note\n\n    [x](y.md)\n",
        "!!! n\n    [x](y.md)\n\n    [z](z.md)\n",
        "!!! note\n\n\n    [x](y.md)\n",
        "!!! note\n\t[x](y.md)\n\n\t[z](z.md)\n",
        "!!! note\n    a\n\n  [x](y.md)\n\n    [z](code.md)\n",
        "!!! note\n    [r][r]\n\n    [r]: z.md\n",
        "!!! note\n        [r](code.md)\n",
        "!!! note\n    1. [x](y.md)\n\n        [z](z.md)\n",
        "!!! note\n    Text\n    [x](y.md)\n    ```py\n    [x](code.md)\n    ```\n",
        "text\n!!! note\n\n    [a](b.md)\n",
        '=== "Tab [q](r.md)"\n\n    [a](b.md)\n\n=== "T"\n\n    - x\n\n        [deep](d.md)\n',
        '===! "A"\n\n    [a](b.md)\n\n===+ "B"\n\n    [b](c.md)\n',
        '??? note "x"\n    ??? tip\n        [a](b.md)\n\n        [c](d.md)\n',
        '???+ "x"\n\n    [a](b.md)\n',
        '???+ warning "A [t](t.md) [u](u.md)"\n\n    [x](y.md)\n',
        "- x\n\n    !!! note\n\n        [a](b.md)\n",
        '1. x\n\n    === "A"\n\n        [x](y.md)\n\n    === "B"\n\n        [z](z.md)\n',
        "- !!! note\n\n        [a](b.md)\n",
        "> !!! note\n>\n>     [a](b.md)\n",
        # Not what they seem.
        "```\n!!! note\n\n    [a](code.md)\n```\n",
        "- ~~~\n  !!! note\n  ~~~\n\n!!! note\n\n    [a](b.md)\n",
        '!!! note "a" b\n\n    [a](code.md)\n',
        '!!! "a"\n\n    [a](code.md)\n',
        "??? \n\n    [a](code.md)\n",
        "    !!! note\n\n        [a](code.md)\n",
        "  !!! note\n\n    [x](code.md)\n",
        "T\n===\n\n    [x](code.md)\n",
        '===x "T"\n\n    [x](code.md)\n',
        "<!-- \n!!! note\n\n    [x](code.md)\n-->\n",
    ],
)
def test_links_are_those_python_markdown_sees(text):
    assert ours(text) == theirs(text)


def test_no_forge_reads_bodies():
    text = "!!! note\n\n    ## H\n\n    [a](b.md)\n"
    assert not parse_page("a.md", text).links
    inside = parse_page("a.md", text, "!")
    assert [heading.text for heading in inside.headings] == ["H"]
    assert not inside.anchors


def test_only_marks_whose_extension_is_there_are_read():
    text = '!!! note\n\n    [a](b.md)\n\n=== "T"\n\n    [c](d.md)\n'
    assert [link.target for link in parse_page("a.md", text, "!").links] == ["b.md"]
    assert [link.target for link in parse_page("a.md", text, "=").links] == ["d.md"]


PIECES = ["!!! note\n", "!!!", "??? ", '=== "T"\n', '"', "a", " ", "\n", "    ", "\t", "> ", "- "]
PIECES += ["```\n", "~~~", "[x](y.md)", "<", "1. ", "***", "+"]


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_every_offset_holds(text):
    inside = opened(text)
    assert len(inside) == len(text)
    assert [len(line) for line in inside.split("\n")] == [len(line) for line in text.split("\n")]
    for link in parse_page("a.md", text, MARKS).links:
        assert text[link.target_span.start : link.target_span.end] == link.target
    ours(text)


def within(text, head, times):
    for _ in range(times):
        text = f"{head}\n\n{textwrap.indent(text, '    ')}"
    return text


@pytest.mark.slow
def test_real_pages_in_bodies(corpus):
    """The English pages of fastapi, each moved into an admonition, a tab and nested details."""
    pages = [path for path in corpus if "fastapi/docs/en/docs/" in path.as_posix()]
    if not pages:
        pytest.skip("fastapi is not among the corpora")
    held = links = 0
    for path in pages:
        text = path.read_text("utf-8").expandtabs(4)
        if ours(text) != theirs(text):  # raw HTML, of which `theirs` knows two tags
            continue
        held += 1
        for head, times in (('!!! note "T"', 1), ('=== "T"', 1), ("??? tip", 2)):
            inner = within(text, head, times)
            assert ours(inner) == theirs(inner), (path, head)
            links += len(theirs(inner))
    assert held > 0.95 * len(pages)
    assert links > 20_000
