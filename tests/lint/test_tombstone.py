"""The grammar: what is a tombstone and what only looks like one. ‹ › stand around a link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rules import kb210_tombstone
from kbtool.lint.tombstone import names_what_is_gone, only_says_gone, points_on, says_page_is_gone
from kbtool.markdown.parse import parse_page

TOMBSTONES = """\
This page has moved to ‹X›.
This section has been merged into ‹Storage›. See ‹there›.
This page has moved. It is now in ‹X›.
The documentation for this module has moved.
This specification moved to a separate repository: \ufffc
This document was removed because nobody read it.
This content is now in ‹X›.
We have moved this guide to ‹X›.
Moved to ‹X›
Moved ‹here›.
Moved to the wiki
Renamed to \ufffc
Replaced by ‹X›.
Removed, see ‹X›
Removed: use ‹X› instead
Moved (see ‹X›)
🚫 **Note**: this runbook now lives in ‹X›. Please update your links.
> [!WARNING] This procedure no longer exists.
Cette page a été déplacée vers ‹X›.
Cette page a été déplacée. Merci de mettre à jour vos liens.
La section sur Vault a été fusionnée avec ‹X›.
Cette fiche se trouve désormais dans ‹X›.
Ce document n'existe plus.
Déplacé vers ‹X›
Remplacée par ‹X›
Supprimé, voir ‹X›""".splitlines()
OF_A_WHOLE_PAGE = """\
Removed.
Supprimé.
Deprecated.
Deprecated, see ‹X›.
This page is deprecated. Use ‹X› instead.
This runbook is no longer maintained.
This document is obsolete, see ‹X›.
The image was moved to the ‹new location›.
Obsolète, voir ‹X›
Cette procédure est obsolète.
Cette fiche n'est plus à jour.""".splitlines()
NONE = """\
Delete the pod.
See ‹X›.
Files that were removed are listed by git.
The \ufffc parameter was deprecated in 7.0.
Deprecated since 3.2: use ‹X›
This cmdlet was removed from PowerShell 7.
It was deprecated from Starlette, but you can migrate.
The pod is moved to another node.
The selected text is deleted.
The page is moved to the trash.
This section is removed when the page is saved.
Removed AllScope parameter from most default aliases
Moved the scripts to bin/
Merged as part of this effort this week:
The CRDs were deleted.
The volume was moved by hand.
Move it to X
This page explains how things are moved.
This page is now better.
This document describes what was removed.
This document is outdated in places; the part on Vault holds, and so does what is said of Longhorn.
Pages that have moved keep their history
It is now time to go
Supprimez le pod.
Le pod a été supprimé.
La page suivante explique comment déplacer un volume.
Elle a été dépréciée dans Starlette
""".splitlines()


@pytest.mark.parametrize("text", TOMBSTONES)
def test_tombstones(text):
    assert only_says_gone(text)
    assert only_says_gone(text, whole=True)


@pytest.mark.parametrize("text", OF_A_WHOLE_PAGE)
def test_tombstones_when_there_is_nothing_else(text):
    assert only_says_gone(text, whole=True)
    assert not only_says_gone(text)


@pytest.mark.parametrize("text", NONE)
def test_none(text):
    assert not only_says_gone(text)
    assert not only_says_gone(text, whole=True)
    assert not says_page_is_gone(text)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("‹Old page›: moved to ‹X›", True),
        ("‹Old› (moved to ‹X›)", True),
        ("Old job — removed", True),
        ("‹Old› → renamed to ‹New›", True),
        ("Ancienne fiche : supprimée", True),
        ("\ufffc: moved to \ufffc", True),
        ("D: deleted", False),
        ("\ufffc — removed", False),
        ("Old job: deprecated", False),
        ("14:02: the volumes were deleted", False),
        ("deprecated: déprécié", False),
        ("Option: removed in 7.0", False),
    ],
)
def test_a_name_and_what_became_of_it(text, gone):
    assert names_what_is_gone(text) is gone


def test_pointers():
    assert points_on("See ‹X›. Voir ‹Y›.")
    assert points_on("‹X›")
    assert not points_on("See ‹X›. It matters.")


def test_a_notice_above_a_page_is_none_but_a_move_is():
    assert not says_page_is_gone("This page is outdated.")
    assert not says_page_is_gone("Removed.")
    assert says_page_is_gone("This section was moved to ‹X›.")


PIECES = st.sampled_from(
    [
        *(
            "moved to ",
            "this page ",
            "removed",
            "~~",
            "a",
            " ",
            "\n",
            "\n\n",
            "# ",
            "- ",
            "> ",
            "| ",
        ),
        *(
            "`",
            "| - |\n",
            "[b](c.md)",
            "<!-- d -->",
            "(",
            ")",
            ": ",
            ". ",
            "1. ",
            "```\n",
            "déplacé",
        ),
        "😀",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_page_is_read_and_places_lie_within(text):
    page = parse_page("vibe/a.md", text)
    for finding in kb210_tombstone.check(page, KnowledgeBase({page.path: page}), {}):
        assert 0 <= finding.span.start <= finding.span.end <= len(text)
        assert text[finding.span.start : finding.span.end].strip() or finding.span.start == 0
