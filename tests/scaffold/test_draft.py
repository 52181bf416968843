"""Where a page goes, which number it gets, and what comes with it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.app.new import builtin_templates, linked
from kbtool.errors import UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.graph.facts import BaseBranch, Facts
from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page
from kbtool.scaffold.kinds import KINDS
from kbtool.scaffold.new import Request, draft
from kbtool.scaffold.template import TemplateError

TODAY = date(2026, 11, 24)
BASE = {
    "vibe/README.md": "# vibe\n\n- [ADR](ADR/README.md)\n",
    "vibe/ADR/README.md": "# ADR\n\n- [1](0001-one.md)\n- [4](0004-four.md)\n",
    "vibe/ADR/0001-one.md": "# ADR-0001: One\n",
    "vibe/ADR/0004-four.md": "# ADR-0004: Four\n",
}


def build(texts, branch=None, **conventions):
    pages = {path: parse_page(path, text) for path, text in texts.items() if path.endswith(".md")}
    facts = Facts(today=TODAY, base_branch=lambda: branch)
    return KnowledgeBase(pages, frozenset(texts), Conventions(**conventions), facts)


def drafted(texts, kind, title, branch=None, conventions=None, **request):
    kb = build(texts, branch, **conventions or {})
    return draft(kb, Request(kind, title, TODAY, **request), builtin_templates())


def branch(*added, files=()):
    return BaseBranch("origin/main", frozenset(added), frozenset(files), {}.get)


# ---------------------------------------------------------------------- numbers
def test_the_number_after_the_highest():
    done = drafted(BASE, "adr", "Five")
    assert (done.path, done.number, done.title) == (
        "vibe/ADR/0005-five.md",
        "0005",
        "ADR-0005: Five",
    )
    assert done.notes == ()


def test_two_branches_that_both_add_a_record():
    """The second is told, and takes a number that is free on both."""
    done = drafted(BASE, "adr", "Five", branch("vibe/ADR/0005-other.md", files=BASE))
    assert done.number == "0006"
    assert done.notes == ("0005 is taken on origin/main: this is 0006",)


def test_a_record_that_only_the_base_branch_has_keeps_its_number():
    done = drafted(BASE, "adr", "Next", branch(files=("vibe/ADR/0009-gone-here.md",)))
    assert done.number == "0010"
    mine = drafted(BASE, "adr", "Next", branch("vibe/ADR/0003-late.md"))
    assert (mine.number, mine.notes) == ("0005", ())


def test_numbers_of_investigations_and_of_what_is_no_page():
    files = {
        **BASE,
        "vibe/investigations/README.md": "# I\n",
        "vibe/investigations/INV-007-x/data.csv": "",
        "vibe/investigations/INV-2026-notes.md": "# no number\n",
    }
    assert drafted(files, "inv", "Why").path == "vibe/investigations/INV-008-why.md"


def test_the_same_title_twice():
    with pytest.raises(UsageError, match=r"0004-four\.md has this title already"):
        drafted(BASE, "adr", "Four")


def test_no_number_is_left():
    with pytest.raises(UsageError, match="no number of 4 digits"):
        drafted({**BASE, "vibe/ADR/9999-last.md": "# L\n"}, "adr", "More")


# ---------------------------------------------------------------------- places
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("adr", "vibe/ADR/0005-a-title.md"),
        ("prd", "vibe/PRD/a-title/README.md"),
        ("inv", "vibe/investigations/INV-001-a-title.md"),
        ("guidebook", "vibe/guidebooks/a-title/README.md"),
        ("runbook", "vibe/runbooks/a-title.md"),
        ("shareout", "vibe/shareouts/2026-11-24-a-title.md"),
    ],
)
def test_where_a_kind_goes(kind, path):
    done = drafted(BASE, kind, "A title")
    assert done.path == path
    assert not any(text in BASE for text in done.files)


def test_a_prd_and_what_stands_beside_it():
    names = {path.rpartition("/")[2] for path in drafted(BASE, "prd", "X", big=True).files}
    assert names == {"README.md", "STATUS.md", "qa-strategy.md"}
    given = "> **Status**: In progress\n\nWhy.\n"
    files = drafted(BASE, "prd", "X", given=given).files
    assert "vibe/PRD/x/qa-strategy.md" not in files
    assert "> **Status**: In progress" in files["vibe/PRD/x/STATUS.md"]
    assert (
        "vibe/PRD/x/qa-strategy.md"
        in drafted(BASE, "prd", "X", given="> **Size**: big\n\nx\n").files
    )


def test_a_page_of_a_guidebook():
    texts = {
        **BASE,
        "vibe/guidebooks/README.md": "# G\n",
        "vibe/guidebooks/mail/README.md": "# M\n",
    }
    for into in ("mail", "guidebooks/mail", "vibe/guidebooks/mail/"):
        assert drafted(texts, "guidebook", "A b", into=into).path == "vibe/guidebooks/mail/a-b.md"
    for into in ("male", "../ADR", "vibe/ADR", "vibe/guidebooks", "/etc"):
        with pytest.raises(UsageError, match="there is no guidebook") as refused:
            drafted(texts, "guidebook", "A b", into=into)
        assert "guidebooks: mail" in refused.value.hint
    with pytest.raises(UsageError, match="goes with guidebook only"):
        drafted(texts, "runbook", "A b", into="mail")


@pytest.mark.parametrize(
    ("there", "kind", "title"),
    [
        ("vibe/runbooks/x.md", "runbook", "X"),
        ("vibe/runbooks/X.md", "runbook", "x"),  # one file where case does not count
        ("vibe/Runbooks/y.md", "runbook", "x"),
        ("vibe/runbooks", "runbook", "x"),  # a file where the folder would be
        ("vibe/PRD/x/STATUS.md", "prd", "X"),
        ("vibe/guidebooks/readme.md", "guidebook", "X"),
    ],
)
def test_what_is_there_is_not_overwritten(there, kind, title):
    with pytest.raises(UsageError, match="is there already"):
        drafted({**BASE, there: "# T\n"}, kind, title)


def test_a_folder_with_something_else_in_it_takes_a_page():
    texts = {**BASE, "vibe/PRD/x/notes.txt": ""}
    assert drafted(texts, "prd", "X").path == "vibe/PRD/x/README.md"


@pytest.mark.parametrize("title", ["con", "README", "Index", "com1"])
def test_names_that_are_none_on_every_system(title):
    with pytest.raises(UsageError, match="on every system"):
        drafted(BASE, "runbook", title)
    assert drafted(BASE, "adr", title).number == "0005"


def test_a_base_that_is_still_empty_gets_its_hubs():
    done = drafted({}, "adr", "One")
    assert sorted(done.files) == ["vibe/ADR/0001-one.md", "vibe/ADR/README.md", "vibe/README.md"]
    assert "vibe/README.md" not in drafted({"vibe/a.md": "# A\n"}, "adr", "One").files


# ---------------------------------------------------------------------- templates
OWN = "[v](../README.md) > **Template**\n\n# ADR-NNNN: Title\n\n> **Status**: Proposed\n> **Date**: YYYY-MM-DD\n> **Deciders**: who\n\n## Context\n\nFacts.\n\n## Decision\n\nWhat.\n\n## Consequences\n\n- Then.\n"


def test_the_bases_own_template_goes_before_the_built_in_one():
    own = "**{{number}} {{title}}**\n\n# {{ label }}\n\n> **Date**: {{date}}\n\n{{slug}} \\{{ literal }}\n"
    text = drafted({**BASE, "vibe/ADR/_template.md": own}, "adr", "A {{date}}").files
    assert text["vibe/ADR/0005-a-date.md"] == (
        "**0005 A {{date}}**\n\n# ADR-0005: A {{date}}\n\n> **Date**: 2026-11-24\n\n"
        "a-date {{ literal }}\n"
    )


def test_a_template_without_placeholders_or_marks():
    kb = build({**BASE, "vibe/ADR/_template.md": OWN})
    done = draft(
        kb, Request("adr", "Five", TODAY, given="## Context\n\nMine.\n"), builtin_templates()
    )
    text = done.files["vibe/ADR/0005-five.md"]
    assert text.startswith("# ADR-0005: Five\n\n> **Status**: Proposed\n> **Date**: 2026-11-24\n")
    made = linked(kb, done, RULES)
    assert [todo.name for todo in made.todos] == ["Deciders", "Decision", "Consequences"]


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("prd", "PRD/_template/README.md"),
        ("prd", "PRD/_template.md"),
        ("inv", "investigations/_template.md"),
        ("guidebook", "guidebooks/_template/README.md"),
        ("runbook", "runbooks/_template.md"),
        ("shareout", "shareouts/_template.md"),
    ],
)
def test_each_kind_has_its_own_template(kind, own):
    done = drafted({**BASE, f"vibe/{own}": "# {{title}}\n\nOurs.\n"}, kind, "X")
    assert "Ours." in done.files[done.path]


def test_a_page_of_a_guidebook_takes_the_nearest_template():
    texts = {
        **BASE,
        "vibe/guidebooks/m/README.md": "# M\n",
        "vibe/guidebooks/_template.md": "# {{title}}\n\nAll.\n",
    }
    done = drafted(texts, "guidebook", "X", into="m")
    assert "All." in done.files[done.path]
    texts["vibe/guidebooks/m/_template.md"] = "# {{title}}\n\nThis one.\n"
    done = drafted(texts, "guidebook", "X", into="m")
    assert "This one." in done.files[done.path]
    new = drafted(texts, "guidebook", "New")
    assert "All." not in new.files[new.path]


@pytest.mark.parametrize("hole", ["{{author}}", "{{ Title }}", "{{number}}"])
def test_a_placeholder_nobody_knows(hole):
    texts = {**BASE, "vibe/runbooks/_template.md": f"# {{{{title}}}}\n\nBy {hole}.\n"}
    with pytest.raises(TemplateError) as refused:
        drafted(texts, "runbook", "X")
    assert refused.value.message.startswith("vibe/runbooks/_template.md:3: ")
    assert "{{title}}" in refused.value.hint


# ---------------------------------------------------------------------- given texts
@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("# Another title\n\nx\n", "ADR-0005: Another title"),
        ("# ADR-0002: Another title\n\nx\n", "ADR-0005: Another title"),
        ("# 0002. Another title\n\nx\n", "ADR-0005: Another title"),
        ("# **Another** title\n\nx\n", "ADR-0005: Another title"),
        ("# 2026 in review\n\nx\n", "ADR-0005: 2026 in review"),
        ("x\n", "ADR-0005: Mine"),
    ],
)
def test_the_h1_of_a_given_text_wins(given, title):
    done = drafted(BASE, "adr", "Mine", given=given)
    assert (done.path, done.title) == ("vibe/ADR/0005-mine.md", title)


def test_dates():
    given = "> **Date**: 2026-01-02\n\nx\n"
    assert drafted(BASE, "shareout", "X", given=given).path == "vibe/shareouts/2026-01-02-x.md"
    done = drafted(BASE, "shareout", "X", given=given, day=date(2026, 3, 4))
    assert done.path == "vibe/shareouts/2026-03-04-x.md"
    assert "> **Date**: 2026-03-04" in done.files[done.path]


def test_a_given_text_is_no_template():
    done = drafted(BASE, "guidebook", "X", given="Write {{title}} and {{ .Values.x }}.\n")
    assert "Write {{title}} and {{ .Values.x }}." in done.files[done.path]


# ---------------------------------------------------------------------- with the rules
def test_relations_are_stated_on_both_sides():
    kb = build(BASE)
    request = Request("runbook", "X", TODAY, related=("vibe/ADR/0001-one.md",))
    made = linked(kb, draft(kb, request, builtin_templates()), RULES)
    assert "**Related**: [ADR-0001: One](../ADR/0001-one.md)" in made.texts["vibe/runbooks/x.md"]
    assert "**Related**: [X](../runbooks/x.md)" in made.texts["vibe/ADR/0001-one.md"]


def test_what_was_wrong_before_is_left_alone():
    texts = {**BASE, "vibe/loose.md": "# Loose\n"}
    kb = build(texts)
    made = linked(kb, draft(kb, Request("adr", "Five", TODAY), builtin_templates()), RULES)
    assert made.changed == ("vibe/ADR/README.md",)
    assert "loose.md" not in "".join(made.texts.values())
    assert made.findings == ()


def test_the_header_is_in_the_bases_style():
    done = drafted(BASE, "runbook", "X", conventions={"header": "list"})
    assert "\n- **Status**: Draft\n- **Last Updated**: 2026-11-24\n" in done.files[done.path]


TITLES = st.text(max_size=60) | st.text(
    alphabet="ab C#_~`:.-(){}!&;\"'$1w/+=é", min_size=1, max_size=30
)


@given(TITLES, st.sampled_from(sorted(KINDS)))
def test_whatever_the_title_the_page_is_clean_and_in_its_folder(title, kind):
    kb = build({})
    try:
        done = draft(kb, Request(kind, title, TODAY), builtin_templates())
    except UsageError:
        return
    made = linked(kb, done, RULES)
    assert made.findings == ()
    assert done.path.startswith(f"vibe/{KINDS[kind].folder}/")
    assert all(
        set(path) <= set("abcdefghijklmnopqrstuvwxyz0123456789-/.ADRPINVEMTUSR")
        for path in made.texts
    )
    assert not any(".." in path or "//" in path for path in made.texts)
