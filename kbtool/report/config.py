"""The configuration, and what holds for a page, as text and JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from kbtool.lint.settings import Setting

VERSION: Final = 1


def value_line(key: str, value: object, source: str) -> str:
    """Return one line `key = value  # where from`."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}  # {source}"


def setting_json(setting: Setting, off: str) -> dict[str, Any]:
    """Return one rule on a page."""
    return {
        "id": setting.rule.id,
        "name": setting.rule.name,
        "on": not off,
        "why_off": off,
        "severity": setting.severity or setting.rule.severity,
        "severity_from": setting.severity_from,
        "options": [
            {"name": name, "value": value, "from": setting.options_from[name]}
            for name, value in setting.options.items()
        ],
    }


def setting_lines(settings: Sequence[tuple[Setting, str]]) -> Iterator[str]:
    """Yield the rules that hold, then those that do not, each with why."""
    for setting, off in settings:
        if not off:
            yield " ".join(_held(setting))
    yield ""
    for setting, off in settings:
        if off:
            yield f"{setting.rule.id} {setting.rule.name:22} off: {off}"


def _held(setting: Setting) -> Iterator[str]:
    severity = setting.severity or setting.rule.severity
    yield f"{setting.rule.id} {setting.rule.name:22} {severity} ({setting.severity_from})"
    for name, value in setting.options.items():
        yield f"{name} = {json.dumps(value)} ({setting.options_from[name]})"
