"""What may be shown of a stream: no secret by accident, no control character.

Masking stops accidents, not intent: that is why the secrets of a sandbox are random, exist only
in it, and die with it.
"""

import base64
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_SHORTEST: Final = 6  # masking shorter values would garble ordinary text
# C0 but tab and newline, DEL, C1, and the marks that reorder text (Unicode bidi controls).
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def visible(text: str) -> str:
    """Return the text with CRLF as newlines and control characters written out."""
    return _CONTROL.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def masked(text: str, secrets: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the text with every secret replaced by its name, and the names that were found."""
    found: list[str] = []
    for name, value in secrets.items():
        for form in _forms(value):
            if form in text:
                text = text.replace(form, f"[secret {name}]")
                found.append(name)
    return text, tuple(dict.fromkeys(found))


def _forms(value: str) -> list[str]:
    if len(value) < _SHORTEST:
        return []
    raw = value.encode()
    forms = [value, base64.b64encode(raw).decode().rstrip("="), quote(value, safe=""), raw.hex()]
    return sorted(dict.fromkeys(forms), key=len, reverse=True)
