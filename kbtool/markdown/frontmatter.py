"""YAML front matter → values. The only door to PyYAML.

The C loader overflows its stack on deep nesting and expands aliases without limit, so size,
depth and aliases are bounded before it sees the text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_CHARS: Final = 64 * 1024
MAX_DEPTH: Final = 64
_ALIAS = re.compile(r"(?:^|[\s\[{,:-])\*[\w-]")
_OPENING = re.compile(r"[\[{]")
_STEP = re.compile(r"[ \t]+|[-?:](?=[ \t])")  # each may begin a block within one line
_FRONT = re.compile(
    r"\A---[ \t]*\n(?P<yaml>(?=[^\n]*\S).*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL
)


def apart(text: str) -> tuple[str, str]:
    """Return (front matter, the text with spaces in its place: every other offset holds).

    Only a block at the very beginning counts, whose first line is not blank: pyromark's own reading
    takes any text between two rules for metadata, headings and links included.
    """
    match = _FRONT.match(text)
    if match is None:
        return "", text
    blank = "\n".join([" " * len(line) for line in match[0].split("\n")])
    return match["yaml"] or "", text.replace(match[0], blank, 1)  # one copy; it is the first


def read_front_matter(text: str) -> Mapping[str, object]:
    """Return the mapping written in `text`; empty when it is no mapping, hostile or malformed.

    The conventions do not rest on front matter, so a bad one is nobody's error.
    """
    import yaml

    return _mapping(text, yaml.CSafeLoader)


def read_settings(text: str) -> Mapping[str, Any]:
    """Return the mapping in a YAML configuration, empty when there is none that can be read.

    A tag (`!!python/name:a.b`, `!ENV`) is not obeyed: its value is the tag's name, with a mapping
    behind it one that has the name under "".
    """
    import yaml

    class Tolerant(yaml.CSafeLoader):
        pass

    def tagged(loader: Any, suffix: str, node: Any) -> Any:
        name = suffix.rpartition(":")[2]
        if isinstance(node, yaml.MappingNode):
            return {"": name, **loader.construct_mapping(node, deep=True)}
        return name

    Tolerant.add_multi_constructor("tag:yaml.org,2002:python/", tagged)
    Tolerant.add_multi_constructor("!", tagged)
    return _mapping(text, Tolerant)


def _mapping(text: str, loader: Any) -> Mapping[str, Any]:
    import yaml

    if len(text) > MAX_CHARS or _too_deep(text) or _ALIAS.search(text):
        return {}
    try:
        value = yaml.load(text, Loader=loader)  # noqa: S506 -- CSafeLoader, or one of its kind
    except (yaml.YAMLError, ValueError, OverflowError, LookupError, AttributeError):
        return {}  # PyYAML lets through what its constructors raise: `!!bool x`, `!!int ""`
    return value if isinstance(value, dict) else {}


def _too_deep(text: str) -> bool:
    # Nesting needs an opening bracket or a column of its own each: both are counted from above.
    brackets = len(_OPENING.findall(text))
    columns = {column for line in text.splitlines() for column in _columns(line)}
    return brackets > MAX_DEPTH or len(columns) > MAX_DEPTH


def _columns(line: str) -> Iterator[int]:
    """Yield every column at which a block may begin: `- ? - a` holds four."""
    at = 0
    while step := _STEP.match(line, at):
        yield at
        at = step.end()
    yield at
