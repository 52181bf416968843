"""One resolver: a link as seen from its page → where it leads. Pure; knows only names of files.

Rules of a forge (Gitea, GitHub): targets are relative to the page, a leading `/` is the
repository's root, a directory is its hub, anchors are heading slugs. Case is exact everywhere.
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from posixpath import dirname, join, normpath
from urllib.parse import unquote

from kbtool.markdown.page import Link, Page

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Outcome(StrEnum):
    """Where a link leads."""

    PAGE = "page"  # a page of the base, its anchor too where one is named
    FILE = "file"  # another file or a folder of the repository
    EXTERNAL = "external"  # outside: not looked at
    MISSING = "missing"  # nothing there
    NO_ANCHOR = "no-anchor"  # the page is there, the heading is not
    CASE = "case"  # there under another case; `path` is the right one
    LEAVES = "leaves"  # absolute, or out of the repository


@dataclass(frozen=True, slots=True)
class Target:
    """The result: `path` from the root ("" where there is none), `anchor` as decoded."""

    outcome: Outcome
    path: str = ""
    anchor: str = ""


_EXTERNAL = Target(Outcome.EXTERNAL)


@dataclass(frozen=True, slots=True)
class Tree:
    """The names the resolver works on."""

    files: AbstractSet[str]
    folders: AbstractSet[str]
    folded: Mapping[str, str]  # casefolded path → path
    hub: str
    page: Callable[[str], Page | None]


def resolve(tree: Tree, page: Page, link: Link) -> Target:
    """Return where `link` on `page` leads."""
    target = link.target.strip()
    if link.kind == "wiki":
        return _wiki(tree, page, target)
    if target.startswith("//") or SCHEME.match(target):
        return _outside(target)
    raw_path, _, raw_anchor = target.partition("#")
    anchor = unquote(raw_anchor)
    raw_path = raw_path.partition("?")[0]
    if not raw_path:
        return _anchored(page, page.path, anchor)
    path = joined(page.path, unquote(raw_path))
    if path is None:
        return Target(Outcome.LEAVES, raw_path)
    return _found(tree, path, anchor)


def _outside(target: str) -> Target:
    if re.match(r"file:|[A-Za-z]:[\\/]", target, re.IGNORECASE):
        return Target(Outcome.LEAVES, target)
    return _EXTERNAL


def joined(page_path: str, target: str) -> str | None:
    """Return the path from the root that a target means on a page, None when it leaves."""
    if "\0" in target:
        return None
    base = target.lstrip("/") if target.startswith("/") else join(dirname(page_path), target)
    path = normpath(base) if base else "."
    if path == ".." or path.startswith("../"):
        return None
    return "" if path == "." else path


def _found(tree: Tree, path: str, anchor: str) -> Target:
    if path in tree.files:
        page = tree.page(path)
        if page is not None:
            return _anchored(page, path, anchor)
        return Target(Outcome.FILE, path, anchor)
    if path == "" or path in tree.folders:
        return _folder(tree, path, anchor)
    right = tree.folded.get(path.casefold())
    if right is not None:
        return Target(Outcome.CASE, right, anchor)
    return Target(Outcome.MISSING, path, anchor)


def _folder(tree: Tree, path: str, anchor: str) -> Target:
    hub = join(path, tree.hub) if path else tree.hub
    page = tree.page(hub)
    return _anchored(page, hub, anchor) if page else Target(Outcome.FILE, path, anchor)


def _anchored(page: Page, path: str, anchor: str) -> Target:
    # Browsers go to the top of the page for an empty fragment and for #top.
    if anchor in ("", "top") or anchor in page.anchors:
        return Target(Outcome.PAGE, path, anchor)
    return Target(Outcome.PAGE if is_line(anchor) else Outcome.NO_ANCHOR, path, anchor)


def is_line(anchor: str) -> bool:
    """Return whether it is a forge's anchor of a line, in its view of the source."""
    return re.fullmatch(r"L\d+(-L\d+)?", anchor) is not None


def _wiki(tree: Tree, page: Page, target: str) -> Target:
    """`[[name]]`, `[[name#heading]]`: beside the page, from the root, else by unique file name."""
    name, _, heading = target.partition("#")
    if not name:
        return _anchored(page, page.path, _slug(heading))
    candidates = [name, f"{name}.md"]
    for candidate in candidates:
        for path in (joined(page.path, candidate), joined("", candidate)):
            if path and path in tree.files:
                found = tree.page(path)
                return (
                    _anchored(found, path, _slug(heading)) if found else Target(Outcome.FILE, path)
                )
    named = [path for path in tree.files if path.rpartition("/")[2] in candidates]
    if len(named) == 1:
        found = tree.page(named[0])
        return (
            _anchored(found, named[0], _slug(heading)) if found else Target(Outcome.FILE, named[0])
        )
    return Target(Outcome.MISSING, name, heading)


def _slug(heading: str) -> str:
    from kbtool.markdown.slug import slug

    return slug(heading)
