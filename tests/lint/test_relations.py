"""Links back: who owes one, where it is written, and that nothing else changes."""

import pytest
from support.lint import build, chosen, fixed, found

from kbtool.lint.engine import lint

RULE = chosen("KB108")
HEADERS = {
    "none": "",
    "quote": "> **Status**: Active\n> **Last Updated**: 2026-11-24\n",
    "colon inside": "> **Status:** Active\n> **Last Updated:** 2026-11-24\n",
    "hard breaks": "> **Status**: Active  \n> **Last Updated**: 2026-11-24  \n",
    "backslashes": "> **Status**: Active\\\n> **Last Updated**: 2026-11-24\n",
    "paragraphs": "> **Status**: Active\n>\n> **Last Updated**: 2026-11-24\n",
    "list": "- **Status**: Active\n- **Last Updated**: 2026-11-24\n",
    "stars": "* Status: Active\n* Last Updated: 2026-11-24\n",
    "alert": "> [!NOTE]\n> **Status**: Active · **Last Updated**: 2026-11-24\n",
    "bare": "**Status**: Active\n**Last Updated**: 2026-11-24\n",
    "one": "> **Status**: Active\n",
    "related": "> **Status**: Active\n> **Related**: [Z](z.md)\n> **Last Updated**: 2026-11-24\n",
    "related, empty": "> **Related**:\n> **Status**: Active\n",
    "related, dash": "> **Related**: —\n> **Status**: Active\n",
    "related, wrapped": "- **Related**: [Z](z.md) ·\n  [Z](z.md#z)\n- **Status**: Active\n",
    "related, alert": "> [!NOTE]\n> **Related**: [Z](z.md) · **Status**: Active\n",
    "section": "Text.\n\n## Status\n\nAccepted\n",
}
AFTER = [
    "",
    "\nText.\n",
    "\n> A quote.\n",
    "\n- a list\n",
    "\n```\ncode\n```\n",
    "\n| a |\n| - |\n",
]


def tree(header, after, sources):
    target = f"**T**\n\n# T\n\n{header}{after}\n## More\n\nText.\n"
    back = {"vibe/z.md": "# Z\n\n> **Related**: [T](t.md)\n"}
    names = [f"vibe/s{number}.md" for number in range(sources)]
    pages = dict.fromkeys(names, "**S**\n\n# S\n\n> **Related**: [T](t.md)\n")
    return {"vibe/t.md": target, **back, **pages}


def fields(text):
    page = build({"vibe/t.md": text}).pages["vibe/t.md"]
    return {field.name: field.value for field in page.head.fields}


@pytest.mark.parametrize("style", ["quote", "list"])
@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("sources", [1, 2, 4])
def test_the_link_back_joins_any_header(style, header, after, sources):
    example = tree(HEADERS[header], after, sources)
    texts, done = fixed(example, RULE, {"header": style})
    left = [f for f in done.report.findings if f.path != "vibe/t.md"]
    if style == "list" and header == "none" and after == "\n- a list\n":
        assert len(left) == sources + 1  # two lists would become one: left to a person
        return
    assert left == []
    before, now = fields(example["vibe/t.md"]), fields(texts["vibe/t.md"])
    items = now.pop("Related")
    assert all(f"[S](s{number}.md)" in items for number in range(sources))
    assert items.startswith(before.pop("Related", "").strip("—"))
    assert now == before
    assert texts["vibe/t.md"].endswith(f"{after}\n## More\n\nText.\n")
    assert blocks(texts["vibe/t.md"]) == blocks(example["vibe/t.md"])
    assert fixed(texts, RULE, {"header": style})[0] == texts


def blocks(text):
    """What stands outside of the header, block by block."""
    page = build({"vibe/t.md": text}).pages["vibe/t.md"]
    own = {field.span.start for field in page.head.fields}
    return [
        text[block.span.start : block.span.end]
        for block in page.blocks
        if not any(block.span.start <= start < block.span.end for start in own)
    ]


def test_a_target_many_pages_relate_to_is_written_in_one_run():
    texts, done = fixed(tree("> **Status**: Draft\n", "", 60), RULE)
    assert done.report.findings == ()
    assert texts["vibe/t.md"].count("](s") == 60


def test_relations_and_style_are_mended_together():
    rules = chosen("KB108", "KB204")
    for header, written in HEADERS.items():
        texts, done = fixed(tree(written, "", 3), rules)
        assert [f.rule for f in done.report.findings if f.fix] == [], header
        if header not in ("none", "section"):
            assert "> **Related**: " in texts["vibe/t.md"], header


def test_the_table_of_relations_is_configuration():
    pages = {"vibe/a.md": "# A\n\n> **Parent**: [B](b.md)\n", "vibe/b.md": "# B\n"}
    assert found(pages, "KB108") == []
    table = {"Parent": "Child", "Child": "Parent"}
    assert found(pages, "KB108", relations=table) == [("KB108", "vibe/a.md", "[B](b.md)")]
    texts, _ = fixed(pages, RULE, {"relations": table})
    assert texts["vibe/b.md"] == "# B\n\n> **Child**: [A](a.md)\n"


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        ("a b.md", "A [b] *c* `d`", "[A \\[b\\] \\*c\\* d](a%20b.md)"),
        ("é(1).md", "snake_case & Co", "[snake_case & Co](é%281%29.md)"),
        ("c#.md", "C \\&amp; D", "[C \\&amp; D](c%23.md)"),
        ("100%.md", "100%", "[100%](100%25.md)"),
    ],
)
def test_the_link_back_reads_as_the_title_and_leads_there(name, title, expected):
    href = expected[expected.rindex("(") + 1 : -1]
    source = title.replace("[b] *c*", "\\[b\\] \\*c\\*")
    pages = {f"vibe/{name}": f"# {source}\n\n> **Related**: [T](t.md)\n", "vibe/t.md": "# T\n"}
    texts, done = fixed(pages, RULE)
    assert done.report.findings == ()
    assert texts["vibe/t.md"] == f"# T\n\n> **Related**: {expected}\n"
    assert href in texts["vibe/t.md"]


def test_a_see_also_whose_relation_is_reported_is_not_reported_again():
    pages = {
        "vibe/a.md": "# A\n\n> **Related**: [B](b.md)\n\n## See also\n\n- [B](b.md)\n- [C](c.md)\n",
        "vibe/b.md": "# B\n",
        "vibe/c.md": "# C\n",
    }
    assert found(pages, "KB108", "KB109") == [
        ("KB108", "vibe/a.md", "[B](b.md)"),
        ("KB109", "vibe/a.md", "[C](c.md)"),
    ]
    assert len(found(pages, "KB109")) == 2


def test_a_superseded_record_is_kb405_alone():
    pages = {
        "vibe/ADR/0001-a.md": "# A\n\n> **Status**: Superseded by [B](0002-b.md)\n",
        "vibe/ADR/0002-b.md": "# B\n",
    }
    assert [rule for rule, *_ in found(pages, "KB108", "KB109", "KB405")] == ["KB405"]
    assert lint(build(pages), chosen("KB108")).findings == ()
