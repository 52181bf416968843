"""The whole base as a drawing: places computed when staging, and a list that says the same.

Each folder is a disc, its hub in the middle, its pages on a sunflower spiral (Vogel 1979), its
subfolders on a ring around. A place depends on the page's folder and its rank there alone: a
new page moves its neighbours, not the whole drawing, and the cost is linear.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import cos, pi, sin, sqrt
from posixpath import basename, dirname
from typing import Final

from kbtool.graph.base import Kind
from kbtool.site.atlas import Atlas, between, url_of
from kbtool.site.furniture import block, is_crumb, label_of, title_of
from kbtool.site.page import front_matter

PAGE: Final = "graph.md"
DATA: Final = "assets/kb/graph.json"
_GOLDEN: Final = pi * (3 - sqrt(5))
_STEP: Final = 26.0  # between two pages of a folder
_GAP: Final = 30.0  # between two folders
_NAMES: Final[Mapping[Kind, str]] = {
    Kind.HUB: "Hubs",
    Kind.ADR: "Decisions",
    Kind.PRD: "Requirements",
    Kind.STATUS: "Status pages",
    Kind.INVESTIGATION: "Investigations",
    Kind.GUIDEBOOK: "Guidebooks",
    Kind.RUNBOOK: "Runbooks",
    Kind.SHAREOUT: "Shareouts",
    Kind.PAGE: "Other pages",
    Kind.OUTSIDE: "Repository",
}


@dataclass(frozen=True, slots=True)
class Disc:
    """A folder's places around its own middle, and how far they reach."""

    places: Mapping[str, tuple[float, float]]
    radius: float


def places(staged: Sequence[str]) -> Mapping[str, tuple[float, float]]:
    """Return where each staged page stands, around the origin."""
    folders: dict[str, list[str]] = {"": []}
    for path in sorted(staged):
        folder = dirname(path)
        folders.setdefault(folder, []).append(path)
        while folder:
            folder = dirname(folder)
            folders.setdefault(folder, [])
    below: dict[str, list[str]] = {}
    for folder in sorted(folders):
        if folder:
            below.setdefault(dirname(folder), []).append(folder)
    return _disc("", folders, below).places


def _disc(folder: str, pages: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> Disc:
    mine = sorted(pages[folder], key=lambda path: (basename(path) != "README.md", path))
    found = {path: _seed(rank) for rank, path in enumerate(mine)}
    inner = _STEP * sqrt(len(mine)) if mine else 0.0
    discs = [_disc(sub, pages, below) for sub in below.get(folder, ())]
    if not discs:
        return Disc(found, inner)
    widest = max(disc.radius for disc in discs)
    round_ = sum(2 * disc.radius + _GAP for disc in discs)
    ring = max(inner + widest + _GAP, round_ / (2 * pi) if len(discs) > 1 else 0.0)
    angle = -pi / 2
    for disc in discs:
        share = 2 * pi * (2 * disc.radius + _GAP) / round_
        angle += share / 2
        x, y = ring * cos(angle), ring * sin(angle)
        found |= {path: (x + at[0], y + at[1]) for path, at in disc.places.items()}
        angle += share / 2
    return Disc(found, ring + widest)


def _seed(rank: int) -> tuple[float, float]:
    far = _STEP * sqrt(rank)
    return far * cos(rank * _GOLDEN), far * sin(rank * _GOLDEN)


# ---------------------------------------------------------------------- as data and as a page
Links = Collection[tuple[str, str]]


def graph_data(atlas: Atlas, pairs: Links) -> str:
    """Return the drawing as JSON: pages with their places, links as pairs of them."""
    order = {path: at for at, path in enumerate(sorted(atlas.pages))}
    where = places(list(atlas.pages.values()))
    nodes = [
        [*(round(v, 1) for v in where[atlas.pages[path]]), *_about(atlas, path)] for path in order
    ]
    drawn = sorted({tuple(sorted((order[a], order[b]))) for a, b in pairs})
    names = {kind.value: name for kind, name in _NAMES.items()}
    data = {"version": 1, "kinds": names, "pages": nodes, "links": drawn}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"


def _about(atlas: Atlas, path: str) -> tuple[str, str, str]:
    page = atlas.kb.pages[path]
    return label_of(page), url_of(atlas.pages[path]), atlas.kb.kind(page).value


def links(atlas: Atlas) -> Links:
    """Return every (page, page it links to), breadcrumbs left out."""
    return {
        (path, target)
        for path in atlas.pages
        for link, target in atlas.kb.edges[path]
        if target != path
        and target in atlas.pages
        and not is_crumb(atlas.kb.pages[path], link.span.start)
    }


def graph_page(atlas: Atlas, pairs: Links) -> str:
    """Return the page: the drawing's frame, and every page in a list by kind."""
    groups: dict[Kind, list[str]] = {}
    for path in sorted(atlas.pages):
        groups.setdefault(atlas.kb.kind_of(path), []).append(path)
    degree: dict[str, int] = {}
    for a, b in pairs:
        degree[a] = degree.get(a, 0) + 1
        degree[b] = degree.get(b, 0) + 1
    shown = [(kind, groups[kind]) for kind in _NAMES if kind in groups]
    boxes = "".join(
        f'<label class="kb-filter"><input type="checkbox" checked value="{kind.value}">'
        f'<span class="kb-dot kb-kind-{kind.value}"></span>{_NAMES[kind]}'
        f' <span class="kb-count">{len(paths)}</span></label>'
        for kind, paths in shown
    )
    frame = (
        f'<fieldset class="kb-filters"><legend>Show</legend>{boxes}</fieldset>'
        '<div class="kb-canvas" hidden><canvas aria-hidden="true"></canvas>'
        '<p class="kb-canvas-hint">Drag to move, scroll with Ctrl to zoom, click a page to open'
        " it. The list below holds the same pages.</p></div>"
    )
    lists = "".join(_group(atlas, kind, paths, degree) for kind, paths in shown)
    body = block("kb-graph", frame + f'<div class="kb-lists">{lists}</div>', "", _data_of())
    intro = "Every page and every link between pages; breadcrumbs are left out."
    return (
        "\n\n".join([front_matter("Graph", hide=("navigation", "toc")), "# Graph", intro, body])
        + "\n"
    )


def _data_of() -> str:
    return f' data-graph="{between(PAGE, DATA)}"'


def _group(atlas: Atlas, kind: Kind, paths: Sequence[str], degree: Mapping[str, int]) -> str:
    items = "".join(
        f'<li><a href="{escape(atlas.to_page(PAGE, path))}">'
        f"{escape(title_of(atlas.kb.pages[path]))}</a>"
        f' <span class="kb-count" title="links">{degree.get(path, 0)}</span></li>'
        for path in paths
    )
    return f'<section data-kind="{kind.value}"><h2>{_NAMES[kind]}</h2><ul>{items}</ul></section>'
