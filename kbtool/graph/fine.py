"""Which links of a page surely lead where they should, by the surveys alone.

A page with a link in doubt is looked at. First the pages whose anchors are named are found, and
then, once these are known, whether they are there.
"""

from collections.abc import Container, Iterator
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote

from kbtool.graph.resolve import SCHEME, Outcome, Tree, anchored, is_line, joined, resolve
from kbtool.graph.site import Mount, Site, SiteKind
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
        self._folders: dict[str, _Folder] = {}

    def named(self, path: str, seen: Survey) -> AbstractSet[str]:
        """Return the pages whose anchors the links of a page name."""
        site, folder = self._at(path)
        found: set[str] = set()
        for kind, target in _targets(seen, folder.named):
            place, sign, fragment = target.partition("#")
            if sign and fragment:
                led = self._led(site, folder, path, kind, place) if place else path
                found.update((led,) if led else ())
            if place:
                folder.named.add(target)
        return found

    def doubts(self, path: str, seen: Survey) -> Doubts:
        """Return the targets that are not surely fine."""
        site, folder = self._at(path)
        found = []
        for kind, target in _targets(seen, folder.fine):
            if not self._is_fine(site, folder, path, kind, target):
                found.append((kind, target))
            elif kind == "link" and target.partition("#")[0] in folder.known:
                folder.fine.add(target)
        links = frozenset(target for kind, target in found if kind != "html")
        return Doubts(links, any(kind == "html" for kind, _ in found))

    def _at(self, path: str) -> tuple[Site | None, "_Folder"]:
        site, name = self._tree.site(path), path.rpartition("/")[0]
        folder = self._folders.get(name)
        if folder is None:
            folder = self._folders[name] = _Folder(site.mount_of(path) if site else None)
        return site, folder

    def _is_fine(
        self, site: Site | None, folder: "_Folder", path: str, kind: LinkKind, target: str
    ) -> bool:
        place, sign, fragment = target.partition("#")
        led = self._led(site, folder, path, kind, place) if place else path
        anchor = unquote(fragment)
        page = self._tree.page(led) if led else None
        if page is None or not sign or anchor in ("", "top"):
            return led is not None
        if site is None:
            return anchor in page.anchors or is_line(anchor)
        if place and (kind != "link" or place not in folder.known):
            return self._resolved(path, kind, target) is not None
        return anchored(self._tree, site, page, anchor).outcome in FINE

    def _led(
        self, site: Site | None, folder: "_Folder", path: str, kind: LinkKind, place: str
    ) -> str | None:
        """Return the page a target means, "" for what has no anchors, None in doubt."""
        if site and kind != "link":
            return self._resolved(path, kind, place)
        known = folder.known
        if place in known:
            return known[place]
        if site is None:
            led = known[place] = self._led_to(path, place)
            return led
        led = self._beside(folder.mount, path, place)
        if led is None and site.kind is not SiteKind.DOCFX:
            return self._resolved(path, kind, place)  # may rest on more than the folder
        known[place] = self._resolved(path, kind, place) if led is None else led
        return known[place]

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
    def _beside(self, mount: Mount | None, path: str, place: str) -> str | None:
        """Return the page a relative target names by its file, in the mount of the page itself.

        Every generator takes it for that page.
        """
        written = unquote(place.partition("?")[0])
        if not written.endswith(".md") or written != written.strip() or written[0] in "/~@":
            return None
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


class _Folder:
    """What is known of targets on the pages of a folder, where that rests on no more."""

    __slots__ = ("fine", "known", "mount", "named")

    def __init__(self, mount: Mount | None) -> None:
        self.mount = mount
        self.known: dict[str, str | None] = {}  # as `_led` returns them
        self.named: set[str] = set()  # with fragments: the pages they lead to were told
        self.fine: set[str] = set()  # with fragments


def _targets(seen: Survey, known: AbstractSet[str]) -> Iterator[tuple[LinkKind, str]]:
    """Yield every target that is not known, once."""
    kind: LinkKind
    for target in {*seen.links} - known:
        yield "link", target
    for kind, targets in (("html", seen.raw), ("ref", seen.refs)):
        for target in {*targets}:
            yield kind, target
