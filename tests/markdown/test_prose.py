"""Blanking keeps every place; what is left are words."""

import pyromark
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.markdown.door import OPTIONS
from kbtool.markdown.frontmatter import apart
from kbtool.markdown.parse import offsets, parse_page
from kbtool.markdown.prose import CLOSE, OBJECT, OPEN, prose, words


def shown(text):
    return prose(parse_page("a.md", text))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a `b c` d", "a OOOOO d"),
        ("a ``b ` c`` d", "a OOOOOOOOO d"),
        ("a \\`b` c", "a \\`b` c"),
        ("a ` b\n\nc ` d", "a ` b\n\nc ` d"),
        ('[a *b*](c.md "t") d', "(a *b*))))))))))) d"),
        ("[a][b] [b]\n\n[b]: c.md", "(a)))) (b)\n\n[b]: c.md"),
        ("[[a|b]] ![c](d)", "((((b)) OOOOOOO"),
        ("[a ![b](c)](d.md)", "(a OOOOOOO)))))))"),
        ("<https://a.b> https://c.d/e.", "OOOOOOOOOOOOO OOOOOOOOOOOOOO"),
        ("a <b>c</b> <!-- d --> e", "a    c                e"),
        ("```sh\na\n```\n", "OOOOO\nO\nOOO\n"),
        ("- a\n  ```\n  b\n  ```\n", "- a\n  OOO\nOOO\nOOOOO\n"),
    ],
)
def test_what_is_blanked(text, left):
    marks = {OBJECT: "O", OPEN: "(", CLOSE: ")"}
    assert "".join(marks.get(sign, sign) for sign in shown(text)) == left


@given(st.text(alphabet="ab`~*[]()|<>!-# \\\n\u00e9😀&:/", max_size=80))
def test_places_are_kept(text):
    left = shown(text)
    assert len(left) == len(text)
    assert [at for at, sign in enumerate(text) if sign == "\n"] == [
        at for at, sign in enumerate(left) if sign == "\n"
    ]
    words(parse_page("a.md", text))


@pytest.mark.slow
def test_every_code_span_of_the_corpora_is_blanked(corpus):
    missed = []
    for path in corpus:
        text = path.read_text("utf-8").replace("\r\n", "\n")
        body, left = apart(text)[1], shown(text)
        at = offsets(body)
        for event, where in pyromark.events_with_range(body, options=OPTIONS):
            if isinstance(event, dict) and "Code" in event and left[at(where["start"])] != OBJECT:
                missed.append((path, where))
    assert missed == []


def test_words_are_the_body_s():
    text = """[vibe](README.md) > **A**

# Title

> **Status**: Draft
> **Last Updated**: 2026-01-02

Look at `code` in /etc/hosts, [the page](b.md): it's *there*.

## Heading

- one 2 three_four

| cell | https://a.b |
| --- | --- |
| five | six |

```sh
echo seven
```
"""
    found = words(parse_page("vibe/a.md", text))
    assert found == "Look at in the page it's there one cell five six"
