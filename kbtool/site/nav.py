"""Navigation from the hubs: each hub is a section, its pages in the order it names them."""

from collections.abc import Iterator, Mapping, Sequence
from posixpath import dirname
from typing import Any, Final

from kbtool.graph.base import Kind
from kbtool.site.atlas import OUTSIDE, Atlas
from kbtool.site.furniture import label_of

Nav = list[Any]  # as the generator reads it: {label: page} and {label: [page, {label: page}, …]}
_LAST: Final = ("graph.md",)


def navigation(atlas: Atlas, made: Mapping[str, str]) -> Nav:
    """Return the navigation of the site. `made`: staged pages without a source → label."""
    beside = [page for page in made if dirname(page) and not page.startswith("rules/")]
    root = atlas.kb.root_hub
    seen: set[str] = set()
    nav: Nav = []
    if root:
        seen.add(root)
        nav.append({_name(atlas, root): atlas.pages[root]})
        nav += [_entry(atlas, child, made, beside, seen) for child in _children(atlas, root)]
    nav += [{_name(atlas, p): s} for p, s in sorted(_left_out(atlas, seen))]
    nav += [{made[page]: page} for page in _LAST if page in made]
    return [*nav, {"Reference": list(_reference(atlas, made))}]


def _entry(
    atlas: Atlas, path: str, made: Mapping[str, str], beside: Sequence[str], seen: set[str]
) -> dict[str, Any]:
    seen.add(path)
    staged = atlas.pages[path]
    inside = [c for c in _children(atlas, path) if c not in seen]
    extra = [page for page in beside if _beside(page, staged)]
    if not inside and not extra:
        return {_name(atlas, path): staged}
    pages: list[Any] = [staged, *({made[page]: page} for page in extra)]
    return {_name(atlas, path): pages + [_entry(atlas, c, made, beside, seen) for c in inside]}


def _beside(page: str, hub: str) -> bool:
    return dirname(page) == dirname(hub) and hub.endswith("README.md")


def _children(atlas: Atlas, hub: str) -> Sequence[str]:
    """Return what the hub lists: as its body orders it, decisions by number, then the rest."""
    children = [path for path in atlas.kb.children(hub) if path in atlas.pages]
    named = {path: at for at, (_, path) in reversed(list(enumerate(atlas.kb.edges[hub])))}
    kinds = {atlas.kb.kind_of(path) for path in children}
    if kinds == {Kind.ADR}:
        return children
    return sorted(children, key=lambda path: (named.get(path, len(named) + 1), path))


def _left_out(atlas: Atlas, seen: set[str]) -> Iterator[tuple[str, str]]:
    for path, staged in atlas.pages.items():
        if path not in seen and not staged.startswith(f"{OUTSIDE}/"):
            yield path, staged


def _reference(atlas: Atlas, made: Mapping[str, str]) -> Iterator[Any]:
    rules = [page for page in made if page.startswith("rules/")]
    if rules:
        yield {made[rules[0]]: [rules[0], *({made[page]: page} for page in rules[1:])]}
    for path, staged in sorted(atlas.pages.items()):
        if staged.startswith(f"{OUTSIDE}/"):
            yield {path.removesuffix(".md"): staged}


def _name(atlas: Atlas, path: str) -> str:
    return label_of(atlas.kb.pages[path])
