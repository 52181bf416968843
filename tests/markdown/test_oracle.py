"""pyromark and markdown-it-py see the same headings and links."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.oracle import PIECES, seen

from kbtool.markdown.parse import parse_page


def ours(text):
    page = parse_page("p.md", text)
    headings = [
        (page.lines.position(h.span.start)[0], h.level, " ".join(h.text.split()))
        for h in page.headings
    ]
    return headings, [link.target for link in page.links if link.kind not in ("html", "wiki")]


@pytest.mark.parametrize(
    "text",
    [
        "# [a](b) `c` *d* ![e](f)\n",
        "Setext [a](b)\nover two lines\n===\n",
        "> # quoted\n>\n> - ## in a list [a](b)\n",
        "```\n# code\n[a](b)\n",
        "~~~\n```\n# code\n~~~\n# out\n",
        "<div>\n# html\n\n# out\n</div>\n",
        "<!-- # no\n\n# no -->\n# yes\n",
        "[a]: b\n\n[a] [a][] [x][a] ![y][a]\n",
        "[a](<b c>) [d](e 'title') [f](g\n\"t\") [h](i(j)k)\n",
        "| [a](b) | `[c](d)` |\n| --- | --- |\n| [e\\|f](g) | h |\n",
        "- item [a](b)\n\n  ```\n  [c](d)\n  ```\n\n  # heading\n",
        "[![a](b)](c)\n",
        "---\ntitle: '# no'\n---\n# yes\n",
        "# A\n\n---\n## [a](b)\n---\n",
        "\n---\n# A\n---\n",
        "---\n---\n# A\n",
        "---\n\n# A\n\n---\n",
        "\\# no\n\\[a](b)\n",
        "# \n#\n#no\n####### no\n",
        "é 漢 😀 [a](b)\n\n# 😀 [c](d)\n",
    ],
)
def test_hand_made(text):
    assert ours(text) == seen(text)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@example("- [t](u)\n\n    # word")
def test_whatever_is_put_together(text):
    assert ours(text) == seen(text)


@pytest.mark.slow
def test_real_pages(corpus):
    """Every page of the corpora (about 4800): no difference is allowed."""
    different = []
    for path in corpus:
        text = path.read_text(encoding="utf-8", errors="replace").removeprefix("\ufeff")
        if ours(text) != seen(text):
            different.append(path.name)
    assert different == []
    assert len(corpus) > 1000
