"""How far a requirement has come is asked every week: one page answers, at the same place in each.

A folder `PRD/<slug>/` has a `STATUS.md`, and that page a table of milestones with a column State
(or Status) that is filled in. A page that is missing is reported at the README's H1, else at the
beginning of the folder's first page.
"""

from collections.abc import Iterator
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.prd import folder_of, place, spoken_for, status_page
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.markdown.table import Table, tables

_STATES: Final = frozenset({"state", "status", "état", "statut"})
_HELP: Final = "| milestone | state |\n| --- | --- |\n| … | … |"


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a folder without its STATUS.md, and a STATUS.md without its milestones."""
    folder = spoken_for(page, kb)
    if folder and status_page(folder) not in kb.pages:
        path = status_page(folder)
        help_ = "a header with the status, and a table of milestones with a state each"
        yield Finding(page.path, place(page, kb), "no STATUS.md", help_, about=path)
    if kb.kind(page) is Kind.STATUS and folder_of(kb, page.path):
        yield from _milestones(page)


def _milestones(page: Page) -> Iterator[Finding]:
    found = [table for table in tables(page) if table.column(_STATES) is not None and table.rows]
    if not found:
        message = "no table of milestones with a state each"
        yield Finding(page.path, place_of_title(page), message, _HELP)
    for table in found:
        yield from _without_state(page, table)


def _without_state(page: Page, table: Table) -> Iterator[Finding]:
    column = table.column(_STATES) or 0
    for row in table.rows:
        if not row.cell(column).text:
            yield Finding(page.path, row.span, "a milestone without a state")


RULE = Rule(
    id="KB411",
    name="prd-status",
    summary="A PRD has a STATUS.md with a table of milestones.",
    check=check,
    good=(
        {
            "vibe/PRD/README.md": "# PRD\n",
            "vibe/PRD/p/README.md": "# P\n",
            "vibe/PRD/p/STATUS.md": "# Status\n\n| Milestone | **State** |\n| --- | --- |\n| one | done |\n",
            "vibe/PRD/_template/README.md": "# T\n",
        },
        {"vibe/STATUS.md": "# S\n", "vibe/PRD/alone.md": "# A\n"},
    ),
    bad=(
        {
            "vibe/PRD/p/README.md": "⟦# P⟧\n\n[Status](STATUS.md)\n",
            "vibe/PRD/p/a.md": "# A\n",
        },
        {"vibe/PRD/p/b.md": "# B\n", "vibe/PRD/p/a.md": "⟦⟧# A\n"},
        {
            "vibe/PRD/p/README.md": "# P\n",
            "vibe/PRD/p/STATUS.md": "⟦# Status⟧\n\n| milestone | who |\n| --- | --- |\n| one | us |\n\n| milestone | state |\n| --- | --- |\n",
        },
        {
            "vibe/PRD/p/README.md": "# P\n",
            "vibe/PRD/p/STATUS.md": "# Status\n\n| milestone | state |\n| --- | --- |\n| one | done |\n⟦| two | |⟧\n⟦| three |⟧\n",
        },
    ),
    seen=Unseen("no requirements there have a STATUS.md"),
)
