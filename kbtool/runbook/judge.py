"""Expected × seen → verdict. Exact, no similarity; an error is neither green nor a proven red."""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from kbtool import pattern
from kbtool.runbook.jsonpath import PathError, lookup, same, scalar
from kbtool.runbook.model import (
    CheckKind,
    Comparison,
    ExitCheck,
    HttpCheck,
    Json,
    K8sCheck,
    RunCheck,
    SqlCheck,
    StdoutCheck,
)
from kbtool.runbook.names import substitute
from kbtool.runbook.ports import (
    Completed,
    HttpQuery,
    K8sQuery,
    Observation,
    Query,
    RunQuery,
    SqlQuery,
)

Color = Literal["green", "red", "error"]
SEEN_MAX: Final = 200

_ORDERED: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Verdict(NamedTuple):
    """The outcome of one check, and what was seen, shortened."""

    color: Color
    seen: str


def judge_output(
    check: ExitCheck | StdoutCheck, done: Completed, values: Mapping[str, str]
) -> Verdict:
    """Judge what a block itself left behind: its exit code and its output."""
    if isinstance(check, ExitCheck):
        return _verdict(done.exit == check.code, f"exit {done.exit}")
    if done.truncated:
        return Verdict("red", "the output is longer than what is kept")
    if check.pattern is not None:
        return _verdict(pattern.found(check.pattern, done.stdout), _short(done.stdout.strip()))
    try:
        value: Json = json.loads(done.stdout)
    except (ValueError, RecursionError):
        return Verdict("error", "stdout is not JSON: " + _short(done.stdout.strip()))
    comparison = check.comparison or Comparison("", "exists", None)
    return compare(comparison, value, values)


def query_of(check: CheckKind, values: Mapping[str, str]) -> Query:
    """Return what to ask the sandbox for a check that looks at the world, names filled in."""
    if isinstance(check, HttpCheck):
        return HttpQuery(check.component, substitute(check.target, values))
    if isinstance(check, SqlCheck):
        return SqlQuery(check.component, substitute(check.query, values))
    if isinstance(check, RunCheck):
        return RunQuery(check.command, check.secret, dict(values))
    if isinstance(check, K8sCheck):
        namespace = substitute(check.namespace, values) if check.namespace else None
        return K8sQuery(substitute(check.resource, values), namespace)
    raise TypeError(f"{check} asks nothing of the world")


def judge(check: CheckKind, seen: Observation, values: Mapping[str, str]) -> Verdict:
    """Judge one observation."""
    if seen.status == "error":
        return Verdict("error", _short(seen.detail))
    if isinstance(check, RunCheck):
        return _verdict(seen.value == check.code, f"exit {seen.value}")
    if isinstance(check, SqlCheck):
        return _judge_cell(check.comparison, seen, values)
    if isinstance(check, HttpCheck):
        return _judge_http(check, seen, values)
    if isinstance(check, K8sCheck):
        if seen.status == "absent":
            return _verdict(check.comparison.op == "absent", "absent")
        return compare(check.comparison, seen.value, values)
    raise TypeError(f"{check} is judged by judge_output")


def _judge_http(check: HttpCheck, seen: Observation, values: Mapping[str, str]) -> Verdict:
    answer = seen.value if isinstance(seen.value, dict) else {}
    if check.comparison.path == "status":
        whole = Comparison("", check.comparison.op, check.comparison.right)
        return compare(whole, answer.get("status"), values)
    body = answer.get("body")
    if body is None:
        return Verdict("error", f"status {answer.get('status')}, no JSON body")
    return compare(check.comparison, body, values)


def _judge_cell(comparison: Comparison, seen: Observation, values: Mapping[str, str]) -> Verdict:
    """Judge one cell, which is text: numbers are compared as such where both sides are numbers."""
    cell = seen.value
    if seen.status == "absent" or not isinstance(cell, str):
        return _verdict(comparison.op == "absent", "NULL")
    right = _right(comparison, values)
    if comparison.op in ("==", "!="):
        text = right if isinstance(right, str) else comparison.right
        return _verdict((cell == text) == (comparison.op == "=="), _short(cell))
    number = scalar(cell)
    numeric = isinstance(number, int | float) and not isinstance(number, bool)
    return _verdict(_holds(comparison, number if numeric else cell, right), _short(cell))


def compare(comparison: Comparison, value: Json, values: Mapping[str, str]) -> Verdict:
    """Compare what the path finds in `value`; a missing value fails every operator but absent."""
    try:
        found = lookup(value, comparison.path)
    except PathError as fault:
        return Verdict("error", str(fault))
    if comparison.op in ("exists", "absent"):
        return _verdict(bool(found) == (comparison.op == "exists"), "there" if found else "missing")
    if len(found) != 1:
        return Verdict("red", "missing" if not found else f"{len(found)} values")
    return _verdict(
        _holds(comparison, found[0], _right(comparison, values)), _short(_text(found[0]))
    )


def _right(comparison: Comparison, values: Mapping[str, str]) -> Json:
    right = comparison.right or ""
    if comparison.op == "=~":
        return right
    return scalar(substitute(right, values))


def holds(op: str, left: str, right: str) -> bool:
    """Return whether a condition on two texts holds; both are JSON scalars where they parse."""
    value = scalar(left)
    wanted = left if op == "=~" else value
    comparison = Comparison("", op, right)  # type: ignore[arg-type]
    return _holds(comparison, wanted, right if op == "=~" else scalar(right))


def _holds(comparison: Comparison, left: Json, right: Json) -> bool:
    if comparison.op == "==":
        return same(left, right)
    if comparison.op == "!=":
        return not same(left, right)
    if comparison.op == "=~":
        return isinstance(left, str) and pattern.found(str(right), left)
    if _number(left) and _number(right):
        return _ORDERED[comparison.op](float(str(left)), float(str(right)))
    return False


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _verdict(green: bool, seen: str) -> Verdict:
    return Verdict("green" if green else "red", seen)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= SEEN_MAX else text[: SEEN_MAX - 1] + "…"
