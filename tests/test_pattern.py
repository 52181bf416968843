import json
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kbtool.pattern import PatternError, captured, check, found


def test_lines_are_matched_one_by_one():
    assert found("^b$", "a\nb\nc")
    assert not found("^b$", "ab")


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        ("x(.)z", "xyz", "y"),
        ("x.z", "xyz", "xyz"),
        ("(a)(b)", "ab", "a"),
        ("q", "xyz", None),
        ("a(b)?", "a", None),
        ("^b(.)$", "a\nbc\nd", "c"),
        ("(?i)ABC", "xabc", "abc"),
        ("(?s)a.b", "a\nb", "a\nb"),
        ("a.b", "a\nb", None),
        ("x|^(y)", "z\ny", "y"),
        ("é(.)x", "日é漢x", "漢"),
        (r"\p{Greek}+", "abc λόγος", "λόγος"),
        ("", "abc", ""),
    ],
)
def test_captured(pattern, text, value):
    assert captured(pattern, text) == value


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing ): ("),
        (")a", "unexpected ): )a"),
        ("a)|(b", "unexpected ): a)|(b"),
        ("*a", "no argument for repetition operator: *"),
        ("a{99999}", "invalid repetition size: {99999}"),
        ("(?=a)", "invalid perl operator: (?="),
        ("(?<=a)b", "invalid perl operator: (?<="),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("[z-a]", "invalid character class range: z-a"),
        ("\\", "trailing \\"),
    ],
)
def test_what_is_no_pattern(pattern, reason):
    """The reason is about what the author wrote, nothing that was put around it."""
    assert check(pattern) == f"/{pattern}/ is not a pattern: {reason}"
    for use in (found, captured):
        with pytest.raises(PatternError) as refused:
            use(pattern, "a")
        assert refused.value.message == check(pattern)


@given(st.text("ab()[]{}|*+?^$.-\\dQPné1,", max_size=8), st.text("abn1é\n", max_size=20))
def test_what_passes_the_check_can_be_used_on_any_text(pattern, text):
    assume(check(pattern) is None)
    value = captured(pattern, text)
    assert value is None or value in text
    assert value is None or found(pattern, text)


def test_half_a_surrogate_pair_is_text_too():
    assert json.loads('"\\ud83d ready"') == "\ud83d ready"
    assert found("^. ready$", "\ud83d ready")
    assert captured("(r.*)", "\ud83d ready") == "ready"


def test_no_pattern_takes_long():
    began = time.monotonic()
    assert not found("(a+)+$|(a|a)*b", "a" * 50_000 + "c")
    assert time.monotonic() - began < 5
