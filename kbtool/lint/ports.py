"""Outside judges a rule may ask: text → verdict, deterministic. One adapter and library each."""

from collections.abc import Sequence
from typing import Protocol

from kbtool.graph.facts import Secret


class ShellJudge(Protocol):
    """Says whether a block is shell."""

    def __call__(self, shell: str, text: str, /) -> tuple[int, str] | None:
        """Return (line from 1, what is wrong), None when it parses or nobody can tell."""


class LanguageJudge(Protocol):
    """Says in which language prose is written."""

    def __call__(self, prose: str, /) -> str | None:
        """Return its ISO 639-1 code, None when it is too short or nobody can tell."""


class SecretJudge(Protocol):
    """Finds credential material."""

    def __call__(self, text: str, /) -> Sequence[Secret]:
        """Return what it found, in order; nothing when nobody can tell."""


class DiagramJudge(Protocol):
    """Says whether mermaid draws a text."""

    def __call__(self, text: str, /) -> tuple[int, str] | None:
        """Return (line from 1, what is wrong), None when it draws it or nobody can tell."""
