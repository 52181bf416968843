"""A given text and a template become one page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.graph.conventions import Conventions
from kbtool.scaffold.parts import Line, merged, read_parts

KNOWN = Conventions().field_names()
TEMPLATE = """\
# ADR-0007: Use a queue

> **Status**: Proposed
> **Date**: 2026-11-24
> **Deciders**: _…who_

## Context

_…why_

## Decision

_…what_

## Consequences

_…then_

## Alternatives

_…else_
"""
SECTIONS = ("Context", "Decision", "Consequences")


def page(given):
    return merged(read_parts(TEMPLATE, KNOWN), read_parts(given, KNOWN), SECTIONS).text(">")


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("> **Status:** Accepted\n> **Deciders**: me, you", [Line("Status", "Accepted"), Line("Deciders", "me, you")]),
        ("* Status: Accepted\n* Date: 2026-01-02", [Line("Status", "Accepted"), Line("Date", "2026-01-02")]),
        ("**Status:** Accepted", [Line("Status", "Accepted")]),
        ("> [!NOTE]\n> **Status**: Accepted · **Upstream** (incident): [x](x.md)", [Line("Status", "Accepted"), Line("Upstream", "[x](x.md)", "incident")]),
        ("## Status\n\nAccepted", [Line("Status", "Accepted")]),
    ],
)  # fmt: skip
def test_a_header_is_read_in_every_spelling(header, fields):
    parts = read_parts(f"# T\n\n{header}\n\nLead.\n\n## Context\n\nc\n", KNOWN)
    assert list(parts.fields) == fields
    assert parts.body == "Lead.\n\n## Context\n\nc"


def test_given_fields_win_and_others_follow():
    text = page("> **Deciders**: us\n> **Priority**: high\n\nLead.\n")
    assert text.startswith(
        "# ADR-0007: Use a queue\n\n> **Status**: Proposed\n> **Date**: 2026-11-24\n"
        "> **Deciders**: us\n> **Priority**: high\n\nLead.\n\n## Context\n"
    )


def test_only_the_sections_a_kind_needs_are_kept_and_in_order():
    text = page("## Consequences\n\nours\n\n## More\n\nx\n")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Context", "## Decision", "## Consequences", "## More"]
    assert "ours" in text
    assert "_…then_" not in text


def test_a_section_with_a_longer_name_is_that_section():
    assert page("## Context and problem\n\nc\n").count("## Context") == 1


def test_a_list_that_is_no_header_stays_in_the_body():
    parts = read_parts("# T\n\n- **Fast**: yes\n- **Cheap**: no\n", KNOWN)
    assert parts.fields == ()
    assert parts.body == "- **Fast**: yes\n- **Cheap**: no"


def test_fields_among_prose_stay_where_they_are_and_replace_the_templates():
    text = page("> **Status**: Accepted\n>\n> And a word on it.\n\nLead.\n")
    assert text.count("**Status**") == 1
    assert "> And a word on it." in text


def test_breadcrumb_and_front_matter():
    parts = read_parts("---\na: 1\n---\n[x](x.md) > **T**\n\n# T\n\nLead.\n", KNOWN)
    assert (parts.front, parts.crumb, parts.heading) == ("---\na: 1\n---", "[x](x.md) > **T**", "T")
    assert parts.body == "Lead."
    assert parts.text(">").startswith("---\na: 1\n---\n\n[x](x.md)")


def test_underlined_titles():
    assert read_parts("A *b*\n=====\n\nx\n", KNOWN).heading == "A *b*"


WORDS = st.sampled_from(
    ["# A\n", "## Context\n", "## Decision x\n", "> **Status**: Draft\n", "- a\n", "\n", "text\n", "---\n",
     "```\n## no\n```\n", "**Date:** 2026-01-02\n", "<!-- c -->\n", "\nB\n=\n", "| a |\n| - |\n", "    code\n"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=12).map("".join))
def test_taken_apart_and_put_together_twice_is_once(text):
    once = read_parts(f"# T\n{text}", KNOWN).text(">")
    assert read_parts(once, KNOWN).text(">") == once


@given(st.lists(WORDS, max_size=12).map("".join))
def test_no_given_line_is_lost(text):
    """Each word of the given text is in the page; what the page needs is there too."""
    made = page(text)
    for line in ("text", "## no", "| a |", "<!-- c -->", "code"):
        assert made.count(line) >= text.count(line)
    for name in SECTIONS:
        assert f"## {name}" in made
