"""List items → fields: `**Name**: value`, several per bullet where a bold name follows ` · `."""

import re
from collections.abc import Iterator

from kbtool.runbook.model import WrittenField
from kbtool.text import Span

_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_NAME = re.compile(
    r"\*\*(?P<name>[A-Za-z][A-Za-z -]*?)(?P<c1>:?)\*\*"
    r"(?:\s+`(?P<label>[^`\n]+)`(?=:))?(?P<c2>:?)\s*"
)
_SEPARATOR = re.compile(r"\s+·\s+(?=\*\*)")


def item_fields(text: str, item: Span) -> Iterator[WrittenField]:
    """Yield the fields of one list item; nothing where it does not begin with one."""
    start = item.start
    while start < item.end:
        match = _NAME.match(text, start, item.end)
        if match is None or not (match["c1"] or match["c2"]):
            return
        end, following = _end(text, match.end(), item.end)
        raw = text[match.end() : end].rstrip()
        yield WrittenField(
            match["name"],
            " ".join(raw.split()),
            Span(match.end(), match.end() + len(raw)),
            Span(match.start("name"), match.end("name")),
            match["label"] or "",
        )
        start = following


def _end(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the value ends and where the next field begins; ` · ` in code is text."""
    code = [found.span() for found in _CODE.finditer(text, start, end)]
    for found in _SEPARATOR.finditer(text, start, end):
        if not any(a <= found.start() < b for a, b in code) and _NAME.match(text, found.end(), end):
            return found.start(), found.end()
    return end, end
