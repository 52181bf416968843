"""SARIF 2.1.0 (OASIS, errata 01): findings with places, fixes, fingerprints, and their rules.

Columns are code points, ends exclusive, as here. Paths are URIs from the root of the checkout.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from kbtool import __version__
from kbtool.lint.baseline import Entry, entries
from kbtool.lint.rule import Rule
from kbtool.report.answer import Answer, Change, Place, Shown
from kbtool.report.rules import why

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
PRINT: Final = "kbtoolFinding/v1"
_ROOT: Final = "SRCROOT"


def sarif(answer: Answer) -> dict[str, Any]:
    """Return the log."""
    driver = {
        "name": "kbtool",
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in answer.rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the checkout."}}},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": notice}} for notice in answer.notices
                ],
            }
        ],
        "results": list(_results(answer)),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": why(rule)},
        "help": {"text": f"{rule.summary}\n\n{why(rule)}\n\nkbtool rules {rule.id}"},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"fixable": rule.fixable, "presets": list(rule.presets)},
    }


def _results(answer: Answer) -> Iterator[dict[str, Any]]:
    index = {rule.id: number for number, rule in enumerate(answer.rules)}
    seen: Counter[Entry] = Counter()
    prints = entries(answer.kb, answer.findings)  # what stays of them when lines move
    for each, entry in zip(answer.shown(), prints, strict=True):
        seen[entry] += 1
        result: dict[str, Any] = {
            "ruleId": each.rule,
            "level": each.severity,
            "message": {"text": f"{each.message}\n{each.help}" if each.help else each.message},
            "locations": [{"physicalLocation": _location(answer, each)}],
            "partialFingerprints": {PRINT: f"{entry.text}:{seen[entry]}"},
        }
        if each.rule in index:
            result["ruleIndex"] = index[each.rule]
        if each.changes:
            result["fixes"] = [_fix(answer, each.changes)]
        yield result


def _location(answer: Answer, shown: Shown) -> dict[str, Any]:
    return {
        "artifactLocation": _artifact(answer, shown.path),
        "region": _region(shown.place),
    }


def _artifact(answer: Answer, path: str) -> dict[str, str]:
    return {"uri": quote(answer.folder + path), "uriBaseId": _ROOT}


def _region(place: Place) -> dict[str, int]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _fix(answer: Answer, changes: Sequence[Change]) -> dict[str, Any]:
    paths = dict.fromkeys(change.path for change in changes)
    return {
        "description": {"text": "What kbtool lint --fix writes."},
        "artifactChanges": [
            {
                "artifactLocation": _artifact(answer, path),
                "replacements": _replacements(c for c in changes if c.path == path),
            }
            for path in paths
        ],
    }


def _replacements(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [
        {"deletedRegion": _region(change.place), "insertedContent": {"text": change.new}}
        for change in changes
    ]
