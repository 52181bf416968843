"""The whole base → the whole staged tree. What did not change is not made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.resolve import Target
from kbtool.lint.rule import Rule
from kbtool.markdown.page import Page
from kbtool.site import graph, machine
from kbtool.site.atlas import Atlas, Problem
from kbtool.site.badge import badge
from kbtool.site.nav import Nav, navigation
from kbtool.site.overviews import overviews
from kbtool.site.page import Backlink, Body, StagedPage, backlinks, body_of, staged_page
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
        self._led: dict[str, tuple[Page, tuple[Target, ...]]] = {}
        self._bodies: dict[str, tuple[Key, Body]] = {}
        self._pages: dict[str, tuple[Key, StagedPage]] = {}
        self.base: KnowledgeBase | None = None  # the one staged last

    def take(self, kb: KnowledgeBase) -> KnowledgeBase:
        """Return the base, knowing what the last one knew; forget what other files made untrue."""
        if self.base is None or self.base.files != kb.files:
            self._led.clear()
        self.base = kb.after(self.base)
        return kb

    def led(self, kb: KnowledgeBase, page: Page) -> tuple[Target, ...]:
        """Return where the page's links lead; headings of other pages are not looked at."""
        known = self._led.get(page.path)
        if known is None or known[0] is not page:
            known = self._led[page.path] = (page, tuple(kb.resolve(page, k) for k in page.links))
        return known[1]

    def body(self, page: Page, atlas: Atlas) -> Body:
        """Return what the page says by itself."""
        led = self.led(atlas.kb, page)
        targets = [atlas.kb.pages[found.path] for found in led if found.path in atlas.kb.pages]
        anchors = tuple(target.anchors for target in targets)
        key = (page, led, anchors, atlas.repository, atlas.commit)
        known = self._bodies.get(page.path)
        if known is None or known[0] != key:
            known = self._bodies[page.path] = (key, body_of(page, atlas))
        return known[1]

    def page(
        self, page: Page, atlas: Atlas, body: Body, linking: tuple[Backlink, ...]
    ) -> StagedPage:
        """Return the staged page."""
        kb = atlas.kb
        led = [kb.pages[target].head.title for _, target in kb.edges[page.path]]
        heads = tuple(kb.pages[source].head for source, _, _ in linking)
        key = (page, body, linking, heads, tuple(led), badge(page, kb))
        known = self._pages.get(page.path)
        if known is None or known[0] != key:
            known = self._pages[page.path] = (key, staged_page(page, atlas, body, linking))
        return known[1]


def stage(
    kb: KnowledgeBase, options: Options, rules: Sequence[Rule] = (), memory: Memory | None = None
) -> Stage:
    """Return the staged tree of a knowledge base."""
    memory = memory or Memory()
    kb = memory.take(kb)
    atlas = Atlas(kb, options.repository, options.commit)
    bodies = {path: memory.body(kb.pages[path], atlas) for path in atlas.pages}
    pages = [
        memory.page(kb.pages[path], atlas, body, backlinks(kb, path, bodies, atlas))
        for path, body in bodies.items()
    ]
    made = list(overviews(atlas)) + list(rule_pages(rules))
    pairs = graph.links(atlas)
    made.append((graph.PAGE, "Graph", graph.graph_page(atlas, pairs)))
    taken = set(atlas.pages.values())
    made = [each for each in made if each[0] not in taken]  # a page of the base comes first
    texts = {page.path: page.text for page in pages}
    texts |= {path: text for path, _, text in made}
    texts |= {
        graph.DATA: graph.graph_data(atlas, pairs),
        machine.LLMS: machine.llms(
            atlas,
            options.name,
            options.summary,
            {path: body.words for path, body in bodies.items()},
        ),
        machine.INDEX: machine.index(atlas, options.name, options.commit),
    }
    return Stage(
        texts,
        {staged: path for page in pages for staged, path in page.copies},
        {staged: kb.pages[path].text for path, staged in atlas.pages.items()},
        navigation(atlas, {path: label for path, label, _ in made}),
        tuple(problem for page in pages for problem in page.problems),
    )
