"""Investigations: a page `INV-NNN-slug.md`, alone or as the stub of a folder of that name."""

import re
from posixpath import dirname, join
from typing import Final

from kbtool.graph.base import KnowledgeBase

NAME: Final = re.compile(r"INV-(?P<number>\d{3})-[a-z0-9]+(?:-[a-z0-9]+)*")


def above(kb: KnowledgeBase) -> str:
    """Return the folder of all investigations."""
    return join(kb.base, "investigations")


def folder_of(kb: KnowledgeBase, path: str) -> str | None:
    """Return the folder directly below `investigations/` in which a file lies, or None."""
    start = f"{above(kb)}/"
    name, below, _ = path.removeprefix(start).partition("/")
    return start + name if below and path.startswith(start) else None


def stub_of(folder: str) -> str | None:
    """Return the path of the stub page a folder named as an investigation must have beside it."""
    return f"{folder}.md" if NAME.fullmatch(folder[len(dirname(folder)) + 1 :]) else None


def without_stub(kb: KnowledgeBase, path: str) -> str | None:
    """Return the investigation's folder a page lies in, if that lacks its stub page."""
    folder = folder_of(kb, path)
    stub = stub_of(folder) if folder else None
    return folder if stub and stub not in kb.pages else None
