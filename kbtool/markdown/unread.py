"""A page that is read when somebody asks what stands in it, and no further than asked."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from kbtool.markdown.frontmatter import apart, read_front_matter
from kbtool.markdown.marked import aims
from kbtool.markdown.page import Link, Outline, Page
from kbtool.markdown.parse import parse_page
from kbtool.markdown.sketch import Sketch
from kbtool.markdown.slug import Slugger
from kbtool.markdown.survey import Survey
from kbtool.text import LineIndex

_FIELDS: Final = frozenset(field.name for field in fields(Page))


def anchors(seen: Sketch) -> frozenset[str]:
    """Return the anchors of a page on the forge, whose headings are known."""
    slugger = Slugger()
    return seen.ids.union(slugger.unique(text) for _, text in seen.headings or ())


class Unread(Page):
    """A `Page` in all respects; only its path and marks are there from the beginning."""

    __slots__ = ("_seen", "_sketched", "_source")

    def __init__(
        self,
        path: str,
        source: Callable[[str], str],
        seen: Callable[[str], Survey],
        sketched: Callable[[str], Sketch],
        marks: str = "",
    ) -> None:
        """Take what gives text, survey and sketch of the page at a path, and what it is read by."""
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_seen", seen)
        object.__setattr__(self, "_sketched", sketched)
        object.__setattr__(self, "marks", marks)

    @property
    def aims(self) -> tuple[Link, ...]:
        """The links, as far as where they lead counts."""
        found = None if "links" in self._seen(self.path).shows else aims(self.text, self.marks)
        return self.links if found is None else found

    def outline(self, kind: str) -> Outline | None:
        """Return what anchors are made of on a kind of site, where the sketch knows it."""
        seen = self._sketched(self.path)
        known = None if seen.odd or seen.kind != kind else seen.headings
        return None if known is None else Outline(known, seen.ids, seen.written)

    def __getattr__(self, name: str) -> Any:
        """Read what was asked for: its slot is empty."""
        if name == "text":
            object.__setattr__(self, name, self._source(self.path))
        elif name == "lines":
            object.__setattr__(self, name, LineIndex(self.text))
        elif name == "anchors":
            # Always asked of the sketch first: what was asked for is what others' links rest on.
            seen = self._sketched(self.path)
            known = anchors(seen) if seen.headings is not None else self._read().anchors
            object.__setattr__(self, name, known)
        elif name == "front_matter":
            object.__setattr__(self, name, read_front_matter(apart(self.text)[0]))
        elif name in _FIELDS:
            page = self._read()
            for each in _FIELDS - {"anchors"}:
                object.__setattr__(self, each, getattr(page, each))
        else:
            raise AttributeError(name)
        return getattr(self, name)

    def _read(self) -> Page:
        return parse_page(self.path, self.text, self.marks)
