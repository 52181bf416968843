"""The whole base → the whole staged tree. What did not change is not made again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.resolve import Target
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


Key = tuple[object, ...]


class Memory:
    """What an earlier staging in this process made, by what it was made from.

    A page that was not read anew is the same object, so keys compare fast.
    """

    def __init__(self) -> None:
        self._said: dict[str, tuple[Page, Mapping[int, Sentence]]] = {}
        self._words: dict[str, tuple[Page, str]] = {}
        self._led: dict[str, tuple[Page, tuple[Target, ...]]] = {}
        self._pages: dict[str, tuple[Key, StagedPage]] = {}
        self.base: KnowledgeBase | None = None  # the one staged last

    def take(self, kb: KnowledgeBase) -> KnowledgeBase:
        """Return the base, knowing what the last one knew; forget what other files made untrue."""
        if self.base is None or self.base.files != kb.files:
            self._led.clear()
        self.base = kb.after(self.base)
        return kb

    def said(self, page: Page) -> Mapping[int, Sentence]:
        """Return the sentence around each link of the page."""
        known = self._said.get(page.path)
        if known is None or known[0] is not page:
            known = self._said[page.path] = (page, sentences(read_tree(page.text)))
        return known[1]

    def words(self, page: Page) -> str:
        """Return the first words of the page."""
        known = self._words.get(page.path)
        if known is None or known[0] is not page:
            known = self._words[page.path] = (page, machine.first_words(page))
        return known[1]

    def led(self, kb: KnowledgeBase, page: Page) -> tuple[Target, ...]:
        """Return where the page's links lead; headings of other pages are not looked at."""
        known = self._led.get(page.path)
        if known is None or known[0] is not page:
            known = self._led[page.path] = (page, tuple(kb.resolve(page, k) for k in page.links))
        return known[1]

    def page(self, path: str, key: Key, make: Callable[[], StagedPage]) -> StagedPage:
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
    kb = memory.take(kb)
    atlas = Atlas(kb, options.repository, options.commit)
    said = {path: memory.said(kb.pages[path]) for path in atlas.pages}
    pages = [_page(atlas, path, backlinks(kb, path, said, atlas), memory) for path in atlas.pages]
    made = list(overviews(atlas)) + list(rule_pages(rules))
    pairs = graph.links(atlas)
    made.append((graph.PAGE, "Graph", graph.graph_page(atlas, pairs)))
    taken = set(atlas.pages.values())
    made = [each for each in made if each[0] not in taken]  # a page of the base comes first
    texts = {page.path: page.text for page in pages}
    texts |= {path: text for path, _, text in made}
    texts |= {
        graph.DATA: graph.graph_data(atlas, pairs),
        machine.LLMS: machine.llms(atlas, options.name, options.summary, memory.words),
        machine.INDEX: machine.index(atlas, options.name, options.commit),
    }
    return Stage(
        texts,
        {staged: path for page in pages for staged, path in page.copies},
        {staged: kb.pages[path].text for path, staged in atlas.pages.items()},
        navigation(atlas, {path: label for path, label, _ in made}),
        tuple(problem for page in pages for problem in page.problems),
    )


def _page(atlas: Atlas, path: str, linking: tuple[Backlink, ...], memory: Memory) -> StagedPage:
    page = atlas.kb.pages[path]
    key = _key(atlas, page, linking, memory)
    return memory.page(path, key, lambda: staged_page(page, atlas, linking))


def _key(atlas: Atlas, page: Page, linking: tuple[Backlink, ...], memory: Memory) -> Key:
    """Return all a staged page is made from."""
    kb = atlas.kb
    led = memory.led(kb, page)
    targets = [kb.pages[target.path] for target in led if target.path in kb.pages]
    return (
        page,
        linking,
        tuple(kb.pages[source].head for source, _, _ in linking),
        led,
        tuple((target.head.title, target.anchors) for target in targets),
        badge(page, kb),
        atlas.repository,
        atlas.commit,
    )
