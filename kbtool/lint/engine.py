"""Rules × pages → findings, ordered; one defect, one finding."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from kbtool.errors import UsageError
from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.rule import Finding, Rule
from kbtool.lint.suppress import apply
from kbtool.markdown.page import Page
from kbtool.text import Span

# A finding of the first rule about a path silences the second's about the same path: one defect,
# one finding. What a finding is about is `about`, else its own page.
SILENCES: Final = (
    ("KB107", "KB106"),
    ("KB108", "KB109"),
    ("KB404", "KB106"),
    ("KB404", "KB107"),
    ("KB411", "KB101"),
)


class Judged(NamedTuple):
    """What is left of a page's findings, and how many of them are answered."""

    findings: tuple[Finding, ...]
    suppressed: int


@dataclass(frozen=True, slots=True)
class Report:
    """What lint found."""

    findings: tuple[Finding, ...]
    pages: int
    suppressed: int
    judged: Mapping[str, Judged]  # by page, where anything was looked for


def choose(
    rules: Sequence[Rule], preset: str, select: Iterable[str], ignore: Iterable[str]
) -> tuple[Rule, ...]:
    """Return the rules of a preset, narrowed by ids or names; some are on only when selected.

    Raises:
        UsageError: an id or name is unknown; names the nearest.
    """
    wanted, unwanted = set(select), set(ignore)
    known = {key for rule in rules for key in (rule.id, rule.name)}
    for key in sorted((wanted | unwanted) - known):
        from difflib import get_close_matches

        near = get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]}?" if near else "kbtool rules lists them"
        raise UsageError(f"no rule {key!r}", hint)
    return tuple(
        rule
        for rule in rules
        if preset in rule.presets
        and (wanted & {rule.id, rule.name} if wanted else rule.default)
        and not unwanted & {rule.id, rule.name}
    )


def lint(
    kb: KnowledgeBase, rules: Sequence[Rule], known: Mapping[str, Judged] | None = None
) -> Report:
    """Return all findings of the rules, by path, line, column, rule.

    What is `known` of a page is believed; only rules that a survey suffices for may be known.
    """
    judged = dict(known or {})
    checked = frozenset(key for rule in rules for key in (rule.id, rule.name))
    silenced: dict[str, set[str]] = {}
    by_page: dict[str, list[Finding]] = {}
    pages = [page for page in _to_check(kb, rules) if page.path not in judged]
    for page in pages:
        by_page[page.path] = list(_page_findings(page, kb, rules))
        for finding in by_page[page.path]:
            silenced.setdefault(finding.rule, set()).add(_subject(finding))
    for page in pages:
        findings = [f for f in by_page[page.path] if not _silent(f, silenced)]
        left, answered = apply(findings, page, checked)
        judged[page.path] = Judged(tuple(_named(each, rules) for each in left), answered)
    found = [finding for each in judged.values() for finding in each.findings]
    found += _unreadable(kb, rules)
    suppressed = sum(each.suppressed for each in judged.values())
    return Report(tuple(sorted(found, key=_order)), len(kb.pages), suppressed, judged)


def _to_check(kb: KnowledgeBase, rules: Sequence[Rule]) -> list[Page]:
    passed = kb.quiet & kb.still if all(surveyed(rule) for rule in rules) else frozenset()
    return [page for path, page in kb.pages.items() if path not in passed]


def surveyed(rule: Rule) -> bool:
    """Return whether a survey of a page can show that the rule finds nothing there."""
    return rule.sees != "all"


def _finds_nothing(rule: Rule, path: str, kb: KnowledgeBase) -> bool:
    return (rule.sees == "links" and path in kb.quiet) or (rule.sees == "loud" and path in kb.still)


def _page_findings(page: Page, kb: KnowledgeBase, rules: Sequence[Rule]) -> Iterator[Finding]:
    # Pages beside the base, and templates, are held to links only; AGENTS.md to rules of its own.
    kind = kb.kind(page)
    apart = kind in (Kind.OUTSIDE, Kind.TEMPLATE)
    seen: set[tuple[str, Span, str]] = set()
    for rule in rules:
        if apart and "plain" not in rule.presets and not (rule.outside and kind is Kind.OUTSIDE):
            continue
        if _finds_nothing(rule, page.path, kb):
            continue
        for finding in rule.check(page, kb, rule.options or {}):
            key = (rule.id, finding.span, finding.about)
            if key not in seen:
                seen.add(key)
                yield replace(finding, rule=rule.id)


def _silent(finding: Finding, silenced: Mapping[str, set[str]]) -> bool:
    return any(
        finding.rule == weaker and _subject(finding) in silenced.get(stronger, ())
        for stronger, weaker in SILENCES
    )


def _subject(finding: Finding) -> str:
    return finding.about or finding.path


def _named(finding: Finding, rules: Sequence[Rule]) -> Finding:
    rule = next(rule for rule in rules if rule.id == finding.rule)
    return replace(finding, name=rule.name, severity=finding.severity or rule.severity)


def _unreadable(kb: KnowledgeBase, rules: Sequence[Rule]) -> Iterator[Finding]:
    rule = next((rule for rule in rules if rule.id == "KB001"), None)
    for path, why in sorted(kb.unreadable.items()) if rule else ():
        yield Finding(
            path,
            Span(0, 0),
            f"cannot be read: {why.removeprefix('cannot be read: ')}",
            severity="error",
            rule="KB001",
            name=rule.name if rule else "",
        )


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return finding.path, finding.span.start, finding.span.end, finding.rule, finding.message
