"""What the site has for programs: llms.txt, and a JSON index of pages, relations, evidence."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from kbtool.graph.base import Kind
from kbtool.markdown.page import Page
from kbtool.site.atlas import Atlas, url_of
from kbtool.site.badge import badge
from kbtool.site.furniture import is_crumb, title_of
from kbtool.site.words import language_of

LLMS: Final = "llms.txt"
INDEX: Final = "index.json"


def llms(atlas: Atlas, name: str, summary: str, words: Mapping[str, str]) -> str:
    """Return the site's table of contents for agents (llmstxt.org): links to Markdown."""
    lines = [f"# {name}", "", f"> {summary}", ""]
    lines += ["Pages are Markdown beside their HTML; index.json has relations and evidence.", ""]
    groups: dict[str, list[str]] = {}
    for path in sorted(atlas.pages):
        groups.setdefault(_section(atlas, path), []).append(path)
    for section, paths in groups.items():
        lines += [f"## {section}", ""]
        lines += [_line(atlas, path, words) for path in paths]
        lines.append("")
    return "\n".join(lines)


def _section(atlas: Atlas, path: str) -> str:
    above = atlas.kb.ancestors(path)
    hub = above[1] if len(above) > 1 else path if path == atlas.kb.parent(path) else ""
    if not hub and atlas.kb.kind_of(path) in (Kind.HUB, Kind.PAGE) and atlas.kb.within(path):
        hub = path if path != atlas.kb.root_hub and path == _own_hub(atlas, path) else ""
    if hub:
        return title_of(atlas.kb.pages[hub])
    return "Start" if atlas.kb.within(path) else "Repository"


def _own_hub(atlas: Atlas, path: str) -> str | None:
    return atlas.kb.hub(path.rpartition("/")[0])


def _line(atlas: Atlas, path: str, words: Mapping[str, str]) -> str:
    page = atlas.kb.pages[path]
    said = words[path]
    title = title_of(page).replace("[", "(").replace("]", ")")
    return f"- [{title}]({atlas.pages[path]})" + (f": {said}" if said else "")


def index(atlas: Atlas, name: str, commit: str) -> str:
    """Return every page with what it says of itself, where it leads, and its evidence."""
    head = json.dumps({"version": 1, "site": name, "commit": commit}, ensure_ascii=False)
    pages = ",\n".join(
        json.dumps(_entry(atlas, path), ensure_ascii=False) for path in sorted(atlas.pages)
    )  # one line a page: a change of one page is a change of one line
    return f'{head[:-1]}, "pages": [\n{pages}\n]}}\n'


def _entry(atlas: Atlas, path: str) -> dict[str, Any]:
    page = atlas.kb.pages[path]
    entry: dict[str, Any] = {
        "path": path,
        "url": url_of(atlas.pages[path]),
        "markdown": atlas.pages[path],
        "title": title_of(page),
        "kind": atlas.kb.kind(page).value,
        "lang": language_of(atlas.kb, page),
        "fields": {f.name: f.value for f in page.head.fields if not f.links},
        "relations": list(_relations(atlas, page)),
        "links": sorted(set(_links(atlas, page))),
    }
    shown = badge(page, atlas.kb)
    if shown:
        entry["evidence"] = {
            "state": shown.state,
            "date": shown.day,
            "profile": shown.profile,
            "signed": False,
            "real": list(shown.real),
            "modelled": list(shown.modelled),
            "problems": list(shown.why),
            "drills": [
                {"profile": profile, "scenario": scenario, **asdict(drill)}
                for profile, scenario, drill in shown.entries
            ],
        }
    return entry


def _relations(atlas: Atlas, page: Page) -> Iterator[dict[str, str]]:
    led = {link.span.start: path for link, path in atlas.kb.edges[page.path]}
    for field in page.head.fields:
        for link in field.links:
            if link.span.start in led:
                yield {"name": field.name, "path": led[link.span.start]}


def _links(atlas: Atlas, page: Page) -> Iterator[str]:
    for link, path in atlas.kb.edges[page.path]:
        if path != page.path and not is_crumb(page, link.span.start):
            yield path
