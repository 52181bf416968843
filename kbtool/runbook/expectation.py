"""The grammar of checks, e.g. `http vault/v1/sys/health {.sealed} == false` within 1m."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from kbtool import pattern
from kbtool.runbook.model import (
    CheckKind,
    Comparison,
    ExitCheck,
    Expectation,
    HttpCheck,
    K8sCheck,
    Operator,
    RunCheck,
    SqlCheck,
    StdoutCheck,
)
from kbtool.text import Span

OPERATORS: Final[tuple[Operator, ...]] = ("==", "!=", "<=", ">=", "<", ">", "=~")
_DURATION = re.compile(r"(\d{1,5})(s|m|h)")
_SECONDS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600}
_WITHIN = re.compile(r"\s*\bwithin\s+(\S+)\s*$")
_SECRET = re.compile(r"\s*\bwith secret\s+`?([A-Z][A-Z0-9_]*)`?\s*$")
_CODE = re.compile(r"(`+)(.+?)\1(?!`)")
_COMPARISON = re.compile(r"(?P<op>==|!=|<=|>=|<|>|=~)\s*(?P<right>\S.*)")
_BRACES = re.compile(r"\{(?P<path>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\s*(?P<rest>.*)")
_K8S = re.compile(r"(?P<resource>[^\s/]+/\S+)(?:\s+-n\s+(?P<ns>\S+))?\s*(?P<rest>.*)")
_HTTP = re.compile(r"(?P<component>[a-z][a-z0-9-]*)(?P<target>/\S*)\s+(?P<rest>.+)")
_SQL = re.compile(r"""(?P<component>[a-z][a-z0-9-]*)\s+"(?P<query>[^"]+)"\s*(?P<rest>.+)""")
FORMS: Final = (
    "exit N · stdout =~ /re/ · stdout json {path} op v · k8s kind/name [-n ns] {path} op v "
    '· http COMPONENT/path {path} op v | status op N · sql COMPONENT "…" op v · run CMD exit N'
)


class GrammarError(ValueError):
    """The text is not of the grammar; the message says what is wrong."""


class _Tail(NamedTuple):
    within: float
    secret: str | None
    text: str  # what is left


def duration(text: str) -> float:
    """Return the seconds of `30s`, `5m`, `2h`.

    Raises:
        GrammarError: it is no duration.
    """
    match = _DURATION.fullmatch(text.strip().strip("`"))
    if match is None:
        raise GrammarError(f"{text!r} is no duration; write 30s, 5m or 2h")
    return float(int(match[1]) * _SECONDS[match[2]])


def parse_expectation(source: str, span: Span) -> Expectation:
    """Return the expectation written in `source`.

    Raises:
        GrammarError: it is malformed.
    """
    tail = _tail(source.strip())
    code = _CODE.match(tail.text)
    body = code[2].strip() if code else tail.text
    rest = tail.text[code.end() :].strip() if code else ""
    kind, _, argument = body.partition(" ")
    reader = _READERS.get(kind)
    if reader is None:
        raise GrammarError(f"{kind!r} is no kind of check; the forms are {FORMS}")
    check = reader(argument.strip(), rest)
    if tail.secret and not isinstance(check, RunCheck):
        raise GrammarError("`with secret` goes with `run` only")
    if tail.secret and isinstance(check, RunCheck):
        check = RunCheck(check.command, check.code, tail.secret)
    if tail.within and isinstance(check, ExitCheck | StdoutCheck):
        raise GrammarError("`within` needs a check that can be made again; exit and stdout cannot")
    return Expectation(" ".join(source.split()), check, tail.within, span)


def _tail(text: str) -> _Tail:
    within, secret = 0.0, None
    while True:
        if found := _WITHIN.search(text):
            within = duration(found[1])
        elif found := _SECRET.search(text):
            secret = found[1]
        else:
            return _Tail(within, secret, text)
        text = text[: found.start()]


def _exit(argument: str, rest: str) -> CheckKind:
    if rest or not argument.isdigit():
        raise GrammarError("write exit N")
    return ExitCheck(int(argument))


def _stdout(argument: str, rest: str) -> CheckKind:
    _nothing(rest)
    if argument.startswith("json"):
        path, comparison = _braces(argument[4:].strip())
        return StdoutCheck(None, Comparison(path, *comparison))
    if not argument.startswith("=~"):
        raise GrammarError("write stdout =~ /re/ or stdout json {path} op value")
    return StdoutCheck(_pattern(argument[2:].strip()), None)


def _k8s(argument: str, rest: str) -> CheckKind:
    _nothing(rest)
    match = _K8S.fullmatch(argument)
    if match is None:
        raise GrammarError("write k8s kind/name [-n namespace] {path} op value")
    if match["rest"].startswith("{"):
        path, compared = _braces(match["rest"])
        return K8sCheck(match["resource"], match["ns"], Comparison(path, *compared))
    comparison = Comparison("", *_compared(match["rest"]))
    return K8sCheck(match["resource"], match["ns"], comparison)


def _http(argument: str, rest: str) -> CheckKind:
    _nothing(rest)
    match = _HTTP.fullmatch(argument)
    if match is None:
        raise GrammarError("write http COMPONENT/path {path} op value, or … status op N")
    if match["rest"].startswith("status"):
        comparison = Comparison("status", *_compared(match["rest"][len("status") :].strip()))
    else:
        path, compared = _braces(match["rest"])
        comparison = Comparison(path, *compared)
    return HttpCheck(match["component"], match["target"], comparison)


def _sql(argument: str, rest: str) -> CheckKind:
    _nothing(rest)
    match = _SQL.fullmatch(argument)
    if match is None:
        raise GrammarError('write sql COMPONENT "SELECT …" op value')
    return SqlCheck(match["component"], match["query"], Comparison("", *_compared(match["rest"])))


def _run(argument: str, rest: str) -> CheckKind:
    # `run CMD` exit N, or all in one code span.
    text = f"{argument} {rest}".strip()
    match = re.fullmatch(r"(?P<command>.+?)\s+exit (?P<code>\d{1,3})", text)
    if match is None:
        raise GrammarError("write `run CMD` exit N")
    return RunCheck(match["command"], int(match["code"]), None)


_READERS: Final[Mapping[str, Callable[[str, str], CheckKind]]] = {
    "exit": _exit,
    "stdout": _stdout,
    "k8s": _k8s,
    "http": _http,
    "sql": _sql,
    "run": _run,
}


def _nothing(rest: str) -> None:
    if rest:
        raise GrammarError(f"{rest!r} does not belong here")


def _braces(text: str) -> tuple[str, tuple[Operator, str | None]]:
    match = _BRACES.fullmatch(text)
    if match is None:
        raise GrammarError("a {path} is missing, e.g. {.status.phase}")
    path = match["path"].strip()
    if not path.startswith("."):
        raise GrammarError(f"the path {{{path}}} begins with a dot, e.g. {{.status.phase}}")
    return path, _compared(match["rest"])


def _compared(text: str) -> tuple[Operator, str | None]:
    if text == "exists":
        return "exists", None
    if text == "absent":
        return "absent", None
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise GrammarError(f"an operator and a value are missing ({' '.join(OPERATORS)})")
    op: Operator = next(operator for operator in OPERATORS if operator == match["op"])
    right = match["right"].strip()
    return op, _pattern(right) if op == "=~" else right


def _pattern(text: str) -> str:
    if len(text) < 3 or text[0] != "/" or text[-1] != "/":
        raise GrammarError("a pattern stands between slashes: /re/")
    fault = pattern.check(text[1:-1])
    if fault:
        raise GrammarError(fault)
    return text[1:-1]


def operators(text: str) -> tuple[Operator, str]:
    """Return (operator, value) of `op value`, for conditions.

    Raises:
        GrammarError: there is none.
    """
    op, right = _compared(text)
    return op, right or ""
