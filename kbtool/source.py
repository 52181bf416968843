"""A page's file as it is on disk. Imported by what must start fast: so it needs next to nothing."""

import os
import stat
from typing import Final, NamedTuple

MAX_PAGE_BYTES: Final = 10 * 1024 * 1024


class Source(NamedTuple):
    """The text with LF line ends, and what is needed to write it back in its own manner."""

    text: str
    newline: str
    bom: bool


def read(path: str) -> Source:
    """Return the page at an absolute path.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
        ValueError: it is no regular file, or too large; the message says which.
    """
    # Without O_NONBLOCK a named pipe would wait for its writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if status.st_size > MAX_PAGE_BYTES:
            size = status.st_size / 1024 / 1024
            raise ValueError(f"too large: {size:.0f} MB, at most 10 MB are read")
        parts = []
        while part := os.read(descriptor, status.st_size + 1):
            parts.append(part)
    finally:
        os.close(descriptor)
    text = b"".join(parts).decode("utf-8")
    bom = text.startswith("\ufeff")
    if bom:
        text = text[1:]
    if "\r" not in text:
        return Source(text, "\n", bom)
    newline = "\r\n" if "\r\n" in text else "\n"
    return Source(text.replace("\r\n", "\n").replace("\r", "\n"), newline, bom)
