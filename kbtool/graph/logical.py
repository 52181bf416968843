"""Pages by the names `ref` has for them: Hugo's logical paths. Pure.

Source: gohugo.io "Ref shortcode", "Page.GetPage"; hugolib `pagefinder.go`. Held against what Hugo
itself made of them: tests/graph/test_generators.py.
"""

import re
from collections.abc import Collection, Mapping
from posixpath import basename, dirname, join, normpath
from typing import Final

from kbtool.graph.site import Mount, Site

_EXTENSION: Final = re.compile(r"\.(?:md|markdown|mdown|html?|adoc|org|rst|pandoc)\Z")
_LANGUAGE: Final = re.compile(r"\.[a-z]{2,3}(?:-[a-z0-9]+)?\Z")
_INDEX: Final = re.compile(r"(?:\A|/)_?index\Z")


class Logical:
    """The pages of one site; made once."""

    def __init__(self, site: Site, files: Collection[str]) -> None:
        """Give every page its logical path."""
        self._paths: dict[tuple[str, str], str] = {}  # mount and logical path → page or folder
        self._named: dict[tuple[str, str], set[str]] = {}  # mount and last name → pages
        for mount in site.contents():
            inside = {mount.inner(path): path for path in files if mount.holds(path)}
            self._add_pages(mount.folder, inside)
            # The home page and the sections are there without a page of their own.
            for section in ("", *(inner.partition("/")[0] for inner in inside if "/" in inner)):
                folder = join(mount.folder, section).rstrip("/")
                self._paths.setdefault((mount.folder, _plain(section.lower())), folder)

    def _add_pages(self, mount: str, inside: Mapping[str, str]) -> None:
        bundles = {dirname(inner) for inner in inside if basename(inner) == "index.md"}
        pages = {
            inner.removesuffix(".md").lower(): path
            for inner, path in sorted(inside.items())
            if inner.endswith(".md") and not _is_part(inner, bundles)
        }
        for stem, path in pages.items():
            key = _plain(stem)
            self._paths.setdefault((mount, key), path)
            self._named.setdefault((mount, basename(key)), set()).add(path)
        for stem, path in pages.items():  # `page.fr.md` is one in another language
            key = _plain(_LANGUAGE.sub("", stem))
            self._paths.setdefault((mount, key), path)
            self._named.setdefault((mount, basename(key)), {path})

    def find(self, mount: Mount, page: str, written: str) -> set[str]:
        """Return what a reference on `page` means: more than one are none for Hugo."""
        name = _EXTENSION.sub("", written.lower())
        for folder in _folders(mount, page, written):
            path = normpath(join("/", folder.lower(), name)).strip("/")
            found = self._paths.get((mount.folder, _plain(path)))
            if found is not None:
                return {found}
        if "/" in written or written.startswith("."):
            return set()
        return self._named.get((mount.folder, _plain(name)), set())


def _folders(mount: Mount, page: str, written: str) -> list[str]:
    """Return the folders a reference is looked up from, the first choice first."""
    if written.startswith("/"):
        return [""]
    here = dirname(mount.inner(page))
    near = [here]
    if basename(page) == "index.md":  # a bundle is in its folder's folder; files are near it too
        near = [dirname(here), here] if _EXTENSION.search(written) else [dirname(here)]
    return near if written.startswith(".") else [*near, ""]


def _plain(name: str) -> str:
    return _INDEX.sub("", name).replace(" ", "-")


def _is_part(inner: str, bundles: set[str]) -> bool:
    """Return whether a file is a part of a bundle, and no page of its own."""
    if basename(inner) == "index.md":
        return False
    folder = dirname(inner)
    while folder and folder not in bundles:
        folder = dirname(folder)
    return bool(folder)
