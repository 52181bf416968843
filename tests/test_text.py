import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.text import Edit, LineIndex, Span, apply_edits


@given(st.text(alphabet="a\né😀", max_size=60))
def test_every_offset_has_its_line_and_column(text):
    lines = LineIndex(text)
    for offset in range(len(text) + 1):
        line, column = lines.position(offset)
        assert line == text.count("\n", 0, offset) + 1
        assert lines.offset(line, column) == offset


def test_edits_in_any_order_and_once():
    edits = [
        Edit("p", Span(4, 5), "E"),
        Edit("p", Span(0, 1), "A"),
        Edit("p", Span(4, 5), "E"),
        Edit("p", Span(2, 2), "+"),
    ]
    assert apply_edits("abcde", edits) == "Ab+cdE"


def test_edits_that_overlap_are_refused():
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abcde", [Edit("p", Span(0, 3), "x"), Edit("p", Span(2, 4), "y")])


@given(st.text(max_size=30), st.data())
def test_an_edit_changes_its_place_and_nothing_else(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    new = data.draw(st.text(max_size=5))
    assert apply_edits(text, [Edit("p", Span(start, end), new)]) == text[:start] + new + text[end:]
