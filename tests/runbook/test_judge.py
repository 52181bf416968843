"""Expected against seen: exact, and an error is neither green nor red."""

import pytest
from support.runbook import done

from kbtool.runbook.expectation import parse_expectation
from kbtool.runbook.jsonpath import PathError, lookup
from kbtool.runbook.judge import holds, judge, judge_output, query_of
from kbtool.runbook.ports import Observation, SqlQuery
from kbtool.text import Span


def check(source):
    return parse_expectation(source, Span(0, 0)).check


def http(status, body):
    return Observation("value", {"status": status, "body": body})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", [{"a": [{"b": 1, "n": "x"}, {"b": 2, "n": "y"}], "k.l": 3, "t": True}]),
        (".a[0].b", [1]),
        (".a[-1].b", [2]),
        (".a[7].b", []),
        (".missing.b", []),
        ("['k.l']", [3]),
        (".k\\.l", [3]),
        ('.a[?(@.n=="y")].b', [2]),
        (".a[?(@.b==1)].n", ["x"]),
        ('.a[?(@.b=="1")].n', []),
    ],
)
def test_paths(path, found):
    assert (
        lookup({"a": [{"b": 1, "n": "x"}, {"b": 2, "n": "y"}], "k.l": 3, "t": True}, path) == found
    )


@pytest.mark.parametrize("path", ["a", ".a[", ".a[*]", ".a[1:2]", "..a"])
def test_paths_outside_the_subset_are_refused(path):
    with pytest.raises(PathError):
        lookup({"a": [1]}, path)


BODY = {"n": 3, "s": "3", "b": True, "z": None, "list": [1, 2], "deep": {"a": "x y"}}


@pytest.mark.parametrize(
    ("right", "color"),
    [
        ("{.n} == 3", "green"),
        ("{.n} == 3.0", "green"),
        ('{.n} == "3"', "red"),
        ('{.s} == "3"', "green"),
        ("{.s} == 3", "red"),
        ("{.b} == true", "green"),
        ("{.b} == 1", "red"),
        ("{.b} == True", "red"),
        ("{.z} == null", "green"),
        ("{.deep.a} == x y", "green"),
        ("{.deep.a} =~ /^x/", "green"),
        ("{.n} =~ /3/", "red"),
        ("{.n} >= 3", "green"),
        ("{.n} < 3", "red"),
        ("{.s} > 2", "red"),
        ("{.missing} == 3", "red"),
        ("{.missing} != 3", "red"),
        ("{.missing} absent", "green"),
        ("{.n} absent", "red"),
        ("{.n} exists", "green"),
        ("{.n} != 4", "green"),
        ("status == 200", "green"),
        ("status < 300", "green"),
        ("{.n} == $N", "green"),
    ],
)
def test_http(right, color):
    assert judge(check(f"`http vault/x {right}`"), http(200, BODY), {"N": "3"}).color == color


def test_what_was_not_answered_is_no_verdict():
    for source in (
        "`http vault/x {.a} != 1`",
        "`http vault/x {.a} absent`",
        '`sql postgres "SELECT 1" != 2`',
        "`run true` exit 1",
    ):
        assert judge(check(source), Observation("error", None, "refused"), {}).color == "error"
    assert judge(check("`http vault/x {.a} absent`"), http(502, None), {}).color == "error"


@pytest.mark.parametrize(
    ("cell", "right", "color"),
    [
        ("1", "== 1", "green"),
        ("01", "== 1", "red"),
        ("t", "== t", "green"),
        ("10", "> 9", "green"),
        ("10", "== 10.0", "red"),
        ("abc", "> 9", "red"),
        ("true", "== true", "green"),
        (None, "== NULL", "red"),
        (None, "absent", "green"),
        ("", "==  ", "error"),
    ],
)
def test_one_cell_is_text(cell, right, color):
    if color == "error":
        with pytest.raises(ValueError, match="operator"):
            check(f'`sql postgres "SELECT x" {right}`')
    else:
        verdict = judge(check(f'`sql postgres "SELECT x" {right}`'), Observation("value", cell), {})
        assert verdict.color == color


def test_a_missing_object_is_absent_and_nothing_else():
    gone = Observation("absent")
    assert judge(check("`k8s pvc/x absent`"), gone, {}).color == "green"
    assert judge(check("`k8s pvc/x exists`"), gone, {}).color == "red"
    assert judge(check("`k8s pvc/x {.a} != 1`"), gone, {}).color == "red"


@pytest.mark.parametrize(
    ("source", "completed", "color"),
    [
        ("`exit 3`", done(3), "green"),
        ("`exit 0`", done(3), "red"),
        ("`stdout =~ /^b$/`", done(stdout="a\nb\nc\n"), "green"),
        ("`stdout =~ /^b$/`", done(stdout="ab\n"), "red"),
        ("`stdout =~ /b/`", done(stdout="b", truncated=True), "red"),
        ("`stdout json {.a} == 1`", done(stdout='{"a": 1}'), "green"),
        ("`stdout json {.a} == 1`", done(stdout="no"), "error"),
        ("`stdout json {.a} == 1`", done(stdout="[" * 100_000), "error"),
    ],
)
def test_output(source, completed, color):
    assert judge_output(check(source), completed, {}).color == color


def test_names_are_filled_in_as_data():
    asked = query_of(check("""`sql postgres "SELECT '$NAME'" == x`"""), {"NAME": "$OTHER"})
    assert asked == SqlQuery("postgres", "SELECT '$OTHER'")
    body = {"a": "$B"}
    assert judge(check("`http vault/x {.a} == $A`"), http(200, body), {"A": "$B"}).color == "green"


@pytest.mark.parametrize(
    ("op", "left", "right", "expected"),
    [("==", "true", "true", True), ("==", "1", "1.0", True), ("!=", "a", "b", True),
     ("<", "2", "10", True), ("<", "b", "c", False), ("=~", "healthy", "^heal", True)],
)  # fmt: skip
def test_conditions(op, left, right, expected):
    assert holds(op, left, right) is expected
