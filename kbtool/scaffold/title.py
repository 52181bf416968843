"""A title a page can have, and the file name made of it."""

import re
import unicodedata
from html import unescape
from typing import Final

from kbtool.errors import UsageError

MAX_TITLE: Final = 120
MAX_SLUG: Final = 80
# What Unicode does not decompose into a Latin letter and a mark.
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "ł": "l"}
)
_CONTRACTION: Final = re.compile(r"['’](?=(?:s|t|re|ll|ve|d|m)\b)", re.IGNORECASE)
_OTHER: Final = re.compile(r"[^a-z0-9]+")
# They would be read as a link, HTML, emphasis, a table's cell or a crumb, here or in a hub.
_MARKDOWN: Final = re.compile(r"[\[\]<>|*\\]")
_CODE_SPANS: Final = re.compile(r"(?:[^`]|`[^`]+`)*")
_PATH: Final = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)|^~?[/\\]|^[A-Za-z]:[/\\]|^\S+\.md$")
# Invisible, or able to make a line read otherwise than it is written.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"  # part of some scripts and emoji
# Names of devices on some systems, and of hubs here or on the site.
RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul", "readme", "index"}
    | {f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10)}
)


def checked(title: str) -> str:
    """Return the title in one line, as its author wrote it.

    Raises:
        UsageError: it is empty, too long, hides something, or is Markdown or a path.
    """
    for char in title:
        if unicodedata.category(char) in _HIDDEN and char not in _JOINERS:
            raise UsageError(f"the title has a hidden character, U+{ord(char):04X}", "leave it out")
    text = unicodedata.normalize("NFC", " ".join(title.split()))
    if not text:
        raise UsageError("the title is empty", "say in a few words what the page is about")
    if len(text) > MAX_TITLE:
        raise UsageError(
            f"the title has {len(text)} characters, at most {MAX_TITLE} are allowed",
            "say the rest in the page",
        )
    if _PATH.search(text):
        raise UsageError(f"{text!r} is a path, not a title", "kbtool makes the path of the title")
    marks = _MARKDOWN.search(unescape(text))
    if marks or not _CODE_SPANS.fullmatch(text):
        raise UsageError(
            f"the title holds {marks[0] if marks else '`'!r}, which Markdown reads as a mark",
            "a title is plain text, with `code` at most",
        )
    slug(text)
    return text


def slug(title: str) -> str:
    """Return the ASCII kebab-case name of a title: accents folded, cut after a whole word.

    Raises:
        UsageError: no letter or digit is left.
    """
    folded = unicodedata.normalize("NFKD", _CONTRACTION.sub("", title).translate(_LETTERS))
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    words = [word for word in _OTHER.split(plain.lower()) if word]
    if not words:
        raise UsageError(
            f"no file name can be made of {title!r}", "use at least one Latin letter or digit"
        )
    name = words[0][:MAX_SLUG]
    for word in words[1:]:
        if len(name) + 1 + len(word) > MAX_SLUG:
            break
        name += f"-{word}"
    return name
