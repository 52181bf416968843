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


def test_what_is_inserted_at_one_place_stands_in_the_order_given():
    words = ["one ", "two ", "three ", "four ", "five ", "six ", "seven "]
    edits = [Edit("p", Span(1, 1), word) for word in words]
    assert apply_edits("ab", edits) == "a" + "".join(words) + "b"
    assert apply_edits("ab", edits[::-1]) == "a" + "".join(words[::-1]) + "b"


@given(st.text(max_size=30), st.data())
def test_edits_side_by_side_are_each_as_if_alone(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    places = [Span(*pair) for pair in zip(cuts[::2], cuts[1::2], strict=False)]
    edits = [Edit("p", place, f"<{at}>") for at, place in enumerate(places)]
    expected = text
    for edit in reversed(edits):
        expected = expected[: edit.span.start] + edit.new + expected[edit.span.end :]
    assert apply_edits(text, edits) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [((0, 3), (2, 4)), ((0, 3), (0, 2)), ((0, 5), (2, 2)), ((1, 3), (1, 3))],
)
def test_edits_that_meet_are_refused_in_either_order(first, second):
    edits = [Edit("p", Span(*first), "x"), Edit("p", Span(*second), "y")]
    for given_order in (edits, edits[::-1]):
        with pytest.raises(ValueError, match="overlap"):
            apply_edits("abcde", given_order)
