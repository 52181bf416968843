"""Findings as text, one line each, and JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding
from kbtool.report.answer import Answer, Place, Shown, Style
from kbtool.report.cover import Cover

VERSION: Final = 1


def answer_of(
    kb: KnowledgeBase, findings: tuple[Finding, ...], numbers: Mapping[str, int] | None = None
) -> Answer:
    """Return an answer of these findings alone."""
    return Answer(kb, findings, Cover(kb, findings), numbers or {})


def at(shown: Shown) -> str:
    """Return `path:line:column`."""
    return f"{shown.path}:{shown.place.line}:{shown.place.column}"


def concise(answer: Answer) -> Iterator[str]:
    """Yield `path:line:column: KB101 message`."""
    for each in answer.shown():
        yield f"{at(each)}: {each.rule} {each.message}"


def text(answer: Answer) -> Iterator[str]:
    """Yield findings grouped by page, each with its line of the page and a mark below."""
    last = None
    for each in answer.shown():
        if each.path != last:
            yield from ("",) if last is not None else ()
            yield answer.style(each.path, "path")
            last = each.path
        yield from _lines(each, answer.style)


def _lines(shown: Shown, style: Style) -> Iterator[str]:
    line, column, *_ = shown.place
    rule = style(f"{shown.rule} {shown.name}", shown.severity)
    yield f"  {line}:{column} {rule}: {shown.message}"
    if shown.source is not None:
        width = max(1, min(_width(shown), len(shown.source) - column + 1))
        cut, shift = _window(shown.source, column - 1)
        yield f"      {cut}"
        yield "      " + " " * shift + style("^" * min(width, len(cut) - shift or 1), "dim")
    if shown.help:
        yield f"      {style(shown.help, 'dim')}"


def _width(shown: Shown) -> int:
    """Return how much of its first line it marks."""
    place = shown.place
    if place.line == place.end_line:
        return place.end_column - place.column
    return len(shown.source or "")


def _window(source: str, column: int) -> tuple[str, int]:
    """Return at most 90 characters around the place, and where in them it is."""
    source = source.replace("\t", " ")
    if len(source) <= 90:
        return source, column
    start = max(0, min(column - 10, len(source) - 90))
    cut = source[start : start + 90]
    return ("…" + cut[1:] if start else cut), column - start


def statistics(answer: Answer) -> Iterator[str]:
    """Yield rules by severity and by how often they were found, with how many can be mended."""
    last = ""
    for count in counts(answer):
        if count["severity"] != last:
            last = count["severity"]
            yield answer.style(f"{last}s", last)
        fixable = f" ({count['fixable']} fixable)" if count["fixable"] else ""
        yield f"{count['count']:6} {count['rule']} {count['name']}{fixable}"


def counts(answer: Answer) -> list[dict[str, Any]]:
    """Return how often each rule was found: errors first, then by number."""
    found = Counter((f.severity or "error", f.rule, f.name) for f in answer.findings)
    fixable = Counter((f.severity or "error", f.rule) for f in answer.findings if f.fix)
    ordered = sorted(found.items(), key=lambda each: (each[0][0], -each[1], each[0][1]))
    return [
        {
            "rule": rule,
            "name": name,
            "severity": severity,
            "count": count,
            "fixable": fixable[severity, rule],
        }
        for (severity, rule, name), count in ordered
    ]


def summary(
    findings: tuple[Finding, ...], pages: int, fixed: int, suppressed: int, known: int = 0
) -> Mapping[str, int]:
    """Return the numbers of the last line."""
    return {
        "pages": pages,
        "errors": sum(finding.severity == "error" for finding in findings),
        "warnings": sum(finding.severity == "warning" for finding in findings),
        "fixable": sum(bool(finding.fix) for finding in findings),
        "fixed": fixed,
        "suppressed": suppressed,
        "baseline": known,
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return the documented JSON; lines and columns from 1 in code points, ends exclusive."""
    return {
        "version": VERSION,
        "findings": [_finding_json(each) for each in answer.shown()],
        **({"statistics": counts(answer)} if answer.counted else {}),
        "summary": dict(answer.numbers),
    }


def to_json(kb: KnowledgeBase, findings: tuple[Finding, ...], numbers: Mapping[str, int]) -> Any:
    """Return the documented JSON of these findings alone."""
    return answer_json(answer_of(kb, findings, numbers))


def _finding_json(shown: Shown) -> dict[str, Any]:
    edits = [
        {"path": each.path, **_place_json(each.place), "new": each.new} for each in shown.changes
    ]
    return {
        "rule": shown.rule,
        "name": shown.name,
        "severity": shown.severity,
        "path": shown.path,
        **_place_json(shown.place),
        "message": shown.message,
        "help": shown.help,
        "fixable": shown.fixable,
        "fix": {"edits": edits} if edits else None,
    }


def _place_json(place: Place) -> dict[str, int]:
    return place._asdict()
