"""Applying fixes: passes over the texts until nothing changes. Pure; writing is the caller's."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.engine import Report, lint
from kbtool.lint.rule import Finding, Rule
from kbtool.text import Edit, apply_edits

PASSES: Final = 10
Rebuild = Callable[[Mapping[str, str]], KnowledgeBase]  # the first base with these texts in it


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
        step = _pass(kb, rules, report, _beside(texts, rebuild))
        if step is None:
            break
        kb, report, changed = step
        texts = {**texts, **changed}
    return Fixed(texts, report, first - len(report.findings))


def _beside(texts: Mapping[str, str], rebuild: Rebuild) -> Rebuild:
    return lambda changed: rebuild({**texts, **changed})


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
    """Apply the fixes, and then what they call for: a page that was changed gets its date."""
    before = _prints(report.findings)
    texts: dict[str, str] = {}
    for _ in range(2):
        changed = _changed(kb, findings)
        if not changed:
            return None
        texts |= changed
        kb = rebuild(texts)
        left = lint(kb, rules)
        if _prints(left.findings) < before:
            return kb, left, texts
        findings = [f for f in left.findings if f.fix and _print(f) not in before]
    return None


def _changed(kb: KnowledgeBase, findings: Sequence[Finding]) -> dict[str, str]:
    """Return the pages that the fixes change, with their new texts."""
    edits = _compatible(findings)
    texts = {path: apply_edits(kb.pages[path].text, own) for path, own in edits.items()}
    return {path: text for path, text in texts.items() if text != kb.pages[path].text}


def _prints(findings: Iterable[Finding]) -> Counter[tuple[str, str, str]]:
    return Counter(map(_print, findings))


def _print(finding: Finding) -> tuple[str, str, str]:
    """Return the finding's fingerprint: rule, page and message, since offsets move."""
    return finding.rule, finding.path, finding.message


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
