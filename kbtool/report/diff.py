"""What mending would change, as a unified diff that `git apply` and `patch -p1` read."""

from collections.abc import Iterator, Mapping
from difflib import unified_diff

from kbtool.report.cover import Cover

_NO_NEWLINE = "\\ No newline at end of file"


def diff(texts: Mapping[str, tuple[str, str]], cover: Cover) -> Iterator[str]:
    """Yield the lines without their line feeds.

    A secret is covered; a diff that holds one does not apply.
    """
    for path, (before, after) in texts.items():
        old, new = _lines(before), _lines(after)
        for line in unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="\n"):
            yield cover.said(line.removesuffix("\n"))
            if not line.endswith("\n"):
                yield _NO_NEWLINE


def _lines(text: str) -> list[str]:
    """Return the lines with their ends; only a line feed ends one, as for git."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
