"""Folders of product requirements: their pages, and where what a folder lacks is reported."""

from collections.abc import Mapping, Sequence
from posixpath import join
from typing import cast

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.header import valid_status
from kbtool.lint.links import place_of_title
from kbtool.markdown.page import Field, Page
from kbtool.text import Span


def above(kb: KnowledgeBase) -> str:
    """Return the folder of all requirements."""
    return join(kb.base, "PRD")


def folder_of(kb: KnowledgeBase, path: str) -> str | None:
    """Return the folder `PRD/<slug>` a page lies in, None where it lies in none."""
    start = f"{above(kb)}/"
    slug, below, _ = path.removeprefix(start).partition("/")
    return start + slug if below and path.startswith(start) else None


def folders(kb: KnowledgeBase) -> Mapping[str, Sequence[str]]:
    """Return each folder and its pages in path order, templates left out."""
    key = ("prd", "folders")
    if key not in kb.memo:
        found: dict[str, list[str]] = {}
        for path in sorted(kb.pages):
            folder = folder_of(kb, path)
            if folder and kb.kind_of(path) is not Kind.TEMPLATE:
                found.setdefault(folder, []).append(path)
        kb.memo[key] = found
    return cast("Mapping[str, Sequence[str]]", kb.memo[key])


def spoken_for(page: Page, kb: KnowledgeBase) -> str | None:
    """Return the folder whose lacks are told at this page: its home, else its first page."""
    folder = folder_of(kb, page.path)
    if folder is None:
        return None
    home = join(folder, kb.conventions.hub)
    first = home if home in kb.pages else folders(kb)[folder][0]
    return folder if page.path == first else None


def place(page: Page, kb: KnowledgeBase) -> Span:
    """Return where: the home's H1, else the beginning of the first page."""
    return place_of_title(page) if kb.kind(page) is Kind.PRD and _home(page, kb) else Span(0, 0)


def _home(page: Page, kb: KnowledgeBase) -> bool:
    return page.path.endswith(f"/{kb.conventions.hub}")


def status_page(folder: str) -> str:
    """Return the path a folder's STATUS.md has, or would have."""
    return join(folder, "STATUS.md")


def true_status(kb: KnowledgeBase, folder: str) -> Field | None:
    """Return the Status that STATUS.md gives the folder, None where it gives no valid one."""
    page = kb.pages.get(status_page(folder))
    return valid_status(page, kb) if page else None
