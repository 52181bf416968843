"""Where a link leads, as a forge would have it."""

import pytest

from kbtool.graph.base import KnowledgeBase
from kbtool.markdown.parse import parse_page

TEXTS = {
    "README.md": "# Root\n",
    "vibe/README.md": "# vibe\n",
    "vibe/a/README.md": "# A\n",
    "vibe/a/page.md": "# Page\n\n## Two Words\n\n## Two Words\n\n<a id='by-id'></a>\n",
    "vibe/a/with space.md": "# S\n",
    "vibe/b/ünï.md": "# U\n\n## Überschrift\n",
}
FILES = {*TEXTS, "kbtool/x.py", "vibe/a/pic.png", "vibe/b/twice.md", "vibe/a/twice.md"}


def kb(**pages):
    parsed = {path: parse_page(path, text) for path, text in {**TEXTS, **pages}.items()}
    return KnowledgeBase(parsed, frozenset(FILES | set(parsed)))


@pytest.mark.parametrize(
    ("written", "outcome", "path"),
    [
        ("[x](page.md)", "page", "vibe/a/page.md"),
        ("[x](./page.md)", "page", "vibe/a/page.md"),
        ("[x](../a/page.md)", "page", "vibe/a/page.md"),
        ("[x](/vibe/a/page.md)", "page", "vibe/a/page.md"),
        ("[x](with%20space.md)", "page", "vibe/a/with space.md"),
        ("[x](<with space.md>)", "page", "vibe/a/with space.md"),
        ("[x](../b/%C3%BCn%C3%AF.md#überschrift)", "page", "vibe/b/ünï.md"),
        ("[x](../b/ünï.md#%C3%BCberschrift)", "page", "vibe/b/ünï.md"),
        ("[x](page.md?plain=1)", "page", "vibe/a/page.md"),
        ("[x](page.md#two-words)", "page", "vibe/a/page.md"),
        ("[x](page.md#two-words-1)", "page", "vibe/a/page.md"),
        ("[x](page.md#two-words-2)", "no-anchor", "vibe/a/page.md"),
        ("[x](page.md#by-id)", "page", "vibe/a/page.md"),
        ("[x](page.md#Two-Words)", "no-anchor", "vibe/a/page.md"),
        ("[x](page.md#)", "page", "vibe/a/page.md"),
        ("[x](page.md#L3-L5)", "page", "vibe/a/page.md"),
        ("[x](#here)", "page", "vibe/a/from.md"),
        ("[x](#nowhere)", "no-anchor", "vibe/a/from.md"),
        ("[x](.)", "page", "vibe/a/README.md"),
        ("[x](..)", "page", "vibe/README.md"),
        ("[x](../a/)", "page", "vibe/a/README.md"),
        ("[x](../b)", "file", "vibe/b"),
        ("[x](../../)", "page", "README.md"),
        ("[x](../../kbtool/x.py#L3)", "file", "kbtool/x.py"),
        ("[x](../../kbtool)", "file", "kbtool"),
        ("![x](pic.png)", "file", "vibe/a/pic.png"),
        ("[x](Page.md)", "case", "vibe/a/page.md"),
        ("[x](../A/page.md)", "case", "vibe/a/page.md"),
        ("[x](gone.md)", "missing", "vibe/a/gone.md"),
        ("[x](page)", "missing", "vibe/a/page"),
        ("[x](../../../x.md)", "leaves", ""),
        ("[x](/../x.md)", "leaves", ""),
        ("[x](file:///etc/passwd)", "leaves", ""),
        ("[x](C:\\x.md)", "leaves", ""),
        ("[x](https://example.org/a#b)", "external", ""),
        ("[x](//example.org/a)", "external", ""),
        ("[x](mailto:a@example.org)", "external", ""),
        ("<https://example.org>", "external", ""),
        ("[x][r]\n\n[r]: page.md", "page", "vibe/a/page.md"),
        ("<a href='page.md'>x</a>", "page", "vibe/a/page.md"),
        ("[[page]]", "page", "vibe/a/page.md"),
        ("[[page#Two Words|shown]]", "page", "vibe/a/page.md"),
        ("[[page#Three]]", "no-anchor", "vibe/a/page.md"),
        ("[[vibe/a/page]]", "page", "vibe/a/page.md"),
        ("[[ünï]]", "page", "vibe/b/ünï.md"),
        ("[[twice]]", "file", "vibe/a/twice.md"),
        ("[[gone]]", "missing", "gone"),
        ("[[#Here]]", "page", "vibe/a/from.md"),
    ],
)
def test_resolve(written, outcome, path):
    base = kb(**{"vibe/a/from.md": f"# From\n\n## Here\n\n{written}\n"})
    page = base.pages["vibe/a/from.md"]
    (link,) = page.links
    target = base.resolve(page, link)
    assert str(target.outcome) == outcome
    if path:
        assert target.path == path


def test_a_wiki_name_that_two_files_have_is_not_guessed():
    base = kb(**{"vibe/from.md": "# From\n\n[[twice]]\n"})
    page = base.pages["vibe/from.md"]
    assert str(base.resolve(page, page.links[0]).outcome) == "missing"
