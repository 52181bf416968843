"""What the rules may ask of the world. Frozen and lazy; the defaults know nothing and say so.

A fact that cannot be had makes no finding. Why it cannot be had is for the fronts to tell, once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class Revision(NamedTuple):
    """One change of a page: the day its author made it, its text before (None: new) and after."""

    day: date
    before: str | None
    after: str
    commit: str = ""  # "": not committed yet


class BaseBranch(NamedTuple):
    """The branch this work will be merged into."""

    name: str
    added: frozenset[str]  # files on its tip that were not there when this work left it
    files: frozenset[str]  # files at the point where this work left it
    text: Callable[[str], str | None]  # of a file at that point


class Secret(NamedTuple):
    """Credential material: where in the text, and of what kind."""

    start: int
    end: int
    kind: str


def _nothing(_path: str) -> None:
    return None


def _no_revision(_path: str, _text: str, _after: date) -> tuple[Revision, ...]:
    return ()


def _no_branch() -> None:
    return None


def _no_fault(_shell: str, _text: str) -> None:
    return None


def _no_node(_text: str) -> tuple[str, ...]:
    return ()


def _no_secret(_text: str) -> tuple[Secret, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of the tree and its history, and judgements: text → verdict, deterministic."""

    today: date = date.min
    digest: Callable[[str], str | None] = _nothing  # sha256 of a repository file's bytes
    text: Callable[[str], str | None] = _nothing  # a repository file's text
    # (page, its text now, a day) → its changes after that day, newest first
    revisions: Callable[[str, str, date], Iterable[Revision]] = _no_revision
    base_branch: Callable[[], BaseBranch | None] = _no_branch
    shell: Callable[[str, str], tuple[int, str] | None] = _no_fault  # (shell, text) → line, why
    diagram: Callable[[str], tuple[int, str] | None] = _nothing  # mermaid → line, why
    nodes: Callable[[str], Sequence[str]] = _no_node  # mermaid → labels of a flowchart's nodes
    external: Callable[[str], str | None] = _nothing  # address → why nothing is there
    language: Callable[[str], str | None] = _nothing  # prose → ISO 639-1 code; None: cannot say
    secrets: Callable[[str], Sequence[Secret]] = _no_secret
