"""Readers of values a person wrote: the value itself, or what is wrong with it. All are strict."""

from collections.abc import Callable, Iterable, Sequence
from posixpath import normpath
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Faults(ValueError):
    """Several faults of one value."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


def faults_of(error: Exception) -> tuple[str, ...]:
    """Return the faults an error stands for."""
    return error.faults if isinstance(error, Faults) else (str(error),)


def each(items: Iterable[T], read: Callable[[T], Sequence[R]]) -> list[R]:
    """Return what reading the items gives, in one list.

    Raises:
        Faults: of all items together.
    """
    found: list[R] = []
    faults: list[str] = []
    for item in items:
        try:
            found += read(item)
        except (TypeError, ValueError) as fault:
            faults += faults_of(fault)
    if faults:
        raise Faults(faults)
    return found


def near(key: str, known: Iterable[str]) -> str:
    """Return the nearest known key as a question, "" where none is near."""
    from difflib import get_close_matches

    found = get_close_matches(key, list(known), 1)
    return f" (did you mean {found[0]!r}?)" if found else ""


# Each raises TypeError or ValueError with what the value must be.
def text(value: Any) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise TypeError("must be a string")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """Return a list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("must be a list of strings")
    return tuple(value)


def table(value: Any) -> dict[str, Any]:
    """Return a table."""
    if not isinstance(value, dict):
        raise TypeError("must be a table")
    return value


def folder(value: Any) -> str:
    """Return a folder in its shortest spelling, "" for the one it is counted from."""
    stripped = text(value).strip("/")
    if ".." in stripped.split("/") or "\0" in stripped:
        raise ValueError("must be a folder below the root")
    found = normpath(stripped)
    return "" if found == "." else found


def choice(*allowed: str) -> Callable[[Any], str]:
    """Return the reader of one of these."""

    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return str(value)

    return read
