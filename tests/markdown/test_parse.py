"""Every piece of a page stands where it says, whatever the text."""

from hypothesis import given
from hypothesis import strategies as st
from support.oracle import PIECES

from kbtool.markdown.frontmatter import MAX_CHARS, read_front_matter
from kbtool.markdown.parse import parse_page

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.lists(st.sampled_from([*PIECES, "[[w]]", "[^1]", "- [ ] ", "---\na: 1\n---\n", "> **F**: v\n", "> [!NOTE]\n", "~~", "\x00", "\ufeff", "\r"]), max_size=40).map("".join),
)  # fmt: skip


@given(TEXTS)
def test_all_spans_lie_in_the_text_and_hold_what_they_claim(text):
    page = parse_page("p.md", text)
    for link in page.links:
        assert 0 <= link.span.start < link.span.end <= len(text)
        if link.target_span and link.kind == "link" and "\\" not in link.target and "&" not in text:
            written = text[link.target_span.start : link.target_span.end]
            assert written.replace("\\", "") == link.target.replace("\\", "")
    for fence in page.fences:
        assert text[fence.span.start] in "`~"
        assert fence.span.start <= fence.body.start <= fence.body.end <= len(text)
    for heading in page.headings:
        assert 0 <= heading.span.start <= heading.span.end <= len(text)
        assert 1 <= heading.level <= 6
    ends = 0
    for block in page.blocks:
        assert ends <= block.span.start <= block.span.end <= len(text)
        ends = block.span.end
        for item in block.items:
            assert block.span.start <= item.start <= item.end <= block.span.end
    for field in page.head.fields:
        raw = text[field.value_span.start : field.value_span.end]
        assert field.style == "section" or "".join(raw.replace(">", "").split()) == "".join(
            field.value.replace(">", "").split()
        )
    for comment in page.comments:
        assert text[comment.span.start : comment.span.end].startswith("<!--")


def test_code_points_not_bytes():
    text = "# 漢字 😀\n\n[é](ü.md) and [b](c.md)\n"
    page = parse_page("p.md", text)
    assert [text[link.target_span.start : link.target_span.end] for link in page.links] == [
        "ü.md",
        "c.md",
    ]


def test_kinds_of_links():
    text = "[a](b)\n![c](d)\n[e][f]\n[[g|h]]\n<http://i>\n<a href=\"j\">x</a> <img src='k'>\n\n[f]: l\n"
    page = parse_page("p.md", text)
    kinds = [(link.kind, link.target) for link in page.links]
    assert kinds == [
        ("link", "b"),
        ("image", "d"),
        ("reference", "l"),
        ("wiki", "g"),
        ("autolink", "http://i"),
        ("html", "j"),
        ("html", "k"),
    ]
    for link in page.links:
        assert text[link.target_span.start : link.target_span.end] == link.target


def test_undefined_references_only_where_something_was_meant():
    page = parse_page("p.md", "[a][b] [c][] [d] - [ ] task [^1] [e]\n\n[e]: f\n")
    assert sorted(found.label for found in page.undefined) == ["b", "c"]


def test_nested_fences_are_read_without_their_container():
    page = parse_page(
        "p.md", "- x\n\n  ```sh\n  a\n    b\n  ```\n\n> ~~~ mermaid x\n> graph\n> ~~~\n"
    )
    assert [(f.language, f.text) for f in page.fences] == [
        ("sh", "a\n  b\n"),
        ("mermaid", "graph\n"),
    ]


def test_front_matter_is_bounded():
    assert read_front_matter("a: 1\nb: [x, {c: d}]\n") == {"a": 1, "b": ["x", {"c": "d"}]}
    for hostile in (
        "a: &a [x]\nb: *a\n",
        "[" * 100,
        "".join(f"{' ' * i}a:\n" for i in range(100)),
        "x" * (MAX_CHARS + 1),
        "a: !!python/object/apply:os.system [true]\n",
        "- list\n",
        "a: [\n",
        "2026-99-99: 1\n",
    ):
        assert read_front_matter(hostile) == {} or hostile.startswith("2026")
