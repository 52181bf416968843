"""What a project changes about rules: TOML values → overrides. All faults are found together.

Rules are named by id or name; a name two rules share means both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from kbtool.graph.conventions import Override
from kbtool.lint.rule import Rule
from kbtool.lint.rules import RULES
from kbtool.values import Faults, choice, each, faults_of, folder, near, table, texts

SEVERITIES: Final = ("error", "warning")
_severity: Final = choice(*SEVERITIES)
Schema = dict[str, Any]


# ---------------------------------------------------------------------- names of rules
def rule_keys() -> list[str]:
    """Return every id, then every name."""
    return sorted(RULES.keys)  # ids first: they begin with a capital


def _named(key: str) -> list[Rule]:
    found = list(RULES.named({key}))
    if not found:
        raise ValueError(f"unknown rule {key!r}{near(key, rule_keys())}")
    return found


def rule_names(value: Any) -> tuple[str, ...]:
    """Return names of rules as they are written.

    Raises:
        TypeError, Faults: it is no list of strings, or some are no rules.
    """
    keys = texts(value)
    each(keys, _named)
    return keys


# ---------------------------------------------------------------------- values by rule
def severities(value: Any) -> dict[str, str]:
    """Return the severity by rule id.

    Raises:
        TypeError, Faults: it is no table, some are no rules, or no severities.
    """

    def read(key: str) -> list[tuple[str, str]]:
        rules = _named(key)
        try:
            severity = _severity(value[key])
        except ValueError as fault:
            raise ValueError(f"{key}: {fault}") from fault
        return [(rule.id, severity) for rule in rules]

    return dict(each(table(value), read))


def options(value: Any) -> dict[str, dict[str, object]]:
    """Return the options by rule id.

    Raises:
        TypeError, Faults: it is no table of tables, or some rules or options are unknown or wrong.
    """

    def read(key: str) -> list[tuple[str, dict[str, object]]]:
        rules = _named(key)
        try:
            own = table(value[key])
        except TypeError as fault:
            raise ValueError(f"{key}: {fault}") from fault
        faults = [said for name in own for said in _option_faults(key, rules, name, own[name])]
        if faults:
            raise Faults(faults)
        return [(rule.id, {n: own[n] for n in own if n in (rule.options or {})}) for rule in rules]

    return dict(each(table(value), read))


def _option_faults(key: str, rules: Sequence[Rule], name: str, value: Any) -> Iterator[str]:
    defaults = {n: default for rule in rules for n, default in (rule.options or {}).items()}
    if name not in defaults:
        known = near(name, list(defaults)) if defaults else " (it has none)"
        yield f"{key}: unknown option {name!r}{known}"
    elif type(value) is not type(defaults[name]) or (isinstance(value, int) and value < 0):
        yield f"{key}: {name}: must be {_TYPES[type(defaults[name])][0]}"


_TYPES: Final[Mapping[type, tuple[str, Schema]]] = {
    bool: ("true or false", {"type": "boolean"}),
    int: ("a number, at least 0", {"type": "integer", "minimum": 0}),
    str: ("a string", {"type": "string"}),
}


# ---------------------------------------------------------------------- folders
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "folder": folder,
    "ignore": rule_names,
    "severity": severities,
    "rules": options,
}


def overrides(value: Any) -> tuple[Override, ...]:
    """Return what is different below folders of the base, in the order it is written.

    Raises:
        TypeError, Faults: it is no list of tables, or keys, rules or values are wrong.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError("must be a list of tables")
    return tuple(each(enumerate(value, 1), lambda entry: [_override(*entry)]))


def _override(number: int, written: Mapping[str, Any]) -> Override:
    values: dict[str, Any] = {}
    faults = [] if "folder" in written else ["has no folder"]
    for key, value in written.items():
        if key not in _READERS:
            faults.append(f"unknown key {key!r}{near(key, list(_READERS))}")
            continue
        try:
            values[key] = _READERS[key](value)
        except (TypeError, ValueError) as fault:
            faults += (f"{key}: {said}" for said in faults_of(fault))
    if faults:
        raise Faults([f"{number}: {fault}" for fault in faults])
    return override(
        f"overrides {number} (folder {values['folder']!r})",
        values["folder"],
        values.get("ignore", ()),
        values.get("severity", {}),
        values.get("rules", {}),
    )


def override(
    source: str,
    where: str | None,
    ignore: Sequence[str],
    severity: Mapping[str, str],
    own: Mapping[str, Mapping[str, object]],
) -> Override:
    """Return an override of values that were read."""
    ids = frozenset(rule.id for key in ignore for rule in _named(key))
    return Override(source, where, ids, severity, own)


# ---------------------------------------------------------------------- JSON Schema
def rule_list_schema() -> Schema:
    """Return the schema of a list of rules."""
    return {"type": "array", "items": {"enum": rule_keys()}, "uniqueItems": True}


def severity_schema() -> Schema:
    """Return the schema of severities by rule."""
    return {
        "type": "object",
        "propertyNames": {"enum": rule_keys()},
        "additionalProperties": {"enum": list(SEVERITIES)},
    }


def options_schema() -> Schema:
    """Return the schema of options by rule."""
    tables = {
        key: _options_schema(rule) for rule in RULES if rule.options for key in (rule.id, rule.name)
    }
    return {"type": "object", "properties": tables, "additionalProperties": False}


def _options_schema(rule: Rule) -> Schema:
    declared = {
        name: _TYPES[type(default)][1] | {"default": default}
        for name, default in (rule.options or {}).items()
    }
    return {
        "type": "object",
        "description": rule.summary,
        "properties": declared,
        "additionalProperties": False,
    }


def overrides_schema() -> Schema:
    """Return the schema of overrides."""
    entry = {
        "type": "object",
        "properties": {
            "folder": {"type": "string"},
            "ignore": rule_list_schema(),
            "severity": severity_schema(),
            "rules": options_schema(),
        },
        "required": ["folder"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": entry}
