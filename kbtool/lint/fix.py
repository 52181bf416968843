"""Applying fixes: passes over the texts until nothing changes. Pure; writing is the caller's."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.engine import Report, lint
from kbtool.lint.rule import Finding, Rule
from kbtool.text import Edit, apply_edits

PASSES: Final = 10
# How often what a fix brings about is mended with it: a status that changes makes its row in a
# hub wrong, a row that changes makes the hub's date old.
_CONSEQUENCES: Final = 3
Rebuild = Callable[[Mapping[str, str]], KnowledgeBase]
Wanted = Callable[[Finding], bool]
Print = tuple[str, str, str]


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
    fix counts only if the findings after it, and after the fixes of what it brought about, are
    a strict subset of those before: a fix that makes something else wrong is not applied.
    """
    mender = _Mender(rules, rebuild)
    state = _State(kb, report, {})
    for _ in range(PASSES):
        prints = [fingerprint(f) for f in state.report.findings if f.fix and wanted(f)]
        after = mender.mended(state, tuple(dict.fromkeys(prints)))
        if after is state:
            break
        state = after
    return Fixed(state.texts, state.report, len(report.findings) - len(state.report.findings))


@dataclass(frozen=True, slots=True)
class _State:
    kb: KnowledgeBase
    report: Report
    texts: Mapping[str, str]  # all that changed so far


@dataclass(frozen=True, slots=True)
class _Mender:
    rules: Sequence[Rule]
    rebuild: Rebuild

    def mended(self, state: _State, prints: Sequence[Print]) -> _State:
        """Return the state after the fixes of these findings; where refused, after each half's."""
        if not prints:
            return state
        done = self._tried(state, prints)
        if done or len(prints) == 1:
            return done or state
        half = len(prints) // 2
        return self.mended(self.mended(state, prints[:half]), prints[half:])

    def _tried(self, state: _State, prints: Collection[Print]) -> _State | None:
        """Return the state after the fixes and those of their consequences, None if refused."""
        before = _prints(state.report)
        now = state
        for _ in range(_CONSEQUENCES):
            after = self._applied(now, prints)
            if after is None:
                return None
            now, left = after, _prints(after.report)
            if left < before:
                return now
            prints = left - before
        return None

    def _applied(self, state: _State, prints: Collection[Print]) -> _State | None:
        edits = _compatible(
            [f for f in state.report.findings if f.fix and fingerprint(f) in prints]
        )
        texts = {path: apply_edits(state.kb.pages[path].text, own) for path, own in edits.items()}
        texts = {path: text for path, text in texts.items() if text != state.kb.pages[path].text}
        if not texts:
            return None
        texts = {**state.texts, **texts}
        kb = self.rebuild(texts)
        return _State(kb, lint(kb, self.rules), texts)


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
        return not (edit.appends and other.appends)
    return edit.span.start < other.span.end and other.span.start < edit.span.end
