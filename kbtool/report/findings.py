"""Findings as text, one line each, and JSON."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding
from kbtool.markdown.page import Page
from kbtool.text import Span

VERSION: Final = 1
COVER: Final = "•"
Style = Callable[[str, str], str]  # (text, one of path, error, warning, dim) → text


def _position(kb: KnowledgeBase, path: str, offset: int) -> tuple[int, int]:
    page = kb.pages.get(path)
    return page.lines.position(offset) if page else (1, 1)


def concise(kb: KnowledgeBase, findings: tuple[Finding, ...]) -> Iterator[str]:
    """Yield `path:line:column: KB101 message`."""
    for finding in findings:
        line, column = _position(kb, finding.path, finding.span.start)
        yield f"{finding.path}:{line}:{column}: {finding.rule} {finding.message}"


def text(kb: KnowledgeBase, findings: tuple[Finding, ...], style: Style) -> Iterator[str]:
    """Yield findings grouped by page, each with its line of the page and a mark below."""
    last = None
    hidden = secrets(findings)
    for finding in findings:
        if finding.path != last:
            yield from ("",) if last is not None else ()
            yield style(finding.path, "path")
            last = finding.path
        yield from _lines(kb, finding, hidden.get(finding.path, ()), style)


def secrets(findings: tuple[Finding, ...]) -> Mapping[str, tuple[Span, ...]]:
    """Return by page the places that no report may show, whatever finding it speaks of."""
    found: dict[str, list[Span]] = {}
    for finding in findings:
        if finding.secret:
            found.setdefault(finding.path, []).append(finding.span)
    return {path: tuple(spans) for path, spans in found.items()}


def source_line(page: Page, line: int, hidden: tuple[Span, ...]) -> str:
    """Return a line of the page with what is hidden covered."""
    start = page.lines.offset(line)
    end = page.text.find("\n", start)
    end = len(page.text) if end < 0 else end
    shown = list(page.text[start:end])
    for span in hidden:
        for at in range(max(span.start, start), min(span.end, end)):
            shown[at - start] = COVER
    return "".join(shown)


def _lines(
    kb: KnowledgeBase, finding: Finding, hidden: tuple[Span, ...], style: Style
) -> Iterator[str]:
    line, column = _position(kb, finding.path, finding.span.start)
    rule = style(f"{finding.rule} {finding.name}", finding.severity or "error")
    yield f"  {line}:{column} {rule}: {finding.message}"
    page = kb.pages.get(finding.path)
    if page and page.text:
        source = source_line(page, line, hidden)
        width = max(1, min(finding.span.end - finding.span.start, len(source) - column + 1))
        shown, shift = _window(source, column - 1)
        yield f"      {shown}"
        yield "      " + " " * shift + style("^" * min(width, len(shown) - shift or 1), "dim")
    if finding.help:
        yield f"      {style(finding.help, 'dim')}"


def _window(source: str, column: int) -> tuple[str, int]:
    """Return at most 90 characters around the place, and where in them it is."""
    source = source.replace("\t", " ")
    if len(source) <= 90:
        return source, column
    start = max(0, min(column - 10, len(source) - 90))
    cut = source[start : start + 90]
    return ("…" + cut[1:] if start else cut), column - start


def statistics(findings: tuple[Finding, ...]) -> Iterator[str]:
    """Yield rules by how often they were found, with how many of those can be fixed."""
    counts = Counter((f.rule, f.name) for f in findings)
    fixable = Counter(f.rule for f in findings if f.fix)
    for (rule, name), count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        yield f"{count:6} {rule} {name}" + (f" ({fixable[rule]} fixable)" if fixable[rule] else "")


def summary(
    findings: tuple[Finding, ...], pages: int, fixed: int, suppressed: int
) -> Mapping[str, int]:
    """Return the numbers of the last line."""
    return {
        "pages": pages,
        "errors": sum(finding.severity == "error" for finding in findings),
        "warnings": sum(finding.severity == "warning" for finding in findings),
        "fixable": sum(bool(finding.fix) for finding in findings),
        "fixed": fixed,
        "suppressed": suppressed,
    }


def to_json(kb: KnowledgeBase, findings: tuple[Finding, ...], numbers: Mapping[str, int]) -> Any:
    """Return the documented JSON; lines and columns from 1 in code points, ends exclusive."""
    return {
        "version": VERSION,
        "findings": [_finding_json(kb, finding) for finding in findings],
        "summary": dict(numbers),
    }


def _place(kb: KnowledgeBase, path: str, span: Span) -> dict[str, int]:
    line, column = _position(kb, path, span.start)
    end_line, end_column = _position(kb, path, span.end)
    return {"line": line, "column": column, "end_line": end_line, "end_column": end_column}


def _finding_json(kb: KnowledgeBase, finding: Finding) -> dict[str, Any]:
    edits = [
        {"path": edit.path, **_place(kb, edit.path, edit.span), "new": edit.new}
        for edit in finding.fix
    ]
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "path": finding.path,
        **_place(kb, finding.path, finding.span),
        "message": finding.message,
        "help": finding.help,
        "fixable": bool(finding.fix),
        "fix": {"edits": edits} if edits else None,
    }
