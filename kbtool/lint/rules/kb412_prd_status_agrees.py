"""Three places say how far a requirement has come: when they differ, none of them is believed.

`STATUS.md` is the truth. The README's Status and the cell in the PRD hub's Status column say the
same; emoji are free. The fix writes what `STATUS.md` says.
"""

from collections.abc import Iterator

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.header import status_word, valid_status
from kbtool.lint.index import agree, entries, has_emoji, wrong_status
from kbtool.lint.links import relative
from kbtool.lint.prd import above, folder_of, folders, status_page, true_status
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.text import Edit


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a README and rows of a hub that contradict STATUS.md."""
    if kb.kind(page) is Kind.PRD:
        yield from _home(page, kb)
    elif page.path == kb.hub(above(kb)):
        yield from _rows(page, kb)


def _home(page: Page, kb: KnowledgeBase) -> Iterator[Finding]:
    folder = folder_of(kb, page.path)
    if folder is None or page.path != kb.hub(folder):
        return
    told, own = true_status(kb, folder), valid_status(page, kb)
    if told is None or own is None or agree(own.value, told.value):
        return
    right = told.value if has_emoji(own.value) else status_word(told.value)
    fix = (Edit(page.path, own.value_span, right),)
    yield Finding(page.path, own.value_span, f"STATUS.md says {told.value!r}", "", fix)


def _rows(page: Page, kb: KnowledgeBase) -> Iterator[Finding]:
    subjects = {path: folder for folder, paths in folders(kb).items() for path in paths}
    for entry in entries(page, kb, subjects):
        status = kb.pages.get(status_page(entry.path))
        wrong = wrong_status(page, kb, entry, status) if status else None
        if status and wrong:
            message = f"{relative(page.path, status.path)} says {wrong.right!r}"
            yield Finding(page.path, wrong.cell.span, message, "", (wrong.edit,), about=status.path)


RULE = Rule(
    id="KB412",
    name="prd-status-agrees",
    summary="STATUS.md, README and hub give a PRD the same status.",
    check=check,
    good=(
        {
            "vibe/PRD/README.md": "# PRD\n\n| PRD | status |\n| --- | --- |\n| [P](p/README.md) | [in design](p/STATUS.md) |\n",
            "vibe/PRD/p/README.md": "# P\n\n> **Status**: 🟡 In design\n",
            "vibe/PRD/p/STATUS.md": "# S\n\n> **Status**: In design\n",
        },
        {
            "vibe/PRD/README.md": "# PRD\n\n- [P](p/README.md): whatever\n",
            "vibe/PRD/p/README.md": "# P\n\n> **Status**: Draft\n",
            "vibe/PRD/p/STATUS.md": "# S\n",
            "vibe/PRD/p/more.md": "# More\n\n> **Status**: Beta\n",
        },
    ),
    bad=(
        {
            "vibe/PRD/README.md": "# PRD\n\n| PRD | about | status |\n| --- | --- | --- |\n| [P](p/README.md) | x | ⟦[Draft](p/STATUS.md)⟧ |\n| [Q](q) | In design | Draft |\n",
            "vibe/PRD/p/README.md": "# P\n\n> **Status**: ⟦🟡 In design⟧\n",
            "vibe/PRD/p/STATUS.md": "# S\n\n> **Status**: 🟢 Shipped\n",
            "vibe/PRD/q/README.md": "# Q\n\n> **Status**: Draft\n",
            "vibe/PRD/q/STATUS.md": "# S\n\n> **Status**: Draft\n",
        },
    ),
    fixable=True,
    seen=Unseen("no requirements there have a STATUS.md"),
)
