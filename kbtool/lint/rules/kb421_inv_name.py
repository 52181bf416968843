"""People quote an investigation by its number, so the number must be in the name, and be one.

Pages in `investigations/` are named `INV-NNN-slug.md`, folders `INV-NNN-slug`; the pages inside of
such a folder are free. A number used twice is reported at every page but the first.
"""

from collections.abc import Iterator
from posixpath import basename, dirname
from typing import cast

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.investigations import NAME, above, folder_of, stub_of
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find pages and folders of another name, and numbers used twice."""
    if kb.kind(page) is not Kind.INVESTIGATION:
        return
    folder = folder_of(kb, page.path)
    if folder is not None:
        yield from _folder(page, kb, folder)
        return
    own = NAME.fullmatch(basename(page.path).removesuffix(".md"))
    if own is None:
        message = f"{basename(page.path)!r} is not named INV-NNN-slug.md"
        yield Finding(page.path, place_of_title(page), message, "e.g. INV-001-what-is-asked.md")
        return
    first = _first(kb, own["number"])
    if first != page.path:
        message = f"number {own['number']} is taken by {basename(first)}"
        yield Finding(page.path, place_of_title(page), message, f"next free: {_free(kb)}")


def _folder(page: Page, kb: KnowledgeBase, folder: str) -> Iterator[Finding]:
    """Find a folder of another name; told to its first page."""
    if stub_of(folder) is None and page.path == min(_below(kb, folder)):
        message = f"the folder {basename(folder)!r} is not named INV-NNN-slug"
        yield Finding(page.path, place_of_title(page), message)


def _below(kb: KnowledgeBase, folder: str) -> Iterator[str]:
    for path in kb.pages:
        if path.startswith(f"{folder}/") and kb.kind_of(path) is Kind.INVESTIGATION:
            yield path


def _numbers(kb: KnowledgeBase) -> dict[str, str]:
    """Return the first page of each number, in path order."""
    found: dict[str, str] = {}
    for path in sorted(kb.pages):
        name = NAME.fullmatch(basename(path).removesuffix(".md"))
        if name and dirname(path) == above(kb):
            found.setdefault(name["number"], path)
    return found


def _first(kb: KnowledgeBase, number: str) -> str:
    key = ("investigations", "numbers")
    if key not in kb.memo:
        kb.memo[key] = _numbers(kb)
    return cast("dict[str, str]", kb.memo[key])[number]


def _free(kb: KnowledgeBase) -> str:
    return f"INV-{max(map(int, _numbers(kb)), default=0) + 1:03}"


RULE = Rule(
    id="KB421",
    name="inv-name",
    summary="An investigation is named INV-NNN-slug, and no number is used twice.",
    check=check,
    good=(
        {
            "vibe/investigations/README.md": "# Investigations\n",
            "vibe/investigations/_template.md": "# T\n",
            "vibe/investigations/INV-001-why-so-slow.md": "# Slow\n",
            "vibe/investigations/INV-001-why-so-slow/notes.md": "# Notes\n",
            "vibe/investigations/INV-002-x.md": "# X\n",
            "vibe/investigations/img/x.png": "",
        },
    ),
    bad=(
        {"vibe/investigations/why-so-slow.md": "⟦# Slow⟧\n"},
        {"vibe/investigations/INV-1-slow.md": "⟦⟧no title\n"},
        {
            "vibe/investigations/INV-001-a.md": "# A\n",
            "vibe/investigations/INV-001-b.md": "⟦# B⟧\n",
            "vibe/investigations/INV-001-c.md": "⟦# C⟧\n",
        },
        {
            "vibe/investigations/slow/b.md": "# B\n",
            "vibe/investigations/slow/a.md": "⟦# A⟧\n",
        },
    ),
    seen=Unseen("no page there is an investigation"),
)
