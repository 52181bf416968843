"""Findings a person has answered.

`<!-- kb-ignore KB210: reason -->` on the line before, `<!-- kb-ignore-page KB210: reason -->` in
the head.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kbtool.lint.rule import Finding
from kbtool.markdown.page import Page
from kbtool.text import Edit, Span

_MARK: Final = re.compile(
    r"kb-ignore(?P<page>-page)?\s+(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)(?::(?P<why>.*))?", re.DOTALL
)


@dataclass(slots=True)
class Ignore:
    """One comment: which rules, on which line (None: the page), why; and what it answered."""

    rules: tuple[str, ...]
    line: int | None
    reason: str
    span: Span
    used: int = 0

    def answers(self, finding: Finding, line: int) -> bool:
        """Return whether it is about that finding."""
        return (finding.rule in self.rules or finding.name in self.rules) and self.line in (
            None,
            line,
        )


def ignores(page: Page) -> list[Ignore]:
    """Return the ignore comments of a page."""
    found: list[Ignore] = []
    if "kb-ignore" not in page.text:  # most pages: their comments need not be read
        return found
    for comment in page.comments:
        match = _MARK.fullmatch(comment.text)
        if match is None:
            continue
        rules = tuple(re.split(r"\s*,\s*", match["rules"]))
        whole = bool(match["page"])
        line = None if whole else _next_line(page, comment.span.end)
        found.append(Ignore(rules, line, (match["why"] or "").strip(), comment.span))
    return found


def _next_line(page: Page, end: int) -> int:
    at = end
    while at < len(page.text) and page.text[at] in " \t\n":
        at += 1
    return page.lines.position(min(at, len(page.text)))[0]


def apply(
    findings: Sequence[Finding], page: Page, checked: frozenset[str]
) -> tuple[list[Finding], int]:
    """Return what is left of a page's findings (with KB901, KB902), and how many are gone."""
    marks = ignores(page)
    if not marks:
        return list(findings), 0
    left: list[Finding] = []
    for finding in findings:
        line = page.lines.position(finding.span.start)[0]
        answer = next((mark for mark in marks if mark.answers(finding, line)), None)
        if answer is None:
            left.append(finding)
        else:
            answer.used += 1
    answered = len(findings) - len(left)
    return [*left, *_about(marks, page, checked)], answered


def _about(marks: Sequence[Ignore], page: Page, checked: frozenset[str]) -> Iterator[Finding]:
    for mark in marks:
        names = ", ".join(mark.rules)
        if not mark.used and set(mark.rules) & checked and "KB901" in checked:
            message = f"nothing to ignore here for {names}"
            fix = (Edit(page.path, _line_of(page, mark.span), ""),)
            yield Finding(page.path, mark.span, message, "remove it", fix, rule="KB901")
        if not mark.reason and "KB902" in checked:
            hint = f"<!-- kb-ignore {names}: why -->"
            yield Finding(
                page.path, mark.span, f"{names} is ignored without a reason", hint, rule="KB902"
            )


def _line_of(page: Page, span: Span) -> Span:
    """Return the comment with its line, where it stands alone on it."""
    end = page.text.find("\n", span.end)
    end = len(page.text) if end < 0 else end + 1
    start = page.text.rfind("\n", 0, span.start) + 1
    alone = not page.text[start : span.start].strip() and not page.text[span.end : end].strip()
    return Span(start, end) if alone else span
