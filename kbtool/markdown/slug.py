"""Heading text → anchor, by the rule GitHub and Gitea share.

Lower-case; keep letters, marks, decimal and letter numbers, connector punctuation and `-`;
a space becomes `-`; the rest is dropped; duplicates get `-1`, `-2`, … A translation table does
it because every word-character pattern is wrong on combining marks. Oracle: github-slugger.
"""

from unicodedata import category

_KEPT = frozenset({"Nd", "Nl", "Pc"})


class _Table(dict[int, int | None]):
    """Decides a code point when it is first seen."""

    def __missing__(self, code: int) -> int | None:
        kind = category(chr(code))
        kept = kind[0] in "LM" or kind in _KEPT or code == ord("-")
        self[code] = code if kept else ord("-") if code == ord(" ") else None
        return self[code]


_TABLE = _Table()


def slug(text: str) -> str:
    """Return the anchor of a heading's plain text, before duplicates are told apart."""
    return text.strip().lower().translate(_TABLE)


class Slugger:
    """Makes the anchors of one page unique, as github-slugger does."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def unique(self, text: str) -> str:
        """Return the next free anchor for a heading's plain text."""
        base = anchor = slug(text)
        while anchor in self._seen:
            self._seen[base] += 1
            anchor = f"{base}-{self._seen[base]}"
        self._seen[anchor] = 0
        return anchor
