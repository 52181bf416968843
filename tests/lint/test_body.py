"""What counts as a page's text when two versions of it are compared."""

import pytest

from kbtool.lint.body import body, sections
from kbtool.lint.generated import generated, generated_whole
from kbtool.markdown.parse import parse_page

HEAD = (
    "[vibe](README.md) > **A**\n\n# A\n\n> **Status**: Draft\n> **Related**: [b](b.md)\n\nLead.\n\n"
)


def page(text):
    return parse_page("vibe/a.md", text)


def same(one, other):
    return body(page(HEAD + one)) == body(page(HEAD + other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("## B\n\n[b](b.md)\n", "## B\n\n[b](../x/b.md#here)\n"),
        ("## B\n\n![b](b.png)\n", "## B\n\n![b](i/b.png)\n"),
        ("## B\n\n[b][x]\n\n[x]: b.md\n", "## B\n\n[b][x]\n\n[x]: ../b.md\n"),
        ("## B\n\n[b](b.md 'title')\n", "## B\n\n[b](<c d.md> 'title')\n"),
        ("## B\n\n[![i](i.png)](b.md)\n", "## B\n\n[![i](j.png)](c.md)\n"),
        ("## B\n\n[[b|B]]\n", "## B\n\n[[c/b|B]]\n"),
        ('## B\n\n<a href="b.md">b</a>\n', '## B\n\n<a href="c.md">b</a>\n'),
        ("## B\n\ntext\n", "## B  \n\n\n\ntext \t\n\n\n"),
        ("## B\n\ntext", "## B\n\ntext\n"),
        ("## B\n\n<!-- kb-generated x -->\nold\n<!-- /kb-generated -->\n", "## B\n\n<!-- kb-generated x -->\n[new](y.md)\n\n<!-- /kb-generated -->\n"),
        ("## B\n\n<!-- kb-generated x -->\nold\n<!-- /kb-generated -->\n\nrest\n", "## B\n\nrest\n"),
    ],
)  # fmt: skip
def test_no_change_of_the_text(one, other):
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("## B\n\ntext\n", "## B\n\nother text\n"),
        ("## B\n\ntext\n", "## C\n\ntext\n"),
        ("## B\n\n[b](b.md)\n", "## B\n\n[the b](b.md)\n"),
        ("## B\n\n[b](b.md)\n", "## B\n\nb\n"),
        ("## B\n\na <https://x.example>\n", "## B\n\na\n"),
        ("## B\n\na b\n", "## B\n\na  b\n"),
        ("## B\n\ntext\n", "## B\n\n    text\n"),
        ("## B\n\n```sh\nls a.md\n```\n", "## B\n\n```sh\nls b.md\n```\n"),
        ("## B\n\n<!-- kb-generated x -->\nold\n", "## B\n\n<!-- kb-generated x -->\nnew\n"),
        ("## B\n\n```\n<!-- kb-generated x -->\nold\n<!-- /kb-generated -->\n```\n", "## B\n\n```\n<!-- kb-generated x -->\nnew\n<!-- /kb-generated -->\n```\n"),
        ("", "## B\n"),
    ],
)  # fmt: skip
def test_a_change_of_the_text(one, other):
    assert not same(one, other)


def test_the_head_does_not_count():
    text = "## B\n\nsame\n"
    assert body(page(HEAD + text)) == body(page("---\nx: 1\n---\n# Else\n\nQuite.\n\n" + text))
    assert body(page("# Only a head\n\nand a lead\n")) == ""


def test_sections():
    text = "# T\n\n## Context\n\none [x](y.md)\n\n### Deep\n\ntwo\n\n## Decision\n\n> ## Quoted\n\nthree\n"
    found = sections(page(text))
    assert list(found) == ["context", "decision"]
    heading, said = found["context"]
    assert text[heading.span.start : heading.span.end] == "## Context"
    assert said == "one [x]()\n\n### Deep\n\ntwo"
    assert found["decision"][1] == "> ## Quoted\n\nthree"
    assert sections(page("no heading\n")) == {}
    twice = sections(page("# T\n\n## A\n\n1\n\n## A\n\n2\n"))
    assert twice["a"][1] == "12"


def test_generated_sections():
    text = (
        "# T\n\n<!-- kb-generated map -->\n| a |\n| --- |\n<!-- /kb-generated -->\n\n"
        "- item\n<!-- kb-generated two -->\n\n<!-- /kb-generated -->\nafter\n"
    )
    found = generated(page(text))
    assert [(name, text[span.start : span.end]) for name, span in found] == [
        ("map", "\n| a |\n| --- |\n"),
        ("two", "\n\n"),
    ]
    whole = [text[span.start : span.end] for span in generated_whole(page(text))]
    assert whole[1] == "<!-- kb-generated two -->\n\n<!-- /kb-generated -->"


@pytest.mark.parametrize(
    "text",
    [
        "<!-- kb-generated x -->\ntext\n",
        "text\n\n<!-- /kb-generated -->\n",
        "<!-- /kb-generated -->\n\n<!-- kb-generated x -->\n",
        "<!-- kb-generated -->\ntext\n<!-- /kb-generated -->\n",
        "```\n<!-- kb-generated x -->\n<!-- /kb-generated -->\n```\n",
        "text `<!-- kb-generated x --><!-- /kb-generated -->`\n",
    ],
)
def test_no_generated_section(text):
    assert generated(page(text)) == ()


def test_a_mark_that_is_never_closed_does_not_swallow_the_next():
    text = "<!-- kb-generated a -->\n\n<!-- kb-generated b -->\nx\n<!-- /kb-generated -->\n"
    ((name, span),) = generated(page(text))
    assert (name, text[span.start : span.end]) == ("b", "\nx\n")
