"""A folder of notebooks says nothing until somebody wrote down what was asked and found.

A folder `investigations/INV-NNN-slug/` has its stub page `INV-NNN-slug.md` beside it: the page
people link to, and the hub of the folder. Reported at the H1 of the folder's first page; of a
folder without a page, at that of the hub above.
"""

from collections.abc import Iterator
from posixpath import basename, dirname

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.investigations import above, stub_of, without_stub
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find folders of investigations without their stub page."""
    if page.path == kb.hub(above(kb)):
        silent = (folder for folder in _bare(kb) if not _pages(kb, folder))
        for folder in silent:
            yield _finding(page, folder)
        return
    own = without_stub(kb, page.path)
    if own and page.path == min(_pages(kb, own), default=None):
        yield _finding(page, own)


def _bare(kb: KnowledgeBase) -> Iterator[str]:
    for folder in sorted(kb.folders):
        stub = stub_of(folder) if dirname(folder) == above(kb) else None
        if stub and stub not in kb.pages:
            yield folder


def _pages(kb: KnowledgeBase, folder: str) -> list[str]:
    return [p for p in kb.pages if p.startswith(f"{folder}/") and not kb.is_template(p)]


def _finding(page: Page, folder: str) -> Finding:
    name = basename(folder)
    message = f"the folder {name} has no page {name}.md beside it"
    return Finding(page.path, place_of_title(page), message, about=folder)


RULE = Rule(
    id="KB422",
    name="inv-folder",
    summary="A folder of an investigation has its stub page beside it.",
    check=check,
    good=(
        {
            "vibe/investigations/README.md": "# Investigations\n",
            "vibe/investigations/INV-001-x.md": "# X\n",
            "vibe/investigations/INV-001-x/notes.md": "# Notes\n",
            "vibe/investigations/img/x.png": "",
        },
    ),
    bad=(
        {
            "vibe/investigations/README.md": "# Investigations\n",
            "vibe/investigations/INV-001-x/b.md": "# B\n",
            "vibe/investigations/INV-001-x/a.md": "⟦# A⟧\n",
            "vibe/investigations/INV-001-x/_t.md": "# T\n",
        },
        {
            "vibe/investigations/README.md": "⟦# Investigations⟧\n",
            "vibe/investigations/INV-001-x/run.ipynb": "{}",
        },
    ),
    seen=Unseen("no page there is an investigation"),
)
