"""Which links of a page surely lead where they should, by the surveys alone.

A page with a link in doubt is looked at. First the pages whose anchors are named are found, and
then, once these are known, whether they are there.
"""

from collections.abc import Callable, Container, Iterator
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote

from kbtool.graph.resolve import SCHEME, Outcome, Tree, anchored, is_line, joined, resolve
from kbtool.graph.site import Mount, Site, SiteKind
from kbtool.markdown.marked import Doubts
from kbtool.markdown.page import Link, LinkKind, Page
from kbtool.markdown.survey import Survey
from kbtool.text import Span

FINE: Final = frozenset({Outcome.PAGE, Outcome.FILE, Outcome.EXTERNAL})
_NOWHERE: Final = Span(0, 0)


class Links:
    """The links of all pages, in a tree whose pages were surveyed.

    Every page is asked about first, then all is answered, then doubts are told.
    """

    def __init__(
        self, surveyed: Container[str], tree: Tree, anchors: Callable[[str], AbstractSet[str]]
    ) -> None:
        """Take what gives a page's anchors on the forge."""
        self._surveyed = surveyed
        self._tree = tree
        self._anchors = anchors
        self._folders: dict[str, _Folder] = {}
        # What is named of pages, as the site of who names it makes their anchors.
        self._named: dict[tuple[str, str], set[str]] = {}
        self._sites: dict[str, Site | None] = {"": None}  # by the file that says so

    def ask(self, path: str, seen: Survey) -> None:
        """Take in which anchors of which pages the links of a page name."""
        site, folder = self._at(path)
        for kind, target in _targets(seen, folder.asked):
            place, _, fragment = target.partition("#")
            led = self._led(site, folder, path, kind, place) if place else path
            anchor = unquote(fragment)
            if led and anchor not in ("", "top"):
                self._named.setdefault((led, _key(site)), set()).add(anchor)
            elif led is not None and kind == "link" and place in folder.known:
                folder.fine.add(target)
            if place and kind == "link":
                folder.asked.add(target)

    @property
    def asked(self) -> set[str]:
        """The pages whose anchors are named."""
        return {path for path, _ in self._named}

    def answer(self) -> None:
        """Find out which of these anchors are not there."""
        for (path, source), anchors in self._named.items():
            site, page = self._sites[source], self._tree.page(path)
            if page is None:
                anchors.clear()
            elif site is None:
                known = self._anchors(path)
                anchors -= {each for each in anchors if each in known or is_line(each)}
            else:
                anchors -= {each for each in anchors if self._leads(site, page, each)}

    def _leads(self, site: Site, page: Page, anchor: str) -> bool:
        return anchored(self._tree, site, page, anchor).outcome in FINE

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
            self._sites[_key(site)] = site
            folder = self._folders[name] = _Folder(site.mount_of(path) if site else None)
        return site, folder

    def _is_fine(
        self, site: Site | None, folder: "_Folder", path: str, kind: LinkKind, target: str
    ) -> bool:
        place, _, fragment = target.partition("#")
        led = self._led(site, folder, path, kind, place) if place else path
        if not led or not fragment:
            return led is not None
        if site and place and (kind != "link" or place not in folder.known):
            return self._resolved(path, kind, target) is not None
        missing = self._named.get((led, _key(site)))
        anchor = unquote(fragment)
        return anchor in ("", "top") or (missing is not None and anchor not in missing)

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
        if led is None:
            led = self._resolved(path, kind, place)
            if led or site.kind is not SiteKind.DOCFX:
                return led  # rests on more than the folder, or its anchors on more than the site
        known[place] = led
        return led

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


def _key(site: Site | None) -> str:
    return site.source if site else ""


class _Folder:
    """What is known of targets on the pages of a folder, where that rests on no more."""

    __slots__ = ("asked", "fine", "known", "mount")

    def __init__(self, mount: Mount | None) -> None:
        self.mount = mount
        self.known: dict[str, str | None] = {}  # as `_led` returns them
        self.asked: set[str] = set()  # with their fragments
        self.fine: set[str] = set()


def _targets(seen: Survey, known: AbstractSet[str]) -> Iterator[tuple[LinkKind, str]]:
    """Yield every target that is not known, once."""
    kind: LinkKind
    for target in {*seen.links} - known:
        yield "link", target
    for kind, targets in (("html", seen.raw), ("ref", seen.refs)):
        for target in {*targets}:
            yield kind, target
