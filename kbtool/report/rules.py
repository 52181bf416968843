"""Rules as a list, and one rule as a page."""

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from kbtool.lint.rule import Rule, Seen


def why(rule: Rule) -> str:
    """Return the docstring of the rule's module: why it exists."""
    module = sys.modules[rule.check.__module__]
    found = getattr(module, "RULE", None)
    if found is not rule:  # its check is shared: the module that holds the rule says why
        for name, candidate in list(sys.modules.items()):
            if name.startswith("kbtool.lint.rules.") and getattr(candidate, "RULE", None) is rule:
                module = candidate
    return inspect.cleandoc(module.__doc__ or "")


def listing(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield one line for each rule."""
    for rule in rules:
        marks = " (fixable)" if rule.fixable else ""
        marks += " (warning)" if rule.severity == "warning" else ""
        marks += "" if rule.default else " (off by default)"
        yield f"{rule.id} {rule.name:22} {rule.summary}{marks}"


def explained(rule: Rule) -> Iterator[str]:
    """Yield the rule's page: what, why, and its examples."""
    yield f"{rule.id} {rule.name}"
    yield f"  {rule.summary}"
    yield f"  {rule.severity}, presets: {', '.join(rule.presets)}" + (
        ", --fix mends it" if rule.fixable else ""
    )
    for name, default in (rule.options or {}).items():
        yield f"  option {name}, default {default}: [tool.kbtool.rules.{rule.id}]"
    if not rule.default:
        yield f"  off by default: --select {rule.id}"
    yield ""
    yield from why(rule).splitlines()
    if rule.seen:
        yield ""
        yield str(rule.seen)
    for title, examples in (("Good", rule.good), ("Reported, between ⟦ and ⟧", rule.bad)):
        for example in examples:
            yield f"\n{title}:"
            for path, text in example.items():
                yield f"  {path}"
                yield from (f"    │ {line}" for line in text.splitlines())


def to_json(rules: Sequence[Rule]) -> dict[str, Any]:
    """Return the rules as JSON data."""
    return {
        "version": 1,
        "rules": [
            {
                "id": rule.id,
                "name": rule.name,
                "summary": rule.summary,
                "severity": rule.severity,
                "fixable": rule.fixable,
                "default": rule.default,
                "presets": list(rule.presets),
                "options": dict(rule.options or {}),
                "why": why(rule),
                "seen": _seen(rule),
            }
            for rule in rules
        ],
    }


def _seen(rule: Rule) -> dict[str, Any] | None:
    seen = rule.seen
    if not isinstance(seen, Seen):
        return {"unseen": seen.why} if seen else None
    return {"found": seen.found, "read": seen.read, "right": seen.right, "note": seen.note}
