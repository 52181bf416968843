"""A big requirement without a plan for its tests is tested by its users.

A PRD of more than three pages, or one that says `**Size**: big`, has a QA strategy: a page
`qa-strategy.md`, or a section titled *QA strategy* in one of its pages.
"""

from collections.abc import Iterator
from posixpath import basename
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.header import status_word
from kbtool.lint.prd import folders, place, spoken_for
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page

_PAGE: Final = "qa-strategy.md"
_TITLE: Final = "qa strategy"


def check(page: Page, kb: KnowledgeBase, options: Options) -> Iterator[Finding]:
    """Find a big PRD without a QA strategy."""
    folder = spoken_for(page, kb)
    if folder is None:
        return
    paths = folders(kb)[folder]
    why = _big(page, len(paths), options)
    if why and not any(_has_strategy(kb.pages[path]) for path in paths):
        help_ = f"write {_PAGE}, or a section ## QA strategy"
        yield Finding(page.path, place(page, kb), f"no QA strategy for {why}", help_)


def _big(page: Page, count: int, options: Options) -> str:
    most = options["pages"]
    size = page.head.field("Size")
    if size and status_word(size.value).casefold().startswith("big"):
        return "a PRD that is big"
    return f"a PRD of {count} pages" if isinstance(most, int) and count > most else ""


def _has_strategy(page: Page) -> bool:
    titles = (heading.text.strip(" :").casefold() for heading in page.headings)
    return basename(page.path) == _PAGE or _TITLE in titles


RULE = Rule(
    id="KB413",
    name="prd-qa",
    summary="A big PRD has a QA strategy.",
    check=check,
    good=(
        {"vibe/PRD/p/README.md": "# P\n\n> **Size**: big\n\n### QA strategy\n"},
        {
            "vibe/PRD/p/README.md": "# P\n",
            "vibe/PRD/p/STATUS.md": "# S\n",
            "vibe/PRD/p/a.md": "# A\n",
            "vibe/PRD/p/qa-strategy.md": "# How it is tested\n",
        },
        {
            "vibe/PRD/p/README.md": "# P\n\n> **Size**: small\n",
            "vibe/PRD/p/STATUS.md": "# S\n",
            "vibe/PRD/p/a.md": "# A\n",
            "vibe/PRD/p/_b.md": "# B\n",
        },
    ),
    bad=(
        {"vibe/PRD/p/README.md": "⟦# P⟧\n\n> **Size**: 🔴 Big\n\nA QA strategy is missing.\n"},
        {
            "vibe/PRD/p/README.md": "⟦# P⟧\n",
            "vibe/PRD/p/STATUS.md": "# S\n",
            "vibe/PRD/p/a.md": "# A\n",
            "vibe/PRD/p/deep/b.md": "# B\n",
        },
    ),
    options={"pages": 3},
    seen=Unseen("no requirements there have a STATUS.md"),
)
