"""A page that is read when somebody asks what stands in it, and no further than asked."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from kbtool.markdown.page import Page
from kbtool.markdown.parse import links_of, parse_page
from kbtool.text import LineIndex

_FIELDS: Final = frozenset(field.name for field in fields(Page))


class Unread(Page):
    """A `Page` in all respects; only its path is there from the beginning."""

    __slots__ = ("_anchors", "_source")

    def __init__(
        self,
        path: str,
        source: Callable[[str], str],
        anchors: Callable[[str], frozenset[str] | None] = lambda _: None,
    ) -> None:
        """Take what gives the text of the page at a path, and its anchors where they are known."""
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_anchors", anchors)

    def __getattr__(self, name: str) -> Any:
        """Read what was asked for: its slot is empty."""
        if name == "text":
            object.__setattr__(self, name, self._source(self.path))
        elif name == "lines":
            object.__setattr__(self, name, LineIndex(self.text))
        elif name == "links":
            object.__setattr__(self, name, links_of(self.text))
        elif name == "anchors" and (known := self._anchors(self.path)) is not None:
            object.__setattr__(self, name, known)
        elif name in _FIELDS:
            page = parse_page(self.path, self.text)
            for each in _FIELDS:
                object.__setattr__(self, each, getattr(page, each))
        else:
            raise AttributeError(name)
        return getattr(self, name)
