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


@dataclass(frozen=True, slots=True)
class Fixed:
    """The texts that changed, what is left to report, and how many findings are gone."""

    texts: Mapping[str, str]
    report: Report
    count: int


def fix(kb: KnowledgeBase, rules: Sequence[Rule], report: Report, rebuild: Rebuild) -> Fixed:
    """Return the outcome of fixing all that can be fixed.

    A pass counts only if the findings after it are a strict subset of those before: a fix that
    makes something else wrong is not applied.
    """
    texts: dict[str, str] = {}
    first = len(report.findings)
    for _ in range(PASSES):
        step = _pass(kb, rules, report, rebuild)
        if step is None:
            break
        kb, report, changed = step
        texts |= changed
    return Fixed(texts, report, first - len(report.findings))


Step = tuple[KnowledgeBase, Report, dict[str, str]]


def _pass(
    kb: KnowledgeBase, rules: Sequence[Rule], report: Report, rebuild: Rebuild
) -> Step | None:
    """Apply what does not overlap; where that is refused, try each finding alone."""
    fixable = [finding for finding in report.findings if finding.fix]
    if not fixable:
        return None
    together = _try(kb, rules, report, rebuild, fixable)
    if together is not None:
        return together
    for finding in fixable:
        alone = _try(kb, rules, report, rebuild, [finding])
        if alone is not None:
            return alone
    return None


def _try(
    kb: KnowledgeBase,
    rules: Sequence[Rule],
    report: Report,
    rebuild: Rebuild,
    findings: Sequence[Finding],
) -> Step | None:
    edits = _compatible(findings)
    changed = {path: apply_edits(kb.pages[path].text, own) for path, own in edits.items()}
    changed = {path: text for path, text in changed.items() if text != kb.pages[path].text}
    if not changed:
        return None
    after = rebuild(changed)
    left = lint(after, rules)
    if _prints(left) < _prints(report):
        return after, left, changed
    return None


def _prints(report: Report) -> Counter[tuple[str, str, str]]:
    """Return fingerprints: rule, page and message, since offsets move."""
    return Counter((f.rule, f.path, f.message) for f in report.findings)


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
