"""Applying fixes: passes over the texts until nothing changes. Pure; writing is the caller's."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.engine import Report, lint
from kbtool.lint.rule import Finding, Rule
from kbtool.text import Edit, apply_edits

PASSES: Final = 10
Rebuild = Callable[[Mapping[str, str]], KnowledgeBase]
Wanted = Callable[[Finding], bool]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The texts that changed, what is left to report, and how many findings are gone."""

    texts: Mapping[str, str]
    report: Report
    count: int


def _every(_finding: Finding) -> bool:
    return True


def fix(
    kb: KnowledgeBase,
    rules: Sequence[Rule],
    report: Report,
    rebuild: Rebuild,
    wanted: Wanted = _every,
) -> Fixed:
    """Return the outcome of fixing all that can be fixed and is wanted.

    `rebuild` takes every text that differs from `kb` and returns the knowledge base with them. A
    pass counts only if the findings after it are a strict subset of those before: a fix that
    makes something else wrong is not applied.
    """
    step = _Step(kb, report, {})
    for _ in range(PASSES):
        following = _pass(step, rules, rebuild, wanted)
        if following is None:
            break
        step = following
    return Fixed(step.texts, step.report, len(report.findings) - len(step.report.findings))


@dataclass(frozen=True, slots=True)
class _Step:
    """Where the passes have come: the knowledge base, its findings, all texts changed so far."""

    kb: KnowledgeBase
    report: Report
    texts: Mapping[str, str]


def _pass(step: _Step, rules: Sequence[Rule], rebuild: Rebuild, wanted: Wanted) -> _Step | None:
    """Apply what does not overlap; where that is refused, try each finding alone."""
    fixable = [finding for finding in step.report.findings if finding.fix and wanted(finding)]
    if not fixable:
        return None
    together = _try(step, rules, rebuild, fixable)
    if together is not None:
        return together
    for finding in fixable:
        alone = _try(step, rules, rebuild, [finding])
        if alone is not None:
            return alone
    return None


def _try(
    step: _Step, rules: Sequence[Rule], rebuild: Rebuild, findings: Sequence[Finding]
) -> _Step | None:
    edits = _compatible(findings)
    pages = step.kb.pages
    changed = {path: apply_edits(pages[path].text, own) for path, own in edits.items()}
    changed = {path: text for path, text in changed.items() if text != pages[path].text}
    if not changed:
        return None
    texts = {**step.texts, **changed}
    after = rebuild(texts)
    left = lint(after, rules)
    return _Step(after, left, texts) if _prints(left) < _prints(step.report) else None


Print = tuple[str, str, str]


def fingerprint(finding: Finding) -> Print:
    """Return rule, page and message: what stays when offsets move."""
    return finding.rule, finding.path, finding.message


def _prints(report: Report) -> Counter[Print]:
    return Counter(map(fingerprint, report.findings))


def _compatible(findings: Sequence[Finding]) -> dict[str, list[Edit]]:
    """Return edits by page; a finding whose edits overlap earlier ones waits for the next pass."""
    edits: dict[str, list[Edit]] = {}
    for finding in findings:
        if not any(
            _overlaps(edit, other) for edit in finding.fix for other in edits.get(edit.path, ())
        ):
            for edit in finding.fix:
                edits.setdefault(edit.path, []).append(edit)
    return edits


def _overlaps(edit: Edit, other: Edit) -> bool:
    if edit == other:
        return False
    if edit.span.start == edit.span.end == other.span.start == other.span.end:
        return True
    return edit.span.start < other.span.end and other.span.start < edit.span.end
