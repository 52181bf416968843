"""Rules × pages → findings, ordered; one defect, one finding."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from kbtool.errors import UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.registry import Registry
from kbtool.lint.rule import Finding, Rule
from kbtool.lint.settings import Settings, left_out, not_asked
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


class Report(NamedTuple):
    """What lint found."""

    findings: tuple[Finding, ...]
    pages: int
    suppressed: int
    judged: Mapping[str, Judged]  # by page, where anything was looked for


def choose(
    rules: Registry, preset: str, select: Iterable[str], ignore: Iterable[str]
) -> tuple[Rule, ...]:
    """Return the rules of a preset, narrowed by ids or names; some are on only when selected.

    Raises:
        UsageError: an id or name is unknown; names the nearest.
    """
    wanted, unwanted = set(select), set(ignore)
    for key in sorted((wanted | unwanted) - rules.keys):
        from difflib import get_close_matches

        near = get_close_matches(key, rules.keys, 1)
        hint = f"did you mean {near[0]}?" if near else "kbtool rules lists them"
        raise UsageError(f"no rule {key!r}", hint)
    asked = rules.named(wanted) if wanted else rules
    return tuple(rule for rule in asked if not left_out(rule, preset, wanted, unwanted))


def lint(
    kb: KnowledgeBase, rules: Sequence[Rule], known: Mapping[str, Judged] | None = None
) -> Report:
    """Return all findings of the rules, by path, line, column, rule.

    What is `known` of a page is believed; only rules that a survey suffices for may be known.
    """
    judged = dict(known or {})
    settings = Settings(rules, kb.conventions)
    silenced: dict[str, set[str]] = {}
    by_page: dict[str, list[Finding]] = {}
    pages = [page for page in _to_check(kb, rules) if page.path not in judged]
    for page in pages:
        by_page[page.path] = list(_page_findings(page, kb, settings))
        for finding in by_page[page.path]:
            silenced.setdefault(finding.rule, set()).add(_subject(finding))
    for page in pages:
        findings = [f for f in by_page[page.path] if not _silent(f, silenced)]
        left, answered = apply(findings, page, _checked(settings, page.path))
        judged[page.path] = Judged(tuple(_named(each, settings) for each in left), answered)
    found = [finding for each in judged.values() for finding in each.findings]
    found += _unreadable(kb, settings)
    suppressed = sum(each.suppressed for each in judged.values())
    return Report(tuple(sorted(found, key=_order)), len(kb.pages), suppressed, judged)


def _to_check(kb: KnowledgeBase, rules: Sequence[Rule]) -> list[Page]:
    if kb.shown is None or not all(map(surveyed, rules)):
        return list(kb.pages.values())
    seen = {rule.sees for rule in rules}
    return [kb.pages[path] for path, shows in sorted(kb.shown.items()) if seen & shows]


def surveyed(rule: Rule) -> bool:
    """Return whether a survey of a page can show that the rule finds nothing there."""
    return rule.sees != "all"


def _sees(rule: Rule, path: str, kb: KnowledgeBase) -> bool:
    return kb.shown is None or not surveyed(rule) or rule.sees in kb.shown.get(path, ())


def _page_findings(page: Page, kb: KnowledgeBase, settings: Settings) -> Iterator[Finding]:
    kind = kb.kind(page)
    seen: set[tuple[str, Span, str]] = set()
    for setting in settings.of(page.path):
        rule = setting.rule
        if setting.ignored or not_asked(rule, kind) or not _sees(rule, page.path, kb):
            continue
        for finding in rule.check(page, kb, setting.options):
            key = (rule.id, finding.span, finding.about)
            if key not in seen:
                seen.add(key)
                yield finding._replace(rule=rule.id)


def _checked(settings: Settings, path: str) -> frozenset[str]:
    """Return ids and names of the rules applied to a page."""
    applied = (each.rule for each in settings.of(path) if not each.ignored)
    return frozenset(key for rule in applied for key in (rule.id, rule.name))


def _silent(finding: Finding, silenced: Mapping[str, set[str]]) -> bool:
    return any(
        finding.rule == weaker and _subject(finding) in silenced.get(stronger, ())
        for stronger, weaker in SILENCES
    )


def _subject(finding: Finding) -> str:
    return finding.about or finding.path


def _named(finding: Finding, settings: Settings) -> Finding:
    setting = next(each for each in settings.of(finding.path) if each.rule.id == finding.rule)
    severity = setting.severity or finding.severity or setting.rule.severity
    return finding._replace(name=setting.rule.name, severity=severity)


def _unreadable(kb: KnowledgeBase, settings: Settings) -> Iterator[Finding]:
    for path, why in sorted(kb.unreadable.items()):
        if settings.one("KB001", path):
            message = f"cannot be read: {why.removeprefix('cannot be read: ')}"
            yield _named(Finding(path, Span(0, 0), message, rule="KB001"), settings)


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return finding.path, finding.span.start, finding.span.end, finding.rule, finding.message
