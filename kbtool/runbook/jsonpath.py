"""A strict subset of JSONPath, as kubectl writes it: `.a.b[0]`, `['k']`, `[?(@.x=="v")]`.

Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/ (the parts named above).
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from kbtool.runbook.model import Json

_TOKEN: Final = re.compile(
    r"""\.(?P<key>(?:[^.\[\]\\'"]|\\.)+)"""
    r"""|\[(?P<index>-?\d+)\]"""
    r"""|\[(?P<quote>['"])(?P<name>.*?)(?P=quote)\]"""
    r"""|\[\?\(@(?P<path>(?:\.[^=!\]\s]+)+)\s*==\s*(?P<value>"[^"]*"|'[^']*'|[^)\s]+)\)\]"""
)


class PathError(ValueError):
    """The path is not of the subset."""


def lookup(value: Json, path: str) -> Sequence[Json]:
    """Return what the path finds: no element when it is missing.

    Raises:
        PathError: the path is malformed.
    """
    found = [value]
    for match in _tokens(path):
        found = [item for each in found for item in _step(each, match)]
    return found


def _tokens(path: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(path):
        match = _TOKEN.match(path, at)
        if match is None:
            raise PathError(f"{path!r} is no path from {path[at:]!r} on")
        yield match
        at = match.end()


def _step(value: Json, match: re.Match[str]) -> Iterator[Json]:
    if match["path"] is not None:
        yield from _filtered(value, match["path"], match["value"])
    elif match["index"] is not None:
        index = int(match["index"])
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]
    else:
        key = match["name"] if match["key"] is None else re.sub(r"\\(.)", r"\1", match["key"])
        if isinstance(value, dict) and key in value:
            yield value[key]


def _filtered(value: Json, path: str, wanted: str) -> Iterator[Json]:
    right = scalar(f'"{wanted[1:-1]}"' if wanted[0] == "'" else wanted)
    for item in value if isinstance(value, list) else []:
        if any(same(found, right) for found in lookup(item, path)):
            yield item


def scalar(text: str) -> Json:
    """Return the JSON scalar written in `text`, else the text itself."""
    try:
        value: Json = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list) else value


def same(left: Json, right: Json) -> bool:
    """Return whether type and value are equal; `true` is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    return type(left) is type(right) and left == right
