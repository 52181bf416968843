"""How each rule is applied to each page: what the project says, over what the rule declares."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

from kbtool.graph.base import Kind
from kbtool.graph.conventions import Conventions, Override
from kbtool.lint.rule import Options, Rule, Severity

DECLARED: Final = "the rule"  # where a value comes from that nobody configured


class Setting(NamedTuple):
    """One rule on one page; each value with where it comes from."""

    rule: Rule
    ignored: str  # by what, "": it is not
    severity: Severity | None  # None: each finding's own
    severity_from: str
    options: Options
    options_from: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of all rules, page by page."""

    rules: Sequence[Rule]
    conventions: Conventions
    _known: dict[tuple[str, ...], tuple[Setting, ...]] = field(default_factory=dict)

    def of(self, path: str) -> tuple[Setting, ...]:
        """Return the settings for a page, ignored rules too."""
        overrides = self.conventions.overrides_for(path)
        key = tuple(each.source for each in overrides)
        if key not in self._known:
            self._known[key] = tuple(setting(rule, overrides) for rule in self.rules)
        return self._known[key]

    def one(self, rule: str, path: str) -> Setting | None:
        """Return a rule's setting for a page, None where it is not applied there."""
        found = (each for each in self.of(path) if each.rule.id == rule and not each.ignored)
        return next(found, None)


def setting(rule: Rule, overrides: Sequence[Override]) -> Setting:
    """Return what holds for a rule after these overrides, in their order."""
    ignored, severity, severity_from = "", None, DECLARED
    options = dict(rule.options or {})
    options_from = dict.fromkeys(options, DECLARED)
    for each in overrides:
        if rule.id in each.ignore:
            ignored = each.source
        if rule.id in each.severity:
            severity, severity_from = cast("Severity", each.severity[rule.id]), each.source
        own = each.options.get(rule.id, {})
        options |= own
        options_from |= dict.fromkeys(own, each.source)
    return Setting(rule, ignored, severity, severity_from, options, options_from)


def left_out(rule: Rule, preset: str, select: Collection[str], ignore: Collection[str]) -> str:
    """Return why a project does not check a rule, "" where it does."""
    if preset not in rule.presets:
        return f"not in the preset {preset}"
    if rule.id in ignore or rule.name in ignore:
        return "ignore"
    if select:
        return "" if rule.id in select or rule.name in select else "not in select"
    return "" if rule.default else "off unless selected"


def not_asked(rule: Rule, kind: Kind) -> str:
    """Return why a rule is not asked about a kind of page, "" where it is.

    Pages beside the base, and templates, are held to links only; AGENTS.md to rules of its own.
    """
    if "plain" in rule.presets or kind not in (Kind.OUTSIDE, Kind.TEMPLATE):
        return ""
    if kind is Kind.TEMPLATE:
        return "the page is a template"
    return "" if rule.outside else "the page lies beside the base"
