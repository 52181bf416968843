"""What Python-Markdown makes of a page written anew is what CommonMark sees in the page itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oracle import PIECES
from support.outline import commonmark, python_markdown

from kbtool.markdown.parse import parse_page
from kbtool.markdown.tree import read_tree
from kbtool.site.write import Writing, write

# HTML that is not balanced is mended by each reader in its own way: pairs only.
PAIRED = [
    p
    for p in PIECES
    if "<b" not in p and "</b" not in p and "<a h" not in p and "(<a" not in p and "--" not in p
]
PAIRED += [
    "<b>b</b>",
    "<!-- c -->",
    "<a href='x'>y</a>",
    "- - ",
    "1) ",
    "\n\n| a | b |\n|--|--|\n| c | d |\n\n",
]


def as_written(node):
    return f"mailto:{node.target}" if node.written == "Email" else node.target, True


def both(text):
    """Return (CommonMark's view, Python-Markdown's view of what is staged)."""
    page = parse_page("p.md", text)
    anchors = {heading.span.start: heading.anchor for heading in page.headings}
    what = Writing(anchors, as_written, lambda url: url)
    staged = write(read_tree(text).children, what)
    return commonmark(text, [heading.anchor for heading in page.headings]), python_markdown(staged)


SAME = [
    "# A\n\n## B\n\n## B\n\n### `__x__` C#\n\n## {: .x } {#y}\n\n####\n",
    "Setext\nover two\n===\n\ntext\n***\ntext\n",
    "- a\n- b\n  - c\n    - d\n\n      e\n- f\n",
    "1. a\n   1. b\n   2. c\n2. d\n\n   ```sh\n   x\n   ```\n3. e\n",
    "text\n- right after\n\n* another\n* list\n\n3) from three\n4) four\n",
    "-\n- \n- # heading\n- > quote\n- ```\n  code\n  ```\n- - nested\n",
    "99. a\n100. b\n\n       indented\n",
    "> a\n> b\n\n> another\n>\n> - list\n>\n> ```\n> code\n> ```\n>> deeper\n",
    "> [!NOTE]\n> Said *so*.\n>\n> - a\n\n> [!CAUTION]\n> Hot.\n",
    "```\n~~~\n```\n\n~~~sh name=x\n```\n\tTab\n~~~\n\n    indented\n\n    code\n",
    "````md\n```\n````\n\n```{.python}\nx\n```\n\n```c++\n```\n",
    "| a | b |\n|:-:|--:|\n| `x\\|y` | [l](u) \\| z |\n| **b** |\n\n| one |\n| --- |\n| x |\n",
    "*a* **b** ***c*** *d **e** f* x*y*z __a__ _b_ a_b_c **a***b* *a*b\n",
    "`a` `` `b` `` ` `` ` `c  d` ``e`f`` `\\` `*x*` `<b>` `&amp;`\n",
    "\\*a\\* \\[x] [x] [TOC] {: .c} *a*{.b} a & b &amp; c &copy; < > <3 \\\\ \\`\n",
    "[a](b) [c](<d e> 't \"q\" t') [f](g_(h)) ![i](j) [![k](l)](m) [n](o?p=1&q=2) [`x`](y)\n",
    "[a][r] [r][] [r] ![r]\n\n[r]: /url 'title'\n",
    "<http://e.org/a_b> <a@e.org> http://bare.org/_x_ **http://e.org/a_b_c**\n",
    "line\nline two  \nbreak\\\nbreak\n+ no\n",
    "1\\. no\n\n\\# no\n\n\\- no\n\n+1\n\n#hash\n\n!!! note\n\n~~~x~~~\n\n: no\n\n--8<-- x\n\n*[HTML]: no\n\n[^1]: no\n",
    "<details>\n<summary>More</summary>\n\n- *inside*\n\n```\n\ncode\n```\n\n</details>\n\nafter\n",
    "<div align='center'>\n\n# in\n\n</div>\n\n<br>\n\n<p>x</p> text\n",
    "a <b>b *c*</b> <kbd>k</kbd> <!-- gone --> x<br>y <sub>1</sub> <a id='z'></a>\n",
    "* * *\n\ntext\n\n---\n\n___\n",
    "- a\n\n      code in item\n\n- b\n\n  | t | u |\n  |---|---|\n  | 1 | 2 |\n",
    "\ufeffé 漢 😀 «\u00a0x\u00a0» [é](é.md#é)\n\n# é 漢 😀\n",
    "hard  \n[a\nb](c\n'd\ne')\n",
]  # fmt: skip


@pytest.mark.parametrize("text", SAME)
def test_hand_made(text):
    expected, staged = both(text)
    assert staged == expected


@given(st.lists(st.sampled_from(PAIRED), max_size=30).map("".join))
def test_whatever_is_put_together(text):
    expected, staged = both(text)
    assert staged == expected


@pytest.mark.slow
def test_real_pages(corpus):
    """A tenth of the corpora's pages. Alerts that say nothing are not shown."""
    different = []
    for path in corpus[::10]:
        text = path.read_text(encoding="utf-8", errors="replace").removeprefix("\ufeff")
        expected, staged = both(text.replace("\r\n", "\n"))
        if expected != staged:
            different.append(path.name)
    assert different == []
    assert len(corpus) > 1000
