"""Decisions, requirements, investigations, shareouts: where rules meet, and what fixes write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lint import build, chosen, fixed, found

from kbtool.lint.index import agree, plain
from kbtool.lint.rules import RULES
from kbtool.markdown.table import tables


def record(status, more="", title="X"):
    return f"# {title}\n\n> **Status**: {status}\n{more}"


def index(*rows, head="| number | decision | status |\n| --- | --- | --- |\n"):
    return "# ADR\n\n" + head + "".join(f"{row}\n" for row in rows)


def adr_hub(pages):
    texts, done = fixed(pages, chosen("KB404"))
    assert done.report.findings == ()
    return texts["vibe/ADR/README.md"]


# ---------------------------------------------------------------------- KB404
def test_a_new_row_stands_where_its_number_belongs():
    hub = index("| [0002](0002-b.md) | b | Accepted |", "| [0004](0004-d.md) | d | Accepted |")
    names = ["0001-a", "0002-b", "0003-c", "0004-d", "0005-e"]
    pages = {f"vibe/ADR/{name}.md": record("Accepted") for name in names}
    rows = adr_hub({"vibe/ADR/README.md": hub, **pages}).splitlines()[4:]
    assert [row[3:7] for row in rows] == ["0001", "0002", "0003", "0004", "0005"]


def test_newest_first_stays_newest_first():
    hub = index("| [0003](0003-c.md) | c | Accepted |", "| [0001](0001-a.md) | a | Accepted |")
    names = ["0001-a", "0002-b", "0003-c", "0004-d", "0005-e"]
    pages = {f"vibe/ADR/{name}.md": record("Accepted") for name in names}
    rows = adr_hub({"vibe/ADR/README.md": hub, **pages}).splitlines()[4:]
    assert [row[3:7] for row in rows] == ["0005", "0004", "0003", "0002", "0001"]


@given(
    st.lists(st.sampled_from(["Number", "ADR", "Title", "Decision", "STATUS", "date", "Why"]), min_size=1, max_size=5, unique=True),
    st.sets(st.integers(1, 9), min_size=1),
    st.sets(st.integers(1, 9)),
)  # fmt: skip
def test_rows_fit_any_table_and_say_what_the_records_say(names, numbers, there):
    head = f"| {' | '.join(names)} |\n|{'--|' * len(names)}\n"
    rows = [f"| [{n:04}](000{n}-x.md) |" for n in sorted(numbers & there)]
    pages = {
        f"vibe/ADR/000{n}-x.md": record("🟢 Accepted", "> **Date**: 2026-01-02\n", f"ADR-000{n}: a | b")
        for n in numbers
    }  # fmt: skip
    text = adr_hub({"vibe/ADR/README.md": index(*rows, head=head), **pages})
    hub = build({"vibe/ADR/README.md": text}).pages["vibe/ADR/README.md"]
    every = [table for table in tables(hub) if table.rows]
    assert sum(len(table.rows) for table in every) == len(numbers)
    for table in every:
        column = table.column({"status"})
        for row in table.rows:
            assert len(row.cells) <= len(table.header.cells)
            assert column is None or plain(row.cell(column).text) == "Accepted"


def test_numbers_are_written_as_in_the_row_before():
    hub = index("| [ADR-1](0001-a.md) | a | Accepted |")
    pages = {"vibe/ADR/0001-a.md": record("Accepted"), "vibe/ADR/0002-b.md": record("Accepted")}
    assert "| [ADR-2](0002-b.md) | X | Accepted |" in adr_hub({"vibe/ADR/README.md": hub, **pages})


@pytest.mark.parametrize(
    ("cell", "status", "same"),
    [
        ("Accepted", "🟢 Accepted", True),
        ("**accepted**", "Accepted", True),
        ("[Accepted](0001-x.md)", "Accepted", True),
        ("Accepted?", "Accepted", False),
        ("", "Accepted", False),
        ("Superseded", "Superseded by [ADR-0007](0007-y.md)", True),
        ("Superseded by 0007", "Superseded by [the new one](0007-y.md)", True),
        ("Superseded by [0008](0008-z.md)", "Superseded by [ADR-0007](0007-y.md)", False),
        ("Superseded", "Accepted", False),
        ("Accepted", "Superseded by [ADR-0007](0007-y.md)", False),
    ],
)
def test_statuses_agree(cell, status, same):
    assert agree(cell, status) is same


def test_one_record_nobody_lists_is_one_finding():
    pages = {
        "vibe/README.md": "# vibe\n\n[ADR](ADR/README.md)\n",
        "vibe/ADR/README.md": "# ADR\n",
        "vibe/ADR/0001-a.md": record("Accepted"),
    }
    ids = [rule.id for rule in RULES if rule.id in ("KB106", "KB107", "KB404")]
    assert found(pages, *ids) == [("KB404", "vibe/ADR/README.md", "# ADR")]
    assert [rule for rule, *_ in found(pages, "KB106", "KB107")] == ["KB107"]


def test_a_status_that_is_no_word_is_told_once():
    """KB205 speaks of the word; what the index should say is not known yet."""
    hub = index("| [0001](0001-a.md) | a | Accepted |")
    pages = {"vibe/ADR/README.md": hub, "vibe/ADR/0001-a.md": record("Agreed")}
    assert [rule for rule, *_ in found(pages, "KB205", "KB404")] == ["KB205"]


# ---------------------------------------------------------------------- KB405
@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("Accepted", "Superseded by [ADR-0002](0002-b.md)"),
        ("✅ Accepted", "✅ Superseded by [ADR-0002](0002-b.md)"),
        ("Superseded by 0002, for the cluster", "Superseded by [ADR-0002](0002-b.md), for the cluster"),
        ("Superseded by [ADR-0003](0003-c.md)", "Superseded by [ADR-0003](0003-c.md) · [ADR-0002](0002-b.md)"),
    ],
)  # fmt: skip
def test_the_older_status_names_the_newer(status, after):
    more = "> **Supersedes**: [ADR-0001](0001-a.md)\n"
    pages = {
        "vibe/ADR/0001-a.md": record(status),
        "vibe/ADR/0002-b.md": record("Accepted", more),
        "vibe/ADR/0003-c.md": record("Accepted", more if "0003" in status else ""),
    }
    assert found(pages, "KB405") == [("KB405", "vibe/ADR/0002-b.md", "[ADR-0001](0001-a.md)")]
    texts, done = fixed(pages, chosen("KB405", "KB205", "KB108"))
    assert done.report.findings == ()
    assert f"> **Status**: {after}\n" in texts["vibe/ADR/0001-a.md"]


def test_a_status_section_and_an_old_spelling_are_superseded_too():
    for old in ("# A\n\n## Status\n\nAccepted\n\n## Context\n", "# A\n\n* Status: Accepted\n"):
        pages = {
            "vibe/ADR/0001-a.md": old,
            "vibe/ADR/0002-b.md": record("Accepted", "> **Supersedes**: [A](0001-a.md)\n"),
        }
        texts, done = fixed(pages, chosen("KB405"))
        assert done.report.findings == ()
        by = "Superseded by [ADR-0002](0002-b.md)"
        assert texts["vibe/ADR/0001-a.md"] == old.replace("Accepted", by)


def test_a_supersession_mends_the_index_with_it():
    pages = {
        "vibe/ADR/README.md": index("| [0001](0001-a.md) | a | Accepted |", "| [0002](0002-b.md) | b | Accepted |"),
        "vibe/ADR/0001-a.md": record("Accepted"),
        "vibe/ADR/0002-b.md": record("Accepted", "> **Supersedes**: [A](0001-a.md)\n"),
    }  # fmt: skip
    texts, done = fixed(pages, chosen("KB404", "KB405"))
    assert done.report.findings == ()
    row = "| [0001](0001-a.md) | a | Superseded by [ADR-0002](0002-b.md) |"
    assert row in texts["vibe/ADR/README.md"]


# ---------------------------------------------------------------------- KB203, 205, 206
def test_an_empty_field_is_a_missing_one_and_nothing_else():
    for empty in ("", " ", "\\", "  "):
        text = f"# A\n\n> **Status**:{empty}\n> **Last Updated**:{empty}\n"
        pages = {"vibe/a.md": text}
        assert [rule for rule, *_ in found(pages, "KB203", "KB205", "KB206")] == ["KB203"] * 2


# ---------------------------------------------------------------------- KB411-413
def test_a_missing_status_page_silences_the_links_to_it():
    pages = {
        "vibe/PRD/p/README.md": "# P\n\n[s](STATUS.md) and [gone](gone.md)\n",
        "vibe/PRD/q/README.md": "# Q\n\n[s](../p/STATUS.md)\n",
        "vibe/PRD/q/STATUS.md": "# S\n\n| a | state |\n|-|-|\n| b | c |\n",
    }
    assert found(pages, "KB101", "KB411") == [
        ("KB411", "vibe/PRD/p/README.md", "# P"),
        ("KB101", "vibe/PRD/p/README.md", "gone.md"),
    ]


def test_a_status_page_in_another_case_is_missing():
    pages = {"vibe/PRD/p/README.md": "# P\n", "vibe/PRD/p/status.md": "# S\n"}
    assert [rule for rule, *_ in found(pages, "KB411")] == ["KB411"]


def test_the_hub_and_the_readme_follow_the_status_page():
    pages = {
        "vibe/PRD/README.md": "# PRD\n\n| PRD | Status |\n|-|-|\n| [P](p/README.md) | 🟡 **Draft** |\n",
        "vibe/PRD/p/README.md": "# P\n\n- **Status:** 🟡 Draft\n",
        "vibe/PRD/p/STATUS.md": "# S\n\n> **Status**: 🟢 Shipped\n",
    }
    texts, done = fixed(pages, chosen("KB412"))
    assert done.report.findings == ()
    assert texts["vibe/PRD/README.md"].endswith("| [P](p/README.md) | 🟢 Shipped |\n")
    assert texts["vibe/PRD/p/README.md"].endswith("- **Status:** 🟢 Shipped\n")


# ---------------------------------------------------------------------- KB422
def test_a_folder_without_its_stub_makes_no_orphans():
    pages = {
        "vibe/README.md": "# vibe\n\n[I](investigations/README.md)\n",
        "vibe/investigations/README.md": "# I\n",
        "vibe/investigations/INV-001-x/a.md": "# A\n",
        "vibe/investigations/INV-001-x/b.md": "# B\n",
    }
    assert found(pages, "KB106", "KB107", "KB421", "KB422") == [
        ("KB422", "vibe/investigations/INV-001-x/a.md", "# A")
    ]
