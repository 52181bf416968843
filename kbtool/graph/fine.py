"""Which links of a page surely lead where they should, by the surveys alone.

A page with a link in doubt is looked at. First the pages whose anchors are named are found, and
then, once these are known, whether they are there.
"""

from collections.abc import Container, Iterator
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote

from kbtool.graph.resolve import SCHEME, Outcome, Tree, anchored, is_line, joined, resolve
from kbtool.graph.site import Mount, Site
from kbtool.markdown.marked import Doubts
from kbtool.markdown.page import Link, LinkKind
from kbtool.markdown.survey import Survey
from kbtool.text import Span

FINE: Final = frozenset({Outcome.PAGE, Outcome.FILE, Outcome.EXTERNAL})
_NOWHERE: Final = Span(0, 0)


class Links:
    """The links of all pages, in a tree whose pages were surveyed."""

    def __init__(self, surveyed: Container[str], tree: Tree) -> None:
        self._surveyed = surveyed
        self._tree = tree
        # By folder: target on its pages → page, "" for what has no anchors, None in doubt.
        self._known: dict[str, dict[str, str | None]] = {}
        self._mounts: dict[str, Mount | None] = {}

    def named(self, path: str, seen: Survey) -> AbstractSet[str]:
        """Return the pages whose anchors the links of a page name."""
        site = self._tree.site(path)
        found: set[str] = set()
        for kind, target in _targets(seen):
            place, sign, fragment = target.partition("#")
            if sign and fragment:
                led = path if not place else self._led(site, path, kind, place)
                found.update((led,) if led else ())
        return found

    def doubts(self, path: str, seen: Survey) -> Doubts:
        """Return the targets that are not surely fine."""
        site = self._tree.site(path)
        found = [each for each in _targets(seen) if not self._is_fine(site, path, *each)]
        links = frozenset(target for kind, target in found if kind != "html")
        return Doubts(links, any(kind == "html" for kind, _ in found))

    def _is_fine(self, site: Site | None, path: str, kind: LinkKind, target: str) -> bool:
        place, sign, _ = target.partition("#")
        if place and self._led(site, path, kind, place) is None:
            return False
        return not sign or self._is_there(site, path, kind, target)

    def _led(self, site: Site | None, path: str, kind: LinkKind, place: str) -> str | None:
        """Return the page a target means, "" for what has no anchors, None in doubt."""
        if site and kind != "link":
            return self._resolved(path, kind, place)
        folder = path.rpartition("/")[0]
        known = self._known.setdefault(folder, {})
        if place in known:
            return known[place]
        if site is None:
            led = known[place] = self._led_to(path, place)
            return led
        led = self._beside(site, path, place)
        if led is None:
            return self._resolved(path, kind, place)  # rests on more than the folder
        known[place] = led
        return led

    def _is_there(self, site: Site | None, path: str, kind: LinkKind, target: str) -> bool:
        place, _, fragment = target.partition("#")
        anchor = unquote(fragment)
        if anchor in ("", "top"):
            return True
        led = path if not place else self._led(site, path, kind, place)
        page = self._tree.page(led) if led else None
        if page is None:
            return led is not None
        if site is None:
            return anchor in page.anchors or is_line(anchor)
        if place and (kind != "link" or place not in self._known[path.rpartition("/")[0]]):
            return self._resolved(path, kind, target) is not None
        return anchored(self._tree, site, page, anchor).outcome in FINE

    # ------------------------------------------------------------------ on a forge
    def _led_to(self, path: str, place: str) -> str | None:
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

    # ------------------------------------------------------------------ on a site
    def _beside(self, site: Site, path: str, place: str) -> str | None:
        """Return the page a relative target names by its file, in the mount of the page itself.

        Every generator takes it for that page.
        """
        written = unquote(place.partition("?")[0])
        if not written.endswith(".md") or written != written.strip() or written[0] in "/~@":
            return None
        folder = path.rpartition("/")[0]
        if folder not in self._mounts:
            self._mounts[folder] = site.mount_of(path)
        mount = self._mounts[folder]
        inner = joined(mount.inner(path), written) if mount and not SCHEME.match(place) else None
        if mount is None or inner is None:
            return None
        whole = f"{mount.folder}/{inner}" if mount.folder else inner
        return whole if whole in self._surveyed else None

    def _resolved(self, path: str, kind: LinkKind, target: str) -> str | None:
        """Ask the resolver: what publishes the page has rules of its own."""
        page = self._tree.page(path)
        if page is None or unquote(target) != unquote(target).strip():
            return None
        found = resolve(self._tree, page, Link(kind, target, "", _NOWHERE, None))
        if found.outcome not in FINE:
            return None
        return found.path if found.outcome is Outcome.PAGE else ""


def _targets(seen: Survey) -> Iterator[tuple[LinkKind, str]]:
    kind: LinkKind
    for target in seen.links:
        yield "link", target
    for kind, targets in (("html", seen.raw), ("ref", seen.refs)):
        for target in targets:
            yield kind, target
