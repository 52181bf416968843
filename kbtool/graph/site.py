"""What a documentation site makes of a folder of Markdown: data, filled in by `detect`.

A link is written for whoever publishes the page. On a forge it is read from the file; a site
generator gives pages addresses of their own, has roots a `/` stands for, and names headings in
its own way.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple


class SiteKind(StrEnum):
    """Who publishes the pages."""

    FORGE = "forge"  # Gitea, GitHub: the repository's own view
    MKDOCS = "mkdocs"
    HUGO = "hugo"
    DOCUSAURUS = "docusaurus"
    DOCFX = "docfx"


class Slugs(StrEnum):
    """How a heading's text becomes its anchor."""

    FORGE = "forge"
    TOC = "toc"  # Python-Markdown's: ASCII only, runs of spaces and dashes are one, `_1`
    TOC_UNICODE = "toc-unicode"
    PYMDOWNX = "pymdownx"  # pymdownx.slugs: as the forge's, `_1`
    PYMDOWNX_CASE = "pymdownx-case"  # the same, capitals stay
    HUGO = "hugo"  # as the forge's; a heading of other signs only is `heading`
    HUGO_ASCII = "hugo-ascii"
    MARKDIG = "markdig"  # docfx: as Hugo's; a heading of other signs only is `section`
    UNKNOWN = "unknown"  # a function of the project's own: anchors are not judged


class Publisher(NamedTuple):
    """What a project says of a folder: which kind of site its pages are on."""

    folder: str
    kind: SiteKind


class Mount(NamedTuple):
    """A folder of the repository, and the address its files have on the site ("": its root)."""

    folder: str
    address: str = ""
    pages: bool = True  # Markdown becomes pages; else every file is served as it is
    original: str = ""  # of a translation: the folder that has what this one has not

    def holds(self, path: str) -> bool:
        """Return whether the file at `path` lies in it."""
        return not self.folder or path.startswith(f"{self.folder}/")

    def inner(self, path: str) -> str:
        """Return the path of a file below the folder."""
        return path[len(self.folder) + 1 :] if self.folder else path


class Site(NamedTuple):
    """One site: its mounts, the first one that has an address wins."""

    kind: SiteKind
    source: str  # the file that says so
    mounts: tuple[Mount, ...]
    prefix: str = ""  # path of the site's address on its host
    slugs: Slugs = Slugs.FORGE
    attributes: bool = False  # `{ #id }` gives headings and blocks an id of their own
    marks: str = ""  # what is read beside Markdown: bodies of mkdocs, shortcodes of Hugo
    pretty: bool = True  # pages are folders: `a.md` is `a/`
    root_links: bool = False  # mkdocs: `/a.md` is a file below the docs_dir
    generates: bool = False  # a plugin writes pages of its own
    decides: tuple[str, ...] = ()  # addresses below which the files decide; (): all
    redirected: frozenset[str] = frozenset()  # what leads elsewhere: addresses, of docfx files
    unknown: tuple[str, ...] = ()  # addresses below which they do not: generated listings

    @property
    def folder(self) -> str:
        """The folder its configuration stands in."""
        return self.source.rpartition("/")[0]

    def mount_of(self, path: str) -> Mount | None:
        """Return the mount a file lies in, the innermost one."""
        found = [mount for mount in self.mounts if mount.holds(path)]
        return max(found, key=lambda mount: len(mount.folder), default=None)

    def contents(self) -> Iterator[Mount]:
        """Yield the mounts that hold pages."""
        return (mount for mount in self.mounts if mount.pages)

    def owns(self, path: str) -> bool:
        """Return whether the page at `path` is one of the site."""
        mount = self.mount_of(path)
        return mount is not None and mount.pages


def marks_of(sites: tuple[Site, ...], path: str) -> str:
    """Return what the publisher of the page at `path` reads beside Markdown."""
    site = site_of(sites, path) if any(each.marks for each in sites) else None
    return site.marks if site else ""


def site_of(sites: tuple[Site, ...], path: str) -> Site | None:
    """Return the site that publishes the page at `path`, None for the forge."""
    found = [
        (len(mount.folder), -number, site)
        for number, site in enumerate(sites)
        if (mount := site.mount_of(path)) and mount.pages
    ]
    site = max(found, key=lambda each: each[:2])[2] if found else None
    return site if site and site.kind is not SiteKind.FORGE else None
