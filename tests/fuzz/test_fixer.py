"""Fixes end, are idempotent, leave no new finding, and take no word away."""

import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.lint import build, fixed
from support.oracle import without_front_matter

from kbtool.lint.engine import lint
from kbtool.lint.rules import RULES

FIXING = [
    rule
    for rule in RULES
    if rule.fixable or rule.id in ("KB101", "KB102", "KB106", "KB202", "KB203")
]
HEADS = [
    "", "[vibe](README.md) > **X**\n\n", "[v](../README.md)\n\n", "**vibe**\n\n", "# {0}\n\n", "# A\n\n# B\n\n",
    "> **Status**: draft\n", "> **Status:** Active\n> **Last Updated**: 24.11.2026\n\n", "- **Status**: 🟢 Active\n\n",
    "> **Related**: [A](a.md) · [B](g/b.md)\n\n", "**Last Updated**: 2026-11-24\n\n", "> [!NOTE]\n> **Status**: Beta\n\n",
    "> **Upstream**: [B](b.md)\n", "---\ntitle: x\n---\n", "Text before. ",
]  # fmt: skip
BODIES = [
    "## One\n\n", "Words *here*.\n\n", "- [A](a.md)\n", "- [B](g/B.md)\n", "| page |\n| --- |\n| [A](a.md) |\n\n",
    "[x](A.MD#one) and [y][r]\n\n[r]: G/b.md\n\n", "```mermaid\nflowchart LR\nA --> B\n```\n\n", "1. **A** first.\n\n",
    "<!-- kb-ignore KB101: a reason -->\n", "<!-- kb-ignore KB210 -->\n[z](gone.md)\n\n", "## Pages\n\n", "## See also\n\n- [A](a.md)\n\n",
    "`[no](A.MD)`\n\n", "~~~\n[no](A.MD)\n~~~\n\n", "<a href='A.md'>h</a>\n\n", "> quoted [q](./g/../A.md)\n\n", "é 漢 \U0001f600\n\n",
    "### Deep\n\n", "| a | b |\n| - | - |\n| `c\\|d` | [A](A.md 'a \"title\"') |\n\n", "Setext\n---\n\n", "\\[not](A.md)\n",
]  # fmt: skip
PATHS = ["vibe/README.md", "vibe/a.md", "vibe/g/README.md", "vibe/g/b.md", "vibe/ADR/0001-x.md"]
page = st.tuples(
    st.lists(st.sampled_from(HEADS), max_size=4), st.lists(st.sampled_from(BODIES), max_size=6)
).map(lambda parts: "".join(parts[0] + parts[1]).replace("{0}", "Title"))
tree = st.dictionaries(st.sampled_from(PATHS), page, min_size=1)
_HTML = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def words(text):
    """What a reader sees below the first H2, in order, tags apart; diagrams are drawn, not read."""
    html = _HTML.render(without_front_matter(text))
    body = html[html.find("<h2") :] if "<h2" in html else ""
    body = re.sub(
        r'<pre><code class="language-mermaid">.*?</code></pre>', " ", body, flags=re.DOTALL
    )
    return re.sub(r"<!--.*?-->|<[^>]*>", " ", body, flags=re.DOTALL).split()


def within(few, many):
    """Whether `few` are left when some of `many` are left out."""
    rest = iter(many)
    return all(word in rest for word in few)


def keys(report):
    return {(f.rule, f.path, f.message) for f in report.findings}


@given(tree)
def test_a_fix_ends_and_a_second_one_has_nothing_to_do(texts):
    after, done = fixed(texts, FIXING)
    again, more = fixed(after, FIXING)
    assert more.texts == {}
    assert again == after
    assert keys(done.report) == keys(lint(build(after), FIXING))
    assert len(done.report.findings) <= len(lint(build(texts), FIXING).findings)


@given(tree)
def test_a_fix_takes_no_word_away(texts):
    after, _ = fixed(texts, FIXING)
    for path, before in texts.items():
        assert within(words(before), words(after[path])), path


@given(tree)
def test_a_link_in_the_right_case_is_all_that_changes(texts):
    """KB104 alone: the page looks the same to the letter, only addresses differ."""
    after, _ = fixed(texts, [rule for rule in RULES if rule.id == "KB104"])
    for path, before in texts.items():
        shown = [re.sub(r' href="[^"]*"', "", _HTML.render(each)) for each in (before, after[path])]
        assert re.sub(r"href='[^']*'", "", shown[0]) == re.sub(r"href='[^']*'", "", shown[1])
        assert before.casefold() == after[path].casefold() or "./" in before
