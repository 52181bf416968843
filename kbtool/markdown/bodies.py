"""Admonitions, details and tabs of Python-Markdown: their indented bodies as CommonMark reads them.

    !!! note "Title"

        Its body: code for CommonMark.

Sources: Python-Markdown `extensions/admonition.py`; pymdownx `details.py`, `tabbed.py`.
"""

import re
from collections.abc import Mapping
from typing import Final

MARKS: Final = "!?="  # of admonitions, details, tabs
_BEFORE: Final = r"(?:[ \t>]|(?:[-*+]|\d{1,9}[.)])[ \t])*"  # what may stand in front on its line
_MARKER: Final = re.compile(
    rf"(?P<before>{_BEFORE})(?P<mark>!!!|\?\?\?\+?|===(?:\+!?|!\+?)?)(?P<rest>.*)"
)
_NAMES: Final = r" ?[\w-]+(?: +[\w-]+)*"
_RESTS: Final[Mapping[str, re.Pattern[str]]] = {
    "!": re.compile(rf'{_NAMES}(?: +".*")? *'),
    "?": re.compile(rf'(?:{_NAMES})?(?: +".*") *|{_NAMES} *'),
    "=": re.compile(r' +".*" *'),
}
# One of these is in every text that has a mark; each begins as it must, so that searching is cheap.
_MAYBE: Final = (
    re.compile(r"!!! ?[\w-]"),
    re.compile(r'\?\?\?\+?(?: ?[\w-]| +")'),
    re.compile(r'===[+!]{0,2} +"'),
)
_FENCE: Final = re.compile(rf"{_BEFORE}(?P<fence>`{{3,}}(?=[^`]*$)|~{{3,}})")
_RULE: Final = "***"
_LINKED: Final = re.compile(r"[\[<]")


def opened(text: str, marks: str = MARKS) -> str:
    """Return the text with a list's items in place of these constructs: every offset holds.

    The line of a mark becomes an item whose content stands four columns in, as the body does.
    """
    if not marks or not any(maybe.search(text) for maybe in _MAYBE):
        return text
    lines = text.split("\n")
    fence = ""
    for number, line in enumerate(lines):
        if fence:
            fence = "" if _closes(line, fence) else fence
        elif begun := _FENCE.match(line):
            fence = begun["fence"]
        elif (found := _MARKER.fullmatch(line)) and _is_mark(found, marks):
            lines[number] = _item(line, found.end("before"))
    return "\n".join(lines)


def _closes(line: str, fence: str) -> bool:
    written = line.strip(" \t>")
    return len(written) >= len(fence) and not written.strip(fence[0])


def _is_mark(found: re.Match[str], marks: str) -> bool:
    sign = found["mark"][0]
    return sign in marks and _RESTS[sign].fullmatch(found["rest"]) is not None


def _item(line: str, start: int) -> str:
    """Return the line as an item's; a title with links stays, for any other a rule stands."""
    title = line.find('"', start)
    if title >= 0 and _LINKED.search(line, title):
        content = "." * (title - start - 4) + line[title:]
    else:
        content = _RULE.ljust(len(line) - start - 4)[: len(line) - start - 4]
    return f"{line[:start]}-   {content}"
