"""Whether all links of a page lead where they should, by the surveys alone.

They do only when every one of them is surely fine; a page in doubt is read.
"""

from collections.abc import Callable, Container, Sequence
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote

from kbtool.graph.resolve import SCHEME, Outcome, Tree, is_line, joined, resolve
from kbtool.markdown.page import Link, LinkKind
from kbtool.markdown.survey import Survey
from kbtool.text import Span

FINE: Final = frozenset({Outcome.PAGE, Outcome.FILE, Outcome.EXTERNAL})
_NOWHERE: Final = Span(0, 0)


class Links:
    """The links of all pages; `anchors` tells those of one."""

    def __init__(
        self,
        surveyed: Container[str],
        tree: Tree,
        anchors: Callable[[str], AbstractSet[str]],
    ) -> None:
        self._surveyed = surveyed
        self._tree = tree
        self._anchors = anchors
        self._folder = ""
        self._known: dict[str, str | None] = {}  # target on the folder's pages → page or file

    def all_fine(self, path: str, seen: Survey) -> bool:
        """Return whether every link of a page, as it was seen, surely leads where it should."""
        if self._tree.site(path):
            kinds: tuple[tuple[LinkKind, Sequence[str]], ...]
            kinds = ("link", seen.links), ("html", seen.raw), ("ref", seen.refs)
            return all(self._leads(path, kind, {*targets}) for kind, targets in kinds)
        folder = path.rpartition("/")[0]
        if folder != self._folder:  # pages come in order: those of a folder one after the other
            self._folder, self._known = folder, {}
        return all(self._fine(path, target) for target in (*seen.links, *seen.raw))

    def _leads(self, path: str, kind: LinkKind, targets: AbstractSet[str]) -> bool:
        """Ask the resolver: what publishes the page has rules of its own."""
        page = self._tree.page(path)
        if page is None:
            return False
        folder = path.rpartition("/")[0]
        for target in targets:
            known = self._tree.resolved.get((folder, target))
            if known and known.outcome in FINE:
                continue
            if unquote(target) != unquote(target).strip():
                return False
            link = Link(kind, target, "", _NOWHERE, None)
            if resolve(self._tree, page, link).outcome not in FINE:
                return False
        return True

    def _fine(self, path: str, target: str) -> bool:
        place, _, fragment = target.partition("#")
        if not place:
            return self._anchored(path, fragment)
        if place not in self._known:
            self._known[place] = self._led_to(path, place)
        led = self._known[place]
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
            return whole if whole in self._surveyed else ""
        if whole and whole not in self._tree.folders:
            return None
        hub = f"{whole}/{self._tree.hub}" if whole else self._tree.hub
        return hub if hub in self._surveyed else ""

    def _anchored(self, path: str, fragment: str) -> bool:
        anchor = unquote(fragment)
        if anchor in ("", "top"):
            return True
        return anchor in self._anchors(path) or is_line(anchor)
