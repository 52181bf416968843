"""A title is kept as written; its file name is plain on every disk."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.errors import UsageError
from kbtool.scaffold.title import MAX_SLUG, checked, slug


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Use a queue", "use-a-queue"),
        ("L'été à Œuf-sur-Meuse", "l-ete-a-oeuf-sur-meuse"),
        ("The servers' data doesn't last", "the-servers-data-doesnt-last"),
        ("Why `kbtool lint` is slow (C++, TCP/IP)", "why-kbtool-lint-is-slow-c-tcp-ip"),
        ("Straße № 5 — ½", "strasse-no-5-1-2"),
        ("ÀÉÎÕÜ ŁØ ﬁ", "aeiou-o-fi"),
    ],
)
def test_a_file_name(title, name):
    assert slug(title) == name


def test_a_long_title_is_cut_after_a_whole_word():
    name = slug("word " * 24)
    assert len(name) <= MAX_SLUG
    assert set(name.split("-")) == {"word"}
    assert len(slug("a" * 120)) == MAX_SLUG


@pytest.mark.parametrize(
    ("title", "why"),
    [
        ("", "empty"),
        (" \u3000 ", "empty"),
        ("x" * 121, "121 characters"),
        ("…!?", "no file name"),
        ("Ω", "no file name"),
        ("a\nb", "U+000A"),
        ("a\x1b[31mb", "U+001B"),
        ("a\u202eb", "U+202E"),
        ("a\ud800", "U+D800"),
        ("../../etc/passwd", "a path"),
        ("/etc/passwd", "a path"),
        ("~/notes", "a path"),
        ("x/../y", "a path"),
        ("C:\\x", "a path"),
        ("0001-use-a-queue.md", "a path"),
        ("a [link](gone.md)", "'['"),
        ("<script>", "'<'"),
        ("&lt;script&gt;", "'<'"),
        ("a | b", "'|'"),
        ("one ` tick", "'`'"),
    ],
)
def test_what_is_no_title(title, why):
    with pytest.raises(UsageError) as refused:
        checked(title)
    assert why in refused.value.message
    assert refused.value.hint


@given(st.text(max_size=150))
def test_a_title_is_refused_or_has_a_plain_name(title):
    try:
        text = checked(title)
    except UsageError:
        return
    assert "".join(text.split()) in "".join(title.split()) or not title.isascii()
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(text))
    assert len(slug(text)) <= MAX_SLUG
    assert checked(text) == text
