"""The addresses of a site's files: file → address below the site's root, and back. Pure.

Sources: mkdocs `structure/files.py`; gohugo.io "URL management" and "Page bundles"; Docusaurus
`plugin-content-docs` (`slug.ts`, `numberPrefix.ts`) and "Creating pages". Held against the real
generators: tests/graph/test_generators.py.
"""

import re
from collections.abc import Callable, Collection, Mapping
from posixpath import basename, dirname, join, splitext
from typing import Final
from urllib.parse import urljoin

from kbtool.graph.site import Mount, Site, SiteKind
from kbtool.markdown.page import Page

PAGES: Final = (".md", ".mdx")
_SCRIPTS: Final = (".js", ".jsx", ".ts", ".tsx")  # of src/pages: a component is a page
_VERSION = re.compile(r"\d{1,4}[-_.]\d")  # what Docusaurus takes for a date or a version
_NUMBER = re.compile(r"\d+\s*[-_.]+\s*(?P<rest>[^-_.\s].*)")
_POST = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})-?(.*)")


class Addresses:
    """Where every file of a site stands; made once."""

    def __init__(
        self, site: Site, files: Collection[str], page: Callable[[str], Page | None]
    ) -> None:
        """Give every file of the mounts its address."""
        self._site = site
        self._page = page
        self._files: dict[str, str] = {}  # address as `_key` has it → file
        self._of: dict[str, str] = {}
        for mount in site.mounts:
            inside = {mount.inner(path): path for path in files if mount.holds(path)}
            if mount.original:
                original = Mount(mount.original)
                inside = {original.inner(p): p for p in files if original.holds(p)} | inside
            for inner, path in inside.items():
                self._add(mount, inner, path)

    def _add(self, mount: Mount, inner: str, path: str) -> None:
        for number, address in enumerate(self._made(mount, inner, path)):
            whole = join(mount.address, address) if mount.address else address.lstrip("/")
            self._files.setdefault(self._key(whole), path)
            if not number and mount.holds(path):
                self._of.setdefault(path, whole)

    def _made(self, mount: Mount, inner: str, path: str) -> tuple[str, ...]:
        """Return the addresses of a file below its mount's, its own first."""
        if not mount.pages or not self._becomes_page(inner):
            return (inner,)
        page = self._page(path) if self._site.kind in _MATTER else None
        matter = page.front_matter if page else {}
        return _MAKERS[self._site.kind](self._site, mount, inner, matter)

    def _becomes_page(self, inner: str) -> bool:
        ends = PAGES if self._site.kind is SiteKind.DOCUSAURUS else PAGES[:1]
        return inner.endswith(ends + (_SCRIPTS if self._site.kind is SiteKind.DOCUSAURUS else ()))

    def of(self, path: str) -> str:
        """Return the address of a file, from the site's root; it ends in `/` for a folder."""
        return self._of.get(path, path)

    def at(self, address: str) -> str | None:
        """Return the file that stands at an address, None where none does."""
        return self._files.get(self._key(address))

    def seen_from(self, path: str, written: str) -> str:
        """Return the address a browser makes of `written` on the page at `path`."""
        return urljoin(f"/{self.of(path)}", written).lstrip("/")

    def _key(self, address: str) -> str:
        key = address.strip("/")
        if key.endswith("index.html"):
            key = key.removesuffix("index.html").rstrip("/")
        return key.lower() if self._site.kind is SiteKind.HUGO else key


# ---------------------------------------------------------------------- one kind each
Matter = Mapping[str, object]


def _plain(_site: Site, _mount: Mount, inner: str, _matter: Matter) -> tuple[str, ...]:
    return (inner,)


def _mkdocs(site: Site, _mount: Mount, inner: str, _matter: Matter) -> tuple[str, ...]:
    folder, name = dirname(inner), basename(inner)
    if name in ("index.md", "README.md"):
        return (f"{folder}/" if folder else "",)
    return (f"{splitext(inner)[0]}{'/' if site.pretty else '.html'}",)


def _hugo(_site: Site, _mount: Mount, inner: str, matter: Matter) -> tuple[str, ...]:
    folder, stem = dirname(inner), splitext(basename(inner))[0]
    logical = own = join(folder, stem) + "/"
    if stem in ("_index", "index"):
        logical = own = f"{folder}/" if folder else ""
        folder = dirname(folder)
    slug, url, aliases = matter.get("slug"), matter.get("url"), matter.get("aliases")
    if slug and stem != "_index":
        own = join(folder, str(slug)) + "/"
    if url:
        own = str(url)
    more = [str(alias) for alias in aliases] if isinstance(aliases, list) else []
    # A link hook finds a page by its logical path too.
    return tuple(each.replace(" ", "-").lower() for each in (own, *more, logical))


def _docusaurus(_site: Site, mount: Mount, inner: str, matter: Matter) -> tuple[str, ...]:
    if basename(mount.folder) == "blog":
        return _post(inner, matter)
    if inner.endswith(_SCRIPTS) or mount.folder.endswith("src/pages"):
        stem = splitext(inner)[0]
        return (f"{dirname(stem)}/" if basename(stem) == "index" else stem,)
    folder, stem = dirname(inner), splitext(basename(inner))[0]
    folder = "/".join(unnumbered(part) for part in folder.split("/")) if folder else ""
    slug = matter.get("slug")
    if slug:
        return (urljoin(f"/{folder}/" if folder else "/", str(slug)).lstrip("/"),)
    name = str(matter.get("id") or unnumbered(stem))
    if "id" not in matter and name.lower() in ("index", "readme", basename(folder).lower()):
        return (f"{folder}/" if folder else "",)
    return (join(folder, name),)


def _post(inner: str, matter: Matter) -> tuple[str, ...]:
    slug = matter.get("slug")
    if slug:
        return (str(slug).lstrip("/"),)
    stem = splitext(inner)[0].removesuffix("/index")
    dated = _POST.fullmatch(basename(stem))
    if dated is None:
        return (stem,)
    year, month, day, rest = dated.groups()
    return (join(dirname(stem), year, month.zfill(2), day.zfill(2), rest),)


def unnumbered(name: str) -> str:
    """Return a file's or a folder's name without the number that orders it."""
    found = None if _VERSION.match(name) else _NUMBER.fullmatch(name)
    return found["rest"] if found else name


_MAKERS: Final[Mapping[SiteKind, Callable[[Site, Mount, str, Matter], tuple[str, ...]]]] = {
    SiteKind.FORGE: _plain,
    SiteKind.MKDOCS: _mkdocs,
    SiteKind.HUGO: _hugo,
    SiteKind.DOCUSAURUS: _docusaurus,
    SiteKind.DOCFX: _plain,
}
_MATTER: Final = (SiteKind.HUGO, SiteKind.DOCUSAURUS)  # front matter says where a page stands
