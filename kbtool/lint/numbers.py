"""Numbers of decision records: who has which, and which is free."""

import re
from collections.abc import Iterable, Mapping, Sequence
from posixpath import basename
from typing import Final, cast

from kbtool.graph.base import Kind, KnowledgeBase

_NUMBER: Final = re.compile(r"(?P<number>[0-9]{4})-[^/]*\.md")


def adr_number(path: str, kb: KnowledgeBase) -> str | None:
    """Return the four digits a record's name begins with, None for another page."""
    match = _NUMBER.fullmatch(basename(path))
    return match["number"] if match and kb.kind_of(path) is Kind.ADR else None


def adr_numbers(kb: KnowledgeBase) -> Mapping[str, Sequence[str]]:
    """Return number → files that have it here, in path order."""
    key = ("adr numbers", "")
    if key not in kb.memo:
        kb.memo[key] = _by_number(kb.files, kb)
    return cast("Mapping[str, Sequence[str]]", kb.memo[key])


def added_adr_numbers(kb: KnowledgeBase) -> Mapping[str, Sequence[str]]:
    """Return number → files that have it and came to the base branch since this work left it."""
    key = ("added adr numbers", "")
    if key not in kb.memo:
        branch = kb.facts.base_branch()
        kb.memo[key] = _by_number(branch.added, kb) if branch else {}
    return cast("Mapping[str, Sequence[str]]", kb.memo[key])


def next_adr_number(kb: KnowledgeBase) -> str:
    """Return the number after the highest one, here and on the base branch."""
    branch = kb.facts.base_branch()
    there = _by_number(branch.added | branch.files, kb) if branch else {}
    return f"{max(map(int, (*adr_numbers(kb), *there)), default=0) + 1:04}"


def _by_number(paths: Iterable[str], kb: KnowledgeBase) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        number = adr_number(path, kb)
        if number:
            found.setdefault(number, []).append(path)
    return found
