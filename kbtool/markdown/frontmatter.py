"""YAML front matter → values. The only door to PyYAML.

The C loader overflows its stack on deep nesting and expands aliases without limit, so size,
depth and aliases are bounded before it sees the text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

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
    return match["yaml"] or "", blank + text[match.end() :]


def read_front_matter(text: str) -> Mapping[str, object]:
    """Return the mapping written in `text`; empty when it is no mapping, hostile or malformed.

    The conventions do not rest on front matter, so a bad one is nobody's error.
    """
    if len(text) > MAX_CHARS or _too_deep(text) or _ALIAS.search(text):
        return {}
    import yaml

    try:
        value = yaml.load(text, Loader=yaml.CSafeLoader)
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
