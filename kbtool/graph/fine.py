"""Whether all links of a page lead where they should, by the surveys alone.

They do only when every one of them is surely fine; a page in doubt is read.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from posixpath import dirname
from typing import Final
from urllib.parse import unquote

from kbtool.graph.resolve import SCHEME, Outcome, Tree, is_line, joined, resolve
from kbtool.markdown.page import Link, LinkKind
from kbtool.markdown.survey import Survey
from kbtool.text import Span

FINE: Final = frozenset({Outcome.PAGE, Outcome.FILE, Outcome.EXTERNAL})
_NOWHERE: Final = Span(0, 0)


class Links:
    """The links of all pages; `anchors` tells a page's where its survey does not."""

    def __init__(
        self,
        surveys: Mapping[str, Survey],
        tree: Tree,
        anchors: Callable[[str], AbstractSet[str]],
    ) -> None:
        self._surveys = surveys
        self._tree = tree
        self._anchors = anchors
        self._known: dict[tuple[str, str], str | None] = {}  # (folder, target) → page or file

    def all_fine(self, path: str) -> bool:
        """Return whether every link of a page surely leads where it should."""
        seen = self._surveys[path]
        if self._tree.site(path):
            return (
                self._leads(path, "link", seen.links)
                and self._leads(path, "html", seen.raw)
                and (not seen.refs or self._leads(path, "ref", seen.refs))
            )
        folder = dirname(path)
        return all(self._fine(path, folder, target) for target in (*seen.links, *seen.raw))

    def _leads(self, path: str, kind: LinkKind, targets: AbstractSet[str]) -> bool:
        """Ask the resolver: what publishes the page has rules of its own."""
        page = self._tree.page(path)
        if page is None:
            return False
        for target in targets:
            if unquote(target) != unquote(target).strip():
                return False
            link = Link(kind, target, "", _NOWHERE, None)
            if resolve(self._tree, page, link).outcome not in FINE:
                return False
        return True

    def _fine(self, path: str, folder: str, target: str) -> bool:
        place, _, fragment = target.partition("#")
        if not place:
            return self._anchored(path, fragment)
        key = (folder, place)
        if key not in self._known:
            self._known[key] = self._led_to(path, place)
        led = self._known[key]
        return led is not None and (not led or not fragment or self._anchored(led, fragment))

    def _led_to(self, path: str, place: str) -> str | None:
        """Return the page a target means, "" for what has no anchors, None in doubt."""
        scheme = SCHEME.match(place)
        if scheme:
            # One letter is a disk of Windows.
            return None if len(scheme[0]) < 3 or scheme[0].lower() == "file:" else ""
        if place.startswith("//"):
            return ""
        written = unquote(place.partition("?")[0])
        if not written or written != written.strip():
            return None
        whole = joined(path, written)
        if whole is None:
            return None
        if whole in self._tree.files:
            return whole if whole in self._surveys else ""
        if whole and whole not in self._tree.folders:
            return None
        hub = f"{whole}/{self._tree.hub}" if whole else self._tree.hub
        return hub if hub in self._surveys else ""

    def _anchored(self, path: str, fragment: str) -> bool:
        anchor = unquote(fragment)
        if anchor in ("", "top"):
            return True
        seen = self._surveys[path].anchors
        known = self._anchors(path) if seen is None else seen
        return anchor in known or is_line(anchor)
