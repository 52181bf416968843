"""Known findings: they may move with their line, and become fewer; nothing else."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lint import build, chosen

from kbtool.errors import UsageError
from kbtool.lint.baseline import Entry, compare, entries, read, written
from kbtool.lint.engine import lint

TREE = {
    "vibe/a.md": "# A\n\nSee [this](gone.md).\n\nAnd [that](lost.md).\n",
    "vibe/b.md": "# B\n\nSee [this](gone.md).\n",
}
ENTRIES = st.lists(st.builds(Entry, st.text(), st.text(), st.text()))


def linted(tree):
    kb = build(tree)
    return kb, lint(kb, chosen("KB101")).findings


def held(known, tree, looked_for=lambda _: True):
    return compare(known, *linted(tree), looked_for)


KNOWN = Counter(entries(*linted(TREE)))


def test_what_is_known_is_not_new():
    compared = held(KNOWN, TREE)
    assert (compared.new, compared.known, compared.gone) == ((), 3, ())


def test_lines_may_move_and_be_indented():
    moved = {
        path: text.replace("# ", "\n\n# ").replace("See ", "  See   ")
        for path, text in TREE.items()
    }
    assert held(KNOWN, moved).new == ()


@pytest.mark.parametrize(("old", "new"), [("See", "Look at"), ("gone.md", "other.md")])
def test_an_edit_of_the_line_makes_it_new_and_the_entry_gone(old, new):
    compared = held(KNOWN, TREE | {"vibe/b.md": TREE["vibe/b.md"].replace(old, new)})
    assert [(f.rule, f.path) for f in compared.new] == [("KB101", "vibe/b.md")]
    assert [(e.rule, e.path) for e in compared.gone] == [("KB101", "vibe/b.md")]


def test_a_second_one_on_an_equal_line_is_new():
    compared = held(KNOWN, TREE | {"vibe/b.md": TREE["vibe/b.md"] + "\nSee [this](gone.md).\n"})
    assert (len(compared.new), compared.known, compared.gone) == (1, 3, ())


def test_what_was_not_looked_for_is_not_gone():
    clean = {"vibe/a.md": "# A\n", "vibe/b.md": "# B\n"}
    assert len(held(KNOWN, clean).gone) == 3
    asked = held(KNOWN, clean, lambda entry: entry.path == "vibe/b.md").gone
    assert [entry.path for entry in asked] == ["vibe/b.md"]


@given(ENTRIES)
def test_what_is_written_is_read(known):
    text = written(known)
    assert read(text, "f") == Counter(known)
    assert written(read(text, "f").elements()) == text
    json.loads(text)


def test_one_entry_a_line_and_sorted():
    lines = written(KNOWN.elements()).splitlines()
    assert (lines[0], lines[-1]) == ('{"version": 1, "findings": [', "]}")
    paths = [json.loads(line.rstrip(","))["path"] for line in lines[1:-1]]
    assert paths == ["vibe/a.md", "vibe/a.md", "vibe/b.md"]


def test_no_line_of_a_page_is_copied():
    assert "gone" not in written(KNOWN.elements())


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        "null",
        "{}",
        '{"version": 2, "findings": []}',
        '{"version": 1}',
        '{"version": 1, "findings": [1]}',
        '{"version": 1, "findings": [{"path": "a", "rule": "b"}]}',
        '{"version": 1, "findings": [{"path": "a", "rule": "b", "text": 1}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_baseline(text):
    with pytest.raises(UsageError, match=r"^known\.json is no baseline of kbtool: "):
        read(text, "known.json")
