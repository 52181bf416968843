"""Outside judges a rule may ask: text → verdict, deterministic. One adapter and library each."""

from typing import Protocol


class ShellJudge(Protocol):
    """Says whether a block is shell."""

    def __call__(self, shell: str, text: str, /) -> tuple[int, str] | None:
        """Return (line from 1, what is wrong), None when it parses or nobody can tell."""


class DiagramJudge(Protocol):
    """Says whether mermaid draws a text."""

    def __call__(self, text: str, /) -> tuple[int, str] | None:
        """Return (line from 1, what is wrong), None when it draws it or nobody can tell."""
