"""YAML front matter → values. The only door to PyYAML.

The C loader overflows its stack on deep nesting and expands aliases without limit, so size,
depth and aliases are bounded before it sees the text.
"""

import re
from collections.abc import Mapping
from typing import Final

MAX_CHARS: Final = 64 * 1024
MAX_DEPTH: Final = 64
_ALIAS = re.compile(r"(?:^|[\s\[{,:-])\*[\w-]")
_OPENING = re.compile(r"[\[{]")
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
    blank = re.sub(r"[^\n]", " ", match[0])
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
    except (yaml.YAMLError, ValueError, OverflowError):
        return {}
    return value if isinstance(value, dict) else {}


def _too_deep(text: str) -> bool:
    # Nesting needs an opening bracket or a deeper indentation each: both are counted from above.
    brackets = len(_OPENING.findall(text))
    indents = {len(line) - len(line.lstrip(" -")) for line in text.splitlines()}
    return brackets > MAX_DEPTH or len(indents) > MAX_DEPTH
