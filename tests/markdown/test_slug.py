"""Anchors as a forge makes them; the table was read off github-slugger 2.0.0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.markdown.parse import parse_page
from kbtool.markdown.slug import Slugger, slug


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("Hello World", "hello-world"),
        ("  Trim me  ", "trim-me"),
        ("A  B", "a--b"),
        ("What's new?", "whats-new"),
        ("Vault & VSO", "vault--vso"),
        ("snake_case and kebab-case", "snake_case-and-kebab-case"),
        ("1. Numbered", "1-numbered"),
        ("C++ / C#", "c--c"),
        ("Café déjà", "café-déjà"),
        ("cafe\u0301", "cafe\u0301"),
        ("日本語 見出し", "日本語-見出し"),
        ("Emoji 🚀 inside", "emoji--inside"),
        ("STRASSE ß", "strasse-ß"),
        ("en–dash", "endash"),
        ("²³ ½", "-"),
        ("a\u00a0b", "ab"),
        ("", ""),
    ],
)
def test_slug(text, anchor):
    assert slug(text) == anchor


def test_duplicates_are_counted_around_those_taken():
    slugger = Slugger()
    assert [slugger.unique(text) for text in ("a", "a", "a-1", "a", "A")] == [
        "a",
        "a-1",
        "a-1-1",
        "a-2",
        "a-3",
    ]


@given(st.lists(st.text(max_size=12), max_size=12))
def test_anchors_of_a_page_are_unique(texts):
    slugger = Slugger()
    anchors = [slugger.unique(text) for text in texts]
    assert len(set(anchors)) == len(anchors)


def test_markup_in_a_heading_is_read_as_its_text():
    page = parse_page("p.md", "# `kbtool` [lint](x.md) *now* ![logo](l.png)\n")
    assert page.headings[0].anchor == "kbtool-lint-now-logo"
