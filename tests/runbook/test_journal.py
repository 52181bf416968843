"""Written ahead, chained, and readable at every prefix."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kbtool.runbook.journal import FIELDS, FIRST, JournalError, entry, fold, read_journal

FACTS = [
    {"kind": "run", "run": "20260101-000000-abcdef", "digest": "d"},
    {"kind": "started", "step": "S1", "tag": "AGENT", "title": "t", "how": "agent"},
    {"kind": "ran", "step": "S1", "exit": 0, "leaked": [], "output": "S1.txt"},
    {"kind": "captured", "step": "S1", "name": "STATE", "value": "é\n"},
    {"kind": "green", "step": "S1"},
    {"kind": "skipped", "step": "S2", "reason": "$STATE is é"},
    {"kind": "started", "step": "S3", "tag": "HUMAN", "title": "t", "how": "person"},
    {"kind": "asked", "step": "S3", "who": "me"},
    {"kind": "answered", "step": "S3", "evidence": {"a": "b"}, "channel": "flag", "again": False},
    {"kind": "green", "step": "S3"},
    {"kind": "ended", "verdict": "green", "reason": ""},
]


def written(facts):
    text, previous = "", FIRST
    for number, fact in enumerate(facts):
        line, previous = entry(previous, fact, 1000.0 + number)
        text += line
    return text


TEXT = written(FACTS)


def test_what_is_written_is_read():
    facts, last = read_journal(TEXT)
    assert [{k: v for k, v in fact.items() if k != "time"} for fact in facts] == FACTS
    assert json.loads(TEXT.splitlines()[-1])["hash"] == last


@given(st.integers(0, len(TEXT)))
def test_every_prefix_is_readable_and_an_unfinished_line_never_happened(length):
    facts, _ = read_journal(TEXT[:length])
    assert len(facts) == TEXT[:length].count("\n")
    state = fold(facts)
    done = {*state.green, *state.skipped}
    assert state.open_step not in done
    begun = {fact["step"] for fact in facts if fact["kind"] in ("started", "skipped")}
    assert done | ({state.open_step} - {None}) == begun


@given(
    st.integers(0, len(TEXT) - 1),
    st.characters(codec="utf-8", exclude_characters="\r\x85\u2028\u2029"),
)
def test_one_changed_character_is_noticed(at, character):
    """Whatever is changed in a finished line: damaged, or another chain."""
    # JSON has white space of two kinds between tokens; which one stands there is no fact.
    assume(character != TEXT[at] and "\n" not in (TEXT[at], character))
    assume(not (TEXT[at] == " " and character == "\t"))
    with pytest.raises(JournalError, match=r"line \d+ of the journal"):
        read_journal(TEXT[:at] + character + TEXT[at + 1 :])


def test_a_line_left_out_or_two_swapped_is_noticed():
    lines = TEXT.splitlines(keepends=True)
    with pytest.raises(JournalError, match="line 3"):
        read_journal("".join(lines[:2] + lines[3:]))
    with pytest.raises(JournalError, match="line 2"):
        read_journal("".join([lines[0], lines[2], lines[1], *lines[3:]]))


@pytest.mark.parametrize(
    "fact", [{"kind": "unheard-of"}, {"kind": "green", "step": "S1", "stdout": "x"}]
)
def test_only_what_is_allowed_is_ever_written(fact):
    with pytest.raises(ValueError, match="may not be recorded"):
        entry(FIRST, fact, 0.0)


def test_no_field_could_hold_a_stream():
    assert not {"stdout", "stderr", "env", "secret", "script"} & {
        f for fields in FIELDS.values() for f in fields
    }


def test_the_fold_of_all():
    state = fold(FACTS)
    assert (state.green, state.skipped, state.open_step) == (["S1", "S3"], ["S2"], None)
    assert state.values == {"STATE": "é\n"}
    assert (state.verdict, state.waiting) == ("green", None)
    assert fold(FACTS[:7]).open_step == "S3"
    assert fold(FACTS[:8]).waiting == "S3"


@given(st.lists(st.sampled_from(FACTS)))
def test_any_facts_fold(facts):
    assert fold(facts).run in ({}, FACTS[0])
