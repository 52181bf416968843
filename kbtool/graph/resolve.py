"""One resolver: a link as seen from its page → where it leads. Pure; knows only names of files.

Rules of a forge (Gitea, GitHub): targets are relative to the page, a leading `/` is the
repository's root, a directory is its hub, anchors are heading slugs. Case is exact everywhere.
A page that a site publishes is read as that site has it: see `site`, `address` and `anchors`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from posixpath import dirname, join, normpath, splitext
from typing import NamedTuple
from urllib.parse import unquote

from kbtool.graph.address import PAGES, Addresses
from kbtool.graph.anchors import anchors, included
from kbtool.graph.logical import Logical
from kbtool.graph.site import Mount, Site, SiteKind, site_of
from kbtool.markdown.page import Link, Page
from kbtool.markdown.slug import slug

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TEMPLATE = re.compile(r"\{[{%]|\A\{|%7B%7B", re.IGNORECASE)  # filled in when the site is built
# `PAGE_URL` is put in where the text is used: `LICENSE` and `CODE_OF_CONDUCT` are files.
_PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*_(?:URL|LINK|HREF)")

_MADE = re.compile(r"__tabbed_|__codelineno|fn(ref)?:")  # by extensions of Python-Markdown


class Outcome(StrEnum):
    """Where a link leads."""

    PAGE = "page"  # a page of the base, its anchor too where one is named
    FILE = "file"  # another file or a folder of the repository
    EXTERNAL = "external"  # outside: not looked at
    MISSING = "missing"  # nothing there
    NO_ANCHOR = "no-anchor"  # the page is there, the heading is not
    CASE = "case"  # there under another case; `path` is the right one
    LEAVES = "leaves"  # absolute, or out of the repository


class Target(NamedTuple):
    """The result: `path` from the root ("" where there is none), `anchor` as decoded."""

    outcome: Outcome
    path: str = ""
    anchor: str = ""


_EXTERNAL = Target(Outcome.EXTERNAL)


@dataclass(frozen=True)
class Tree:
    """The names the resolver works on; what it finds out about a site is kept."""

    files: AbstractSet[str]
    folders: AbstractSet[str]
    hub: str
    page: Callable[[str], Page | None]
    sites: tuple[Site, ...] = ()

    def site(self, path: str) -> Site | None:
        """Return the site that publishes the page at `path`, None for the forge."""
        if not self.sites:
            return None
        folder = path.rpartition("/")[0]
        if folder not in self._sites:
            self._sites[folder] = site_of(self.sites, path)
        return self._sites[folder]

    def marks(self, path: str) -> str:
        """Return what the publisher of the page at `path` reads beside Markdown."""
        site = self.site(path)
        return site.marks if site else ""

    def is_shared(self, path: str) -> bool:
        """Return whether more than one site has the page at `path`."""
        folder = path.rpartition("/")[0]
        if folder not in self._shared:
            self._shared[folder] = sum(site.owns(path) for site in self.sites) > 1
        return self._shared[folder]

    @cached_property
    def resolved(self) -> dict[tuple[str, str], Target]:
        """Where a target leads on all pages of a folder, where that rests on no more than both."""
        return {}

    def addresses(self, site: Site) -> Addresses:
        """Return where the site's files stand."""
        if site.source not in self._addresses:
            self._addresses[site.source] = Addresses(site, self.files, self.page)
        return self._addresses[site.source]

    def logical(self, site: Site) -> Logical:
        """Return the pages of a Hugo site by the names references have for them."""
        if site.source not in self._logical:
            self._logical[site.source] = Logical(site, self.files)
        return self._logical[site.source]

    def anchors(self, page: Page, site: Site | None) -> AbstractSet[str] | None:
        """Return the anchors of a page as a site (None: the forge) makes them, None if unknown."""
        found = self.own_anchors(page, site)
        if found is None or site is None or not site.owns(page.path):
            return found
        key = page.path, site.source
        if key not in self._anchors:
            self._anchors[key] = self._with_included(page, site, found)
        return self._anchors[key]

    def own_anchors(self, page: Page, site: Site | None) -> AbstractSet[str] | None:
        """Return those of them that no page brings in which this one includes."""
        if site is None:
            return page.anchors
        key = page.path, site.source
        if key not in self._own_anchors:
            self._own_anchors[key] = anchors(page, site if site.owns(page.path) else None)
        return self._own_anchors[key]

    def _with_included(
        self, page: Page, site: Site, found: AbstractSet[str]
    ) -> AbstractSet[str] | None:
        for target in included(page, site):
            other = self.page(joined(page.path, unquote(target)) or "")
            if other is None:
                return None  # what it says, nobody can tell
            found |= anchors(other, site) or frozenset()
        return found

    @cached_property
    def folded(self) -> Mapping[str, str]:
        """Casefolded path → path."""
        return {path.casefold(): path for path in sorted(self.folders) + sorted(self.files)}

    @cached_property
    def named(self) -> Mapping[str, tuple[str, ...]]:
        """File name → paths of the files that have it."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return {name: tuple(paths) for name, paths in found.items()}

    @cached_property
    def _shared(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _sites(self) -> dict[str, Site | None]:
        return {}

    @cached_property
    def _addresses(self) -> dict[str, Addresses]:
        return {}

    @cached_property
    def _logical(self) -> dict[str, Logical]:
        return {}

    @cached_property
    def _own_anchors(self) -> dict[tuple[str, str], AbstractSet[str] | None]:
        return {}

    @cached_property
    def _anchors(self) -> dict[tuple[str, str], AbstractSet[str] | None]:
        return {}


def resolve(tree: Tree, page: Page, link: Link) -> Target:
    """Return where `link` on `page` leads."""
    if link.kind == "wiki":
        return _wiki(tree, page, link.target.strip())
    key = page.path.rpartition("/")[0], link.target
    known = tree.resolved.get(key)
    if known is None:
        site = tree.site(page.path)
        known = _resolved(tree, site, page, link)
        own = link.target.strip().startswith(("#", "?"))
        if not own and (site is None or site.kind is SiteKind.DOCFX):
            tree.resolved[key] = known
    return known


def _resolved(tree: Tree, site: Site | None, page: Page, link: Link) -> Target:
    target = link.target.strip()
    if target.startswith("//") or SCHEME.match(target):
        return _outside(target)
    if (site and _TEMPLATE.search(target)) or is_placeholder(target):
        return _EXTERNAL
    raw_path, _, raw_anchor = target.partition("#")
    anchor = unquote(raw_anchor)
    raw_path = raw_path.partition("?")[0]
    if not raw_path:
        return anchored(tree, site, page, anchor)
    if site:
        published = _Published(tree, site, page, link)
        leads = published.referred if link.kind == "ref" else published.leads
        return leads(unquote(raw_path), anchor)
    path = joined(page.path, unquote(raw_path))
    if path is None:
        return Target(Outcome.LEAVES, raw_path)
    return _found(tree, path, anchor)


def is_placeholder(target: str) -> bool:
    """Return whether a target is a name that stands for an address."""
    return _PLACEHOLDER.fullmatch(target) is not None


def _outside(target: str) -> Target:
    if re.match(r"file:|[A-Za-z]:[\\/]", target, re.IGNORECASE):
        return Target(Outcome.LEAVES, target)
    return _EXTERNAL


def joined(page_path: str, target: str) -> str | None:
    """Return the path from the root that a target means on a page, None when it leaves."""
    if "\0" in target:
        return None
    folder, rest = page_path.rpartition("/")[0], target
    while folder and rest.startswith("../"):
        folder, rest = folder.rpartition("/")[0], rest[3:]
    if rest and rest[0] not in "./" and rest[-1] != "/" and "//" not in rest and "/." not in rest:
        return f"{folder}/{rest}" if folder else rest
    base = target.lstrip("/") if target.startswith("/") else join(dirname(page_path), target)
    path = normpath(base) if base else "."
    if path == ".." or path.startswith("../"):
        return None
    return "" if path == "." else path


def _found(tree: Tree, path: str, anchor: str) -> Target:
    if path in tree.files:
        return _arrived(tree, None, path, anchor)
    if path == "" or path in tree.folders:
        return _folder(tree, path, anchor)
    right = tree.folded.get(path.casefold())
    if right is not None:
        return Target(Outcome.CASE, right, anchor)
    return Target(Outcome.MISSING, path, anchor)


def _folder(tree: Tree, path: str, anchor: str) -> Target:
    hub = join(path, tree.hub) if path else tree.hub
    page = tree.page(hub)
    return anchored(tree, None, page, anchor) if page else Target(Outcome.FILE, path, anchor)


def _arrived(tree: Tree, site: Site | None, path: str, anchor: str) -> Target:
    page = tree.page(path)
    return anchored(tree, site, page, anchor) if page else Target(Outcome.FILE, path, anchor)


def anchored(tree: Tree, site: Site | None, page: Page, anchor: str) -> Target:
    """Return where an anchor of a page leads on a site (None: on the forge)."""
    # Browsers go to the top of the page for an empty fragment and for #top.
    if anchor in ("", "top"):
        return Target(Outcome.PAGE, page.path, anchor)
    own = tree.own_anchors(page, site)
    if own is None or anchor in own or _by_machine(site, anchor):
        return Target(Outcome.PAGE, page.path, anchor)
    known = tree.anchors(page, site)
    if known is None or anchor in known:
        return Target(Outcome.PAGE, page.path, anchor)
    return Target(Outcome.NO_ANCHOR, page.path, anchor)


def _by_machine(site: Site | None, anchor: str) -> bool:
    """Return whether an anchor is none of the page's own: a place its reader's program makes."""
    if site is None:
        return is_line(anchor)
    if anchor.startswith(":~:"):  # a text fragment: the browser searches for the words
        return True
    if site.kind is SiteKind.DOCFX:
        return anchor.startswith("tab/")
    return site.kind is SiteKind.MKDOCS and _MADE.match(anchor) is not None


def is_line(anchor: str) -> bool:
    """Return whether it is a forge's anchor of a line, in its view of the source."""
    return re.fullmatch(r"L\d+(-L\d+)?", anchor) is not None


# ---------------------------------------------------------------------- on a site
class _Published(NamedTuple):
    """One link of a page that a site publishes."""

    tree: Tree
    site: Site
    page: Page
    link: Link

    def leads(self, path: str, anchor: str) -> Target:
        """Return where it leads: to a file the generator looks up, else to an address."""
        if "\0" in path:
            return Target(Outcome.LEAVES, path)
        if self.site.kind is SiteKind.DOCFX:
            return self._docfx(path, anchor)
        files = list(self._files(path))
        for file in files:
            if file in self.tree.files:
                return _arrived(self.tree, self.site, file, anchor)
        found = self._at_address(path)
        if found is not None:
            return _arrived(self.tree, self.site, found, anchor)
        return self._nowhere(path, anchor, files)

    def referred(self, path: str, anchor: str) -> Target:
        """Return where a reference leads: to a page by its logical path or its name alone."""
        mount = self.site.mount_of(self.page.path)
        found = self.tree.logical(self.site).find(mount, self.page.path, path) if mount else set()
        if len(found) > 1:
            found = {each for each in found if not self._is_draft(each)}
        if len(found) == 1:
            return _arrived(self.tree, self.site, next(iter(found)), anchor)
        if not found and self._open(path.strip("/")):
            return _EXTERNAL
        return Target(Outcome.MISSING, self._meant(path), anchor)

    def _is_draft(self, path: str) -> bool:
        page = self.tree.page(path)
        return page is not None and page.front_matter.get("draft") is True

    def _nowhere(self, path: str, anchor: str, files: list[str]) -> Target:
        if not path.startswith("/"):
            for file in files:
                right = self.tree.folded.get(file.casefold())
                if right and right in self.tree.files:
                    return Target(Outcome.CASE, right, anchor)
        if self._unknowable(path):
            return _EXTERNAL
        if not path.startswith("/") and joined(self.page.path, path) is None:
            return Target(Outcome.LEAVES, path)
        return Target(Outcome.MISSING, files[0] if files else self._meant(path), anchor)

    def _meant(self, path: str) -> str:
        """Return the file a dead address may have been meant for."""
        if not path.startswith("/"):
            return joined(self.page.path, path) or path
        mount = self.site.mount_of(self.page.path)
        return normpath(join(mount.folder if mount else "", path.strip("/")))

    # ------------------------------------------------------------------ files
    def _files(self, path: str) -> Iterator[str]:
        """Yield the files a generator takes the target for, the first choice first."""
        if self.link.kind == "html":
            return  # no generator looks into raw HTML: it is an address
        if self.site.kind is SiteKind.MKDOCS:
            yield from self._in_docs(path)
            return
        for folder, mount in self._starts(path):
            found = normpath(join(folder, path.removeprefix("@site").lstrip("/")))
            for file in self._spellings(found):
                if self._publishes(file):
                    yield file
            if mount and mount.original and mount.holds(found):
                yield join(mount.original, mount.inner(found))

    def _in_docs(self, path: str) -> Iterator[str]:
        """Yield what mkdocs looks up: its pages and the theme's files are one tree."""
        here = self.site.mount_of(self.page.path)
        if here is None or (path.startswith("/") and not self.site.root_links):
            return
        start = "" if path.startswith("/") else dirname(here.inner(self.page.path))
        inner = normpath(join(start, path.lstrip("/")))
        if inner.startswith("../"):
            return
        for mount in (here, *(each for each in self.site.mounts if not each.pages)):
            yield join(mount.folder, inner)
        if here.original:
            yield join(here.original, inner)

    def _starts(self, path: str) -> Iterator[tuple[str, Mount | None]]:
        """Yield the folders a target may be counted from, each with the mount it lies in."""
        here = self.site.mount_of(self.page.path)
        contents = [(mount.folder, mount) for mount in self.site.contents()]
        docusaurus = self.site.kind is SiteKind.DOCUSAURUS
        if path.startswith("@site/"):
            yield self.site.folder, None
        elif path.startswith("/") and here and not docusaurus:
            yield here.folder, here  # of its language
        elif path.startswith("/"):
            yield from contents
            if path.endswith(PAGES):
                yield self.site.folder, None
        else:
            yield dirname(self.page.path), here
            if docusaurus and path.endswith(PAGES):
                yield from contents
                yield self.site.folder, None
            if not docusaurus and self.page.path.endswith("/index.md"):
                yield dirname(dirname(self.page.path)), here  # a page bundle and its neighbours

    def _spellings(self, file: str) -> Iterator[str]:
        yield file
        if self.site.kind is SiteKind.HUGO:  # pages are found by their names without case
            for name in (file, f"{file}.md", join(file, "_index.md"), join(file, "index.md")):
                right = self.tree.folded.get(name.casefold())
                if right and right.endswith(".md") and right in self.tree.files:
                    yield right

    def _publishes(self, file: str) -> bool:
        """Return whether the site has the file: what lies beside its folders is not on it."""
        if self.site.kind is SiteKind.DOCUSAURUS and not file.endswith(PAGES):
            return True  # the bundler takes what a page asks for
        if self.site.kind is SiteKind.HUGO and not file.endswith(".md"):
            return False  # only pages are looked up, the rest is an address
        return self.site.mount_of(file) is not None

    # ------------------------------------------------------------------ addresses
    def _at_address(self, path: str) -> str | None:
        addresses = self.tree.addresses(self.site)
        if not path.startswith("/"):
            return addresses.at(addresses.seen_from(self.page.path, path))
        for address in self._below_prefix(path):
            found = addresses.at(address)
            if found is not None:
                return found
        return None

    def _below_prefix(self, path: str) -> Iterator[str]:
        """Yield what an absolute path is below the site's root: generators may add its prefix."""
        prefix = self.site.prefix.strip("/")
        inner = path.lstrip("/")
        if prefix and _below(inner, (prefix,)):
            yield inner[len(prefix) :].lstrip("/")
        if not prefix or self._adds_prefix():
            yield inner

    def _adds_prefix(self) -> bool:
        if self.site.kind is SiteKind.HUGO:  # a theme's link hook does
            return True
        return self.site.kind is SiteKind.DOCUSAURUS and self.link.kind != "html"

    def _unknowable(self, path: str) -> bool:
        """Return whether only the build knows what stands at an address."""
        addresses = self.tree.addresses(self.site)
        if not path.startswith("/"):
            return self._open(addresses.seen_from(self.page.path, path))
        address = next(self._below_prefix(path), None)
        if address is None:  # beside the site on its host, where other sites are
            return addresses.at(path.lstrip("/")) is None
        return self._open(address)

    def _open(self, address: str) -> bool:
        site = self.site
        if site.decides and not splitext(address)[1] and not _below(address, site.decides):
            return True
        if address.strip("/") in site.redirected or _below(address, site.unknown):
            return True
        folders = (join(mount.folder, dirname(address)) for mount in site.mounts)
        return site.generates and not any(folder in self.tree.folders for folder in folders)

    # ------------------------------------------------------------------ docfx
    def _docfx(self, path: str, anchor: str) -> Target:
        """`~/` is the folder of docfx.json, `/` the host, which other repositories fill too."""
        if path.startswith("/"):
            return _EXTERNAL
        start = self.page.path
        if path.startswith("~/"):
            start, path = self.site.source, path[2:]
        file = joined(start, path)
        if file is None:
            return Target(Outcome.LEAVES, path)
        if file not in self.tree.files and file in self.site.redirected:
            return _EXTERNAL
        target = _found(self.tree, file, anchor)
        if target.outcome is Outcome.MISSING and f"{file}.md" in self.tree.files:
            file = f"{file}.md"  # an address: pages are served without their extension
        return _arrived(self.tree, self.site, file, anchor) if file in self.tree.files else target


def _below(address: str, places: tuple[str, ...]) -> bool:
    return any(address == place or address.startswith(f"{place}/") for place in places)


# ---------------------------------------------------------------------- wiki links
def _wiki(tree: Tree, page: Page, target: str) -> Target:
    """`[[name]]`, `[[name#heading]]`: beside the page, from the root, else by unique file name."""
    name, _, heading = target.partition("#")
    site = tree.site(page.path)
    if not name:
        return anchored(tree, site, page, slug(heading))
    for candidate in (name, f"{name}.md"):
        for path in (joined(page.path, candidate), joined("", candidate)):
            if path and path in tree.files:
                return _arrived(tree, site, path, slug(heading))
    found = _by_name(tree, name)
    if len(found) == 1:
        return _arrived(tree, site, found[0], slug(heading))
    return Target(Outcome.MISSING, name, heading)


def _by_name(tree: Tree, name: str) -> list[str]:
    """Return the files a wiki link may mean: `name`, or `folder/name` at the end of their path."""
    last = name.rpartition("/")[2]
    return [
        path
        for candidate, ending in ((last, name), (f"{last}.md", f"{name}.md"))
        for path in tree.named.get(candidate, ())
        if f"/{path}".endswith(f"/{ending}")
    ]
