"""The directives of a mermaid diagram, `%%{init: {'theme':'base'}}%%`, as mermaid 12 reads them.

Mermaid looks for them anywhere in the text, takes single quotes for double ones and the value for
JSON; what it does not understand it ignores without a word. Source: `detectInit`,
`detectDirective` and `directiveRegex` of mermaid.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, Final, NamedTuple

from kbtool.text import Span

OPEN: Final = "%%{"
CLOSE: Final = "}%%"
INITS: Final = frozenset({"init", "initialize"})
_NAME: Final = re.compile(r"\s*(\w+)\s*(:?)", re.ASCII)


class Directive(NamedTuple):
    """One directive; `config` is what an init says, `fault` why mermaid ignores it."""

    name: str
    span: Span
    config: Mapping[str, Any]
    fault: str = ""
    closed: bool = True

    @property
    def init(self) -> bool:
        """Return whether it is an init mermaid understands."""
        return self.name in INITS and not self.fault


def directives(text: str) -> Iterator[Directive]:
    """Yield the directives of a diagram."""
    at = text.find(OPEN)
    while at >= 0:
        end = text.find(CLOSE, at)
        stop = len(text) if end < 0 else end + len(CLOSE)
        inner = text[at + len(OPEN) : stop if end < 0 else end]
        yield _directive(inner, Span(at, stop), closed=end >= 0)
        at = text.find(OPEN, stop)


def _directive(inner: str, span: Span, *, closed: bool) -> Directive:
    match = _NAME.match(inner)
    if match is None:
        return Directive("", span, {}, "it has no name", closed)
    name = match[1]
    if name == "wrap":
        return Directive(name, span, {}, "", closed)
    if name not in INITS:
        return Directive(name, span, {}, f"there is no {name!r}", closed)
    if not match[2]:
        return Directive(name, span, {}, "it says nothing", closed)
    try:
        config = json.loads(inner[match.end() :].replace("'", '"'), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Directive(name, span, {}, f"its value is no JSON: {error}", closed)
    if not isinstance(config, dict):
        return Directive(name, span, {}, "its value has no braces", closed)
    return Directive(name, span, config, "", closed)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def merged(configs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what several inits say together: later ones win, key by key."""
    return reduce(_merge, configs, {})


def _merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> Mapping[str, Any]:
    both = dict(first)
    for key, value in second.items():
        old = both.get(key)
        both[key] = (
            _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return both


def written(config: Mapping[str, Any]) -> str:
    """Return the init that says this, on one line."""
    text = json.dumps(config, ensure_ascii=False, separators=(", ", ":"))
    return "%%{init: " + text.replace("'", "\\u0027").replace('"', "'") + "}%%"
