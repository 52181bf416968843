"""The knowledge base: all pages, the edges between them, and questions over them. Read-only."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from functools import cached_property
from posixpath import basename, dirname, join
from typing import Final

from kbtool.graph.conventions import Conventions
from kbtool.graph.facts import Facts
from kbtool.graph.resolve import Outcome, Target, Tree, resolve
from kbtool.markdown.page import Link, Page

_INV_STUB = re.compile(r"INV-\d{3}-[a-z0-9-]+\.md$")


class Kind(StrEnum):
    """What a page is, by its first folder; hubs and STATUS.md are kinds of their own."""

    HUB = "hub"
    PAGE = "page"
    ADR = "adr"
    PRD = "prd"
    STATUS = "status"
    INVESTIGATION = "investigation"
    GUIDEBOOK = "guidebook"
    RUNBOOK = "runbook"
    SHAREOUT = "shareout"
    OUTSIDE = "outside"  # AGENTS.md, README.md and other pages beside the base
    TEMPLATE = "template"


_FOLDERS: Final[Mapping[str, Kind]] = {
    "ADR": Kind.ADR,
    "PRD": Kind.PRD,
    "investigations": Kind.INVESTIGATION,
    "guidebooks": Kind.GUIDEBOOK,
    "runbooks": Kind.RUNBOOK,
    "shareouts": Kind.SHAREOUT,
}


class KnowledgeBase:
    """All pages under one root, and the graph of their links."""

    def __init__(
        self,
        pages: Mapping[str, Page],
        files: frozenset[str] | None = None,
        conventions: Conventions | None = None,
        facts: Facts | None = None,
        unreadable: Mapping[str, str] | None = None,
    ) -> None:
        """Take parsed pages (path → page) and the names of all files of the repository."""
        self.pages = pages
        self.unreadable = unreadable or {}  # path → why
        self.files = files if files is not None else frozenset(pages)
        self.conventions = conventions or Conventions()
        self.base = self.conventions.base
        self.facts = facts or Facts()
        # By surveys, of pages that show anything that rules see: what; None: not surveyed.
        self.shown: Mapping[str, frozenset[str]] | None = None
        self.memo: dict[tuple[str, str], object] = {}  # what rules of one page share
        self._kinds: dict[str, Kind] = {}
        self._above: dict[str, tuple[str, ...]] = {}  # folder → hubs from the root to its own

    def changed(self, pages: Mapping[str, Page]) -> "KnowledgeBase":
        """Return the knowledge base with these pages in place of theirs, or beside them."""
        return KnowledgeBase(
            {**self.pages, **pages},
            self.files | frozenset(pages),
            self.conventions,
            self.facts,
            self.unreadable,
        )

    def after(self, earlier: "KnowledgeBase | None") -> "KnowledgeBase":
        """Take over the edges of pages that are the same objects in a base of the same files."""
        if earlier and earlier.files == self.files and earlier.pages.keys() == self.pages.keys():
            known = earlier.edges
            self.edges = {
                path: known[path] if earlier.pages[path] is page else tuple(self._edges_of(page))
                for path, page in self.pages.items()
            }
        return self

    # ------------------------------------------------------------------ names
    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder of the repository that holds a file."""
        found: set[str] = set()
        for path in self.files:
            folder = path.rpartition("/")[0]
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    @cached_property
    def tree(self) -> Tree:
        """The names the resolver works on."""
        return Tree(
            self.files,
            self.folders,
            self.conventions.hub,
            self._page,
            self.conventions.sites,
        )

    def _page(self, path: str) -> Page | None:
        return self.pages.get(path)  # those there are when it is asked: they may come late

    def within(self, path: str) -> bool:
        """Return whether the path lies under the base."""
        return not self.base or path.startswith(f"{self.base}/")

    def is_template(self, path: str) -> bool:
        """Return whether a name below the base begins with `_`."""
        return any(part.startswith("_") for part in path.split("/"))

    def kind(self, page: Page) -> Kind:
        """Return what the page is."""
        return self.kind_of(page.path)

    def kind_of(self, path: str) -> Kind:
        """Return what the page at `path` is, by its name alone."""
        known = self._kinds.get(path)
        if known is None:
            known = self._kinds[path] = self._kind_of(path)
        return known

    def _kind_of(self, path: str) -> Kind:
        if not self.within(path):
            return Kind.OUTSIDE
        if self.is_template(path):
            return Kind.TEMPLATE
        name = basename(path)
        if name == self.conventions.hub:
            return Kind.PRD if self._is_prd_home(path) else Kind.HUB
        if name == "STATUS.md":
            return Kind.STATUS
        first = path[len(self.base) + 1 if self.base else 0 :].split("/", maxsplit=1)[0]
        return _FOLDERS.get(first, Kind.PAGE)

    def _is_prd_home(self, path: str) -> bool:
        return dirname(dirname(path)) == join(self.base, "PRD")

    # ------------------------------------------------------------------ links
    def resolve(self, page: Page, link: Link) -> Target:
        """Return where the link leads."""
        return resolve(self.tree, page, link)

    def anchors(self, page: Page, path: str) -> AbstractSet[str]:
        """Return the anchors a link on `page` may name in the page at `path`."""
        found = self.tree.anchors(self.pages[path], self.tree.site(page.path))
        return found if found is not None else self.pages[path].anchors

    @cached_property
    def edges(self) -> Mapping[str, tuple[tuple[Link, str], ...]]:
        """Each page's links that lead to pages: (link, path of the target)."""
        return {path: tuple(self._edges_of(page)) for path, page in self.pages.items()}

    def _edges_of(self, page: Page) -> list[tuple[Link, str]]:
        found = ((link, self._led_to(page, link)) for link in page.links if link.kind != "image")
        return [(link, path) for link, path in found if path is not None]

    def _led_to(self, page: Page, link: Link) -> str | None:
        """Return the page a link means; the wrong case or anchor is a finding of its own."""
        target = self.resolve(page, link)
        if target.outcome is Outcome.CASE:
            hub = join(target.path, self.conventions.hub)
            return next((path for path in (target.path, hub) if path in self.pages), None)
        return target.path if target.outcome in (Outcome.PAGE, Outcome.NO_ANCHOR) else None

    @cached_property
    def _backlinks(self) -> Mapping[str, tuple[tuple[str, Link], ...]]:
        found: dict[str, list[tuple[str, Link]]] = {}
        for path, edges in self.edges.items():
            for link, target in edges:
                if target != path:
                    found.setdefault(target, []).append((path, link))
        return {path: tuple(links) for path, links in found.items()}

    def backlinks(self, path: str) -> tuple[tuple[str, Link], ...]:
        """Return (path of the linking page, link) of every link to the page from another."""
        return self._backlinks.get(path, ())

    # ------------------------------------------------------------------ hubs
    def hub(self, folder: str) -> str | None:
        """Return the hub of a folder: its README.md, or the stub page beside an INV folder."""
        own = join(folder, self.conventions.hub)
        if own in self.pages:
            return own
        stub = f"{folder}.md"
        return stub if _INV_STUB.search(stub) and stub in self.pages else None

    @property
    def root_hub(self) -> str | None:
        """The hub of the base."""
        return self.hub(self.base)

    def ancestors(self, path: str) -> tuple[str, ...]:
        """Return the hubs above a page, root hub first; a folder without a hub is skipped."""
        return tuple(hub for hub in self._hubs_to(dirname(path)) if hub != path)

    def _hubs_to(self, folder: str) -> tuple[str, ...]:
        known = self._above.get(folder)
        if known is None:
            inside = folder == self.base or self.within(folder)
            higher = self._hubs_to(dirname(folder)) if inside and folder != self.base else ()
            hub = self.hub(folder) if inside else None
            known = self._above[folder] = (*higher, hub) if hub else higher
        return known

    def parent(self, path: str) -> str | None:
        """Return the hub that must list the page: its folder's, or for a hub the one above.

        None in a folder without a hub, and for the root hub.
        """
        folder = dirname(path)
        if path == self.root_hub:
            return None
        return self.hub(dirname(folder) if path == self.hub(folder) else folder)

    @cached_property
    def _children(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for path in sorted(self.pages):
            if not self.within(path) or self.kind_of(path) is Kind.TEMPLATE:
                continue
            parent = self.parent(path)
            if parent:
                found.setdefault(parent, []).append(path)
        return {hub: tuple(children) for hub, children in found.items()}

    def children(self, hub: str) -> tuple[str, ...]:
        """Return what the hub must list: each page of its folder, each direct subfolder's hub."""
        return self._children.get(hub, ())

    @cached_property
    def reachable(self) -> frozenset[str]:
        """Every page that links from the root hub through hubs lead to."""
        start = self.root_hub
        found: set[str] = {start} if start else set()
        waiting = list(found)
        while waiting:
            for _, target in self.edges[waiting.pop()]:
                if target not in found and target in self.pages:
                    found.add(target)
                    if self._passes(target):
                        waiting.append(target)
        return frozenset(found)

    def _passes(self, path: str) -> bool:
        return bool(self._children.get(path)) or basename(path) == self.conventions.hub
