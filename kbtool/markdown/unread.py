"""A page that is read when somebody asks what stands in it, and no further than asked."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, NamedTuple

from kbtool.markdown.frontmatter import apart, read_front_matter
from kbtool.markdown.marked import Doubts, aims
from kbtool.markdown.page import Link, Outline, Page
from kbtool.markdown.parse import parse_page
from kbtool.markdown.sketch import Sketch
from kbtool.markdown.slug import Slugger
from kbtool.markdown.survey import Survey
from kbtool.text import LineIndex

_FIELDS: Final = frozenset(field.name for field in fields(Page))


_LONG: Final = 100_000  # letters; a longer text is not kept while more is made of it


def anchors(seen: Sketch) -> frozenset[str]:
    """Return the anchors of a page on the forge, whose headings are known."""
    slugger = Slugger()
    return seen.ids.union(slugger.unique(text) for _, text in seen.headings or ())


def _no_idea(_path: str) -> None:
    return None


class Known(NamedTuple):
    """What can be had of pages without reading them, by path."""

    text: Callable[[str], str]
    survey: Callable[[str], Survey]
    sketch: Callable[[str], Sketch]
    doubts: Callable[[str], Doubts | None] = _no_idea  # None: any link may be dead


class Unread(Page):
    """A `Page` in all respects; only its path and marks are there from the beginning."""

    __slots__ = ("_known",)

    def __init__(self, path: str, known: Known, marks: str = "") -> None:
        """Take where the page stands, what is known of it, and what its publisher reads."""
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "marks", marks)

    @property
    def aims(self) -> tuple[Link, ...]:
        """The links, as far as where they lead counts; without some that surely are not dead."""
        if "links" in self._known.survey(self.path).shows:
            return self.links
        found = aims(self._again, self.marks, self._known.doubts(self.path))
        return self.links if found is None else found

    def outline(self, kind: str) -> Outline | None:
        """Return what anchors are made of on a kind of site, where the sketch knows it."""
        seen = self._known.sketch(self.path)
        # What docfx includes comes beside that: it changes nothing of it.
        odd = seen.kind != kind or (seen.odd and kind != "docfx")
        known = None if odd else seen.headings
        return None if known is None else Outline(known, seen.ids, seen.written)

    def __getattr__(self, name: str) -> Any:
        """Read what was asked for: its slot is empty."""
        if name == "text":
            object.__setattr__(self, name, self._known.text(self.path))
        elif name == "lines":
            object.__setattr__(self, name, LineIndex(self.text))
        elif name == "anchors":
            # Always asked of the sketch first: what was asked for is what others' links rest on.
            seen = self._known.sketch(self.path)
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

    def _again(self) -> str:
        try:
            text: str = object.__getattribute__(self, "text")
        except AttributeError:  # the slot is empty
            text = self._known.text(self.path)
        if len(text) <= _LONG:
            object.__setattr__(self, "text", text)
        return text

    def _read(self) -> Page:
        return parse_page(self.path, self.text, self.marks)
