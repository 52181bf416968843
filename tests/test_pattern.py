import time

import pytest

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
    ],
)
def test_captured(pattern, text, value):
    assert captured(pattern, text) == value


@pytest.mark.parametrize("pattern", ["(", "a{99999}", "(?=a)", "(?<=a)b", r"(a)\1", "[z-a]"])
def test_what_is_no_pattern(pattern):
    assert pattern in check(pattern)
    with pytest.raises(PatternError):
        found(pattern, "a")


def test_no_pattern_takes_long():
    began = time.monotonic()
    assert not found("(a+)+$|(a|a)*b", "a" * 50_000 + "c")
    assert time.monotonic() - began < 5
