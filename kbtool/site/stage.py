"""The whole base → the whole staged tree. What did not change is not made again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Rule
from kbtool.markdown.page import Page
from kbtool.markdown.tree import read_tree
from kbtool.site import graph, machine
from kbtool.site.atlas import Atlas, Problem
from kbtool.site.badge import badge
from kbtool.site.context import Sentence, sentences
from kbtool.site.nav import Nav, navigation
from kbtool.site.overviews import overviews
from kbtool.site.page import Backlink, StagedPage, backlinks, staged_page
from kbtool.site.rules import rule_pages


@dataclass(frozen=True, slots=True)
class Options:
    """What the site is to be called, and where its sources stand."""

    name: str = "Knowledge base"
    summary: str = "A knowledge base."
    repository: str = ""  # the forge's page of the project
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the generator gets: texts, files to copy, navigation; and what could not be linked."""

    texts: Mapping[str, str]  # staged file → its text
    copies: Mapping[str, str]  # staged file → path in the repository
    sources: Mapping[str, str]  # staged page → its Markdown as written, for those who want it
    nav: Nav
    problems: tuple[Problem, ...]


class Memory:
    """What an earlier staging in this process made, by what it was made from."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Page, Mapping[int, Sentence]]] = {}
        self._pages: dict[str, tuple[bytes, StagedPage]] = {}

    def said(self, page: Page) -> Mapping[int, Sentence]:
        """Return the sentence around each link of the page."""
        known = self._said.get(page.path)
        if known is None or known[0] is not page:
            known = self._said[page.path] = (page, sentences(read_tree(page.text)))
        return known[1]

    def page(self, path: str, key: bytes, make: Callable[[], StagedPage]) -> StagedPage:
        """Return the staged page made from `key`, made now unless it was before."""
        known = self._pages.get(path)
        if known is None or known[0] != key:
            known = self._pages[path] = (key, make())
        return known[1]


def stage(
    kb: KnowledgeBase, options: Options, rules: Sequence[Rule] = (), memory: Memory | None = None
) -> Stage:
    """Return the staged tree of a knowledge base."""
    memory = memory or Memory()
    atlas = Atlas(kb, options.repository, options.commit)
    said = {path: memory.said(kb.pages[path]) for path in atlas.pages}
    pages = [_page(atlas, path, backlinks(kb, path, said, atlas), memory) for path in atlas.pages]
    made = list(overviews(atlas)) + list(rule_pages(rules))
    made.append((graph.PAGE, "Graph", graph.graph_page(atlas)))
    taken = set(atlas.pages.values())
    made = [each for each in made if each[0] not in taken]  # a page of the base comes first
    texts = {page.path: page.text for page in pages}
    texts |= {path: text for path, _, text in made}
    texts |= {
        graph.DATA: graph.graph_data(atlas),
        machine.LLMS: machine.llms(atlas, options.name, options.summary),
        machine.INDEX: machine.index(atlas, options.name, options.commit),
    }
    return Stage(
        texts,
        {staged: path for page in pages for staged, path in page.copies},
        {staged: kb.pages[path].text for path, staged in atlas.pages.items()},
        navigation(atlas, {path: label for path, label, _ in made}),
        tuple(problem for page in pages for problem in page.problems),
    )


def _page(
    atlas: Atlas, path: str, linking: tuple[Backlink, ...], memory: Memory
) -> StagedPage:
    page = atlas.kb.pages[path]
    key = _key(atlas, page, linking)
    return memory.page(path, key, lambda: staged_page(page, atlas, linking))


def _key(atlas: Atlas, page: Page, linking: Sequence[Backlink]) -> bytes:
    """Return a digest of all a staged page is made from."""
    kb = atlas.kb
    around = [kb.pages[p].head for p in {source for source, _, _ in linking}]
    led = [atlas.kb.resolve(page, link) for link in page.links]
    titles = [kb.pages[t.path].head.title for t in led if t.path in kb.pages]
    parts = (page.text, linking, around, led, titles, badge(page, kb))
    whole = repr((atlas.repository, atlas.commit, parts))
    return sha256(whole.encode("utf-8", "surrogatepass")).digest()
