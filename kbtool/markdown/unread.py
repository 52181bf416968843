"""A page that is read when somebody asks what stands in it."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from kbtool.markdown.page import Page

_FIELDS: Final = frozenset(field.name for field in fields(Page))


class Unread(Page):
    """A `Page` in all respects; only its path, and its anchors where they are known, are there."""

    __slots__ = ("_read",)

    def __init__(
        self, path: str, read: Callable[[str], Page], anchors: frozenset[str] | None = None
    ) -> None:
        """Take how to read it."""
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "_read", read)
        if anchors is not None:
            object.__setattr__(self, "anchors", anchors)

    def __getattr__(self, name: str) -> Any:
        """Read the page: an empty slot was asked for."""
        if name not in _FIELDS:
            raise AttributeError(name)
        page = self._read(self.path)
        for each in _FIELDS:
            object.__setattr__(self, each, getattr(page, each))
        return getattr(self, name)
