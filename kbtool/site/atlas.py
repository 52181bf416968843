"""Where everything stands: page → staged file → URL, and where each link of a page leads."""

import re
from dataclasses import dataclass
from functools import lru_cache
from posixpath import basename, dirname, splitext
from typing import Final
from urllib.parse import quote

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.resolve import Outcome, Target
from kbtool.graph.way import way
from kbtool.markdown.page import Link, LinkKind, Page
from kbtool.markdown.tree import Node
from kbtool.text import Span

OUTSIDE: Final = "repository"  # the staged folder of AGENTS.md, README.md, CHANGELOG.md
# What may be published beside pages: nothing a browser would run when it is opened by itself.
_IMAGES: Final = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"})
_FILES: Final = _IMAGES | {".pdf", ".txt", ".csv", ".json", ".toml", ".yaml", ".yml", ".ipynb"}
# What would make a drawing act when it is opened as a page of its own.
_ACTIVE = re.compile(
    r"<script|<foreignobject|<iframe|<!entity|javascript:|\son\w+\s*=", re.IGNORECASE
)
_SCHEMES: Final = ("http://", "https://", "mailto:", "//")


@dataclass(frozen=True, slots=True)
class Problem:
    """A link the site cannot follow."""

    path: str
    line: int
    message: str


def forge_url(repository: str, commit: str, path: str) -> str:
    """Return where a forge shows a file at a commit; "" without a repository or a commit.

    `repository` is the project's page (Gitea's, GitHub's, GitLab's addresses are known), or a
    template with {commit} and {path}.
    """
    commit = commit.removesuffix("+")
    if not repository or not commit:
        return ""
    if "{path}" in repository:
        return repository.replace("{commit}", commit).replace("{path}", quote(path))
    middle = "src/commit"
    if "//github.com/" in repository:
        middle = "blob"
    elif "//gitlab." in repository:
        middle = "-/blob"
    return f"{repository.rstrip('/')}/{middle}/{commit}/{quote(path)}"


@lru_cache(maxsize=65536)
def url_of(staged: str) -> str:
    """Return the address of a staged page, from the site's root, as directory URLs have it."""
    folder, name = dirname(staged), basename(staged)
    if name in ("README.md", "index.md"):
        return f"{folder}/" if folder else ""
    return f"{splitext(staged)[0]}/" if name.endswith(".md") else staged


def between(start: str, end: str, anchor: str = "") -> str:
    """Return the relative URL from one staged page to another, or to a staged file."""
    here, there = url_of(start), url_of(end)
    found = way(here.rstrip("/"), there.rstrip("/"))
    if there.endswith("/") or not there:
        found += "/"
    return quote(found) + (f"#{quote(anchor)}" if anchor else "")


class Atlas:
    """Where every page of a knowledge base stands on the site."""

    def __init__(self, kb: KnowledgeBase, repository: str = "", commit: str = "") -> None:
        """Give every page that is published its place; templates have none."""
        self.kb = kb
        self.repository = repository
        self.commit = commit
        self.pages: dict[str, str] = {}  # page → its staged file
        for path in kb.pages:
            if kb.within(path) and not kb.is_template(path):
                self.pages[path] = self.in_base(path)
            elif kb.base and "/" not in path:
                self.pages[path] = f"{OUTSIDE}/{path}"

    def in_base(self, path: str) -> str:
        """Return a path below the base without it."""
        return path.removeprefix(f"{self.kb.base}/" if self.kb.base else "")

    def to_page(self, start: str, path: str, anchor: str = "") -> str:
        """Return the URL of a page as seen from a staged one; "" when it is not published."""
        staged = self.pages.get(path)
        return between(start, staged, anchor) if staged else ""

    def to_source(self, path: str) -> str:
        """Return where a forge shows a file of the repository, "" when nobody knows."""
        return forge_url(self.repository, self.commit, path)

    def publishable(self, path: str) -> bool:
        """Return whether a file beside the pages may be published."""
        kind = splitext(path)[1].lower()
        if path not in self.kb.files or not self.kb.within(path):
            return False
        if kind == ".svg":
            return not _ACTIVE.search(self.kb.facts.text(path) or "<script")
        return kind in _FILES


class Guide:
    """Where the links of one page lead; collects what it met on the way."""

    def __init__(self, atlas: Atlas, page: Page) -> None:
        self.atlas = atlas
        self.page = page
        self.start = atlas.pages[page.path]
        self.problems: list[Problem] = []
        self.copies: dict[str, str] = {}  # staged → path in the repository

    def in_markdown(self, node: Node) -> tuple[str, bool]:
        """Return (target, shown in place) for Markdown: the generator makes an address of it."""
        return self._led(_link(node), url=False)

    def in_html(self, node: Node) -> tuple[str, bool]:
        """Return (URL, shown in place) as a browser needs it."""
        return self._led(_link(node), url=True)

    def moved(self, value: str) -> str | None:
        """Return the URL for an `href` or `src` in raw HTML, None for none."""
        span = next((link.span for link in self.page.links if link.target == value), Span(0, 0))
        return self._led(Link("html", value, "", span, None), url=True)[0] or None

    def _led(self, link: Link, *, url: bool) -> tuple[str, bool]:
        target = self.atlas.kb.resolve(self.page, link)
        if target.outcome is Outcome.EXTERNAL:
            written = link.target.strip()
            return (written if written.lower().startswith(_SCHEMES) else ""), False
        if target.outcome in (Outcome.PAGE, Outcome.NO_ANCHOR):
            return self._to_page(link, target, url=url), False
        if target.outcome is Outcome.FILE:
            return self._to_file(target.path, url=url)
        self._complain(link, "leads nowhere")
        return "", False

    def _to_page(self, link: Link, target: Target, *, url: bool) -> str:
        staged = self.atlas.pages.get(target.path)
        if staged is None:
            return self.atlas.to_source(target.path)
        known = self.atlas.kb.anchors(self.page, target.path)
        anchor = target.anchor if target.anchor in known else ""
        if target.outcome is Outcome.NO_ANCHOR:
            self._complain(link, "names a heading that is not there")
        if staged == self.start and anchor:
            return f"#{quote(anchor)}"
        if url:
            return between(self.start, staged, anchor)
        return self._relative(staged) + (f"#{quote(anchor)}" if anchor else "")

    def _to_file(self, path: str, *, url: bool) -> tuple[str, bool]:
        if not self.atlas.publishable(path):
            return self.atlas.to_source(path), False
        staged = self.atlas.in_base(path)
        self.copies[staged] = path
        where = between(self.start, staged) if url else self._relative(staged)
        return where, splitext(path)[1].lower() in _IMAGES

    def _relative(self, staged: str) -> str:
        return quote(way(dirname(self.start), staged))

    def _complain(self, link: Link, why: str) -> None:
        line, _ = self.page.lines.position(link.span.start)
        problem = Problem(self.page.path, line, f"{link.target!r} {why}")
        if problem not in self.problems:
            self.problems.append(problem)


def _link(node: Node) -> Link:
    kind: LinkKind = "image" if node.kind == "image" else "link"
    if node.written == "WikiLink":
        kind = "wiki"
    target = f"mailto:{node.target}" if node.written == "Email" else node.target
    return Link(kind, target, "", node.span, None)
