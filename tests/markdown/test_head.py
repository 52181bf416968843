"""Breadcrumb, title and fields in every spelling in use."""

import pytest

from kbtool.graph.conventions import Conventions
from kbtool.markdown.head import KNOWN_NAMES
from kbtool.markdown.parse import parse_page

SPELLINGS = {
    "quote": "> **Status**: Active\n> **Last Updated**: 2026-11-24\n",
    "quote, colon inside": "> **Status:** Active\n> **Last Updated:** 2026-11-24\n",
    "quote, hard breaks": "> **Status**: Active  \n> **Last Updated**: 2026-11-24\n",
    "quote, paragraphs": "> **Status**: Active\n>\n> **Last Updated**: 2026-11-24\n",
    "list": "- **Status**: Active\n- **Last Updated**: 2026-11-24\n",
    "list, stars": "* **Status:** Active\n* **Last Updated:** 2026-11-24\n",
    "list, plain names": "- Status: Active\n- Last Updated: 2026-11-24\n",
    "alert": "> [!NOTE]\n> **Status**: Active · **Last Updated**: 2026-11-24\n",
    "bare": "**Status**: Active\n**Last Updated**: 2026-11-24\n",
    "bare, one line": "**Status**: Active · **Last Updated**: 2026-11-24\n",
}


def head(text):
    return parse_page("p.md", text).head


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling(spelling):
    found = head(f"[vibe](README.md) > **P**\n\n# P\n\n{SPELLINGS[spelling]}\nText.\n")
    assert [(f.name, f.value) for f in found.fields] == [
        ("Status", "Active"),
        ("Last Updated", "2026-11-24"),
    ]
    assert found.breadcrumb.label == "P"
    assert found.title.text == "P"


def test_only_the_house_style_is_canonical():
    for name, written in SPELLINGS.items():
        canonical = [f.canonical for f in head(f"# P\n\n{written}").fields]
        assert all(canonical) is (name in ("quote", "quote, hard breaks", "quote, paragraphs")), (
            name
        )


def test_a_status_section():
    found = head("# P\n\n## Status\n\nAccepted by all\n\n## Context\n")
    assert (found.field("status").value, found.field("status").style) == (
        "Accepted by all",
        "section",
    )


def test_links_of_a_relation_and_a_qualifier():
    found = head(
        "# P\n\n> **Upstream** (incident ADR): [a](a.md) · [b](b.md)\n> **Related**: [c](c.md),\n> [d](d.md)\n"
    )
    upstream, related = found.fields
    assert (upstream.name, upstream.qualifier) == ("Upstream", "incident ADR")
    assert [link.target for link in upstream.links] == ["a.md", "b.md"]
    assert [link.target for link in related.links] == ["c.md", "d.md"]


@pytest.mark.parametrize(
    "text",
    [
        "# P\n\nSome **bold**: text in a sentence.\n",
        "# P\n\nText · **Status** without colon\n",
        "# P\n\n```\n> **Status**: Active\n```\n",
        "# P\n\n## Later\n\n> **Status**: Active\n",
    ],
)
def test_what_is_no_field(text):
    assert [f.name for f in head(text).fields if f.name == "Status"] == []


@pytest.mark.parametrize(
    ("line", "targets", "label"),
    [
        (
            "[vibe](../README.md) > [ADR](README.md) > **0001**",
            ["../README.md", "README.md"],
            "0001",
        ),
        ("[AGENTS.md](../AGENTS.md) > **vibe**", ["../AGENTS.md"], "vibe"),
        ("[vibe](../README.md) > [ADR](README.md)", ["../README.md", "README.md"], None),
        ("**vibe**", [], "vibe"),
    ],
)
def test_breadcrumbs(line, targets, label):
    found = head(f"{line}\n\n# P\n").breadcrumb
    assert ([link.target for link in found.links], found.label) == (targets, label)


@pytest.mark.parametrize(
    "first", ["# P", "Just a sentence.", "- [a](b) > **c**", "**Status**: Active"]
)
def test_no_breadcrumb(first):
    assert head(f"{first}\n\n# P\n").breadcrumb is None


def test_front_matter_and_comments_may_precede():
    found = head(
        "---\nStatus: Draft\n---\n<!-- kb-ignore-page KB201: x -->\n\n[v](README.md) > **P**\n\n# P\n"
    )
    assert found.breadcrumb.label == "P"
    assert found.fields == ()


def names_of(text):
    return [field.name for field in head(text).fields]


def test_a_list_of_features_is_no_header():
    features = "- **Fast**: very\n- **Easy**: too\n"
    assert names_of(f"# A\n\n{features}") == []
    assert names_of(f"# A\n\n> **Status**: Draft\n\n{features}") == ["Status"]
    assert names_of("# A\n\n**Status:** Draft\n\n**Parent:** x\n") == ["Status", "Parent"]
    assert names_of("# A\n\n- **Parent**: x\n- **Statsu**: Draft\n") == ["Parent", "Statsu"]
    assert names_of("# A\n\n> **Parent**: x\n") == ["Parent"]


def test_the_known_names_are_those_of_the_conventions():
    assert {name.casefold() for name in Conventions().field_names()} == KNOWN_NAMES
