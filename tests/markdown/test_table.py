"""Tables as markdown-it-py, an independent parser, sees them; and where each cell stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oracle import table_cells

from kbtool.markdown.parse import parse_page
from kbtool.markdown.table import tables
from kbtool.text import Span


def ours(text):
    return [
        [[row.cell(i).text for i in range(len(table.header.cells))] for row in all_rows(table)]
        for table in tables(parse_page("p.md", text))
    ]


def all_rows(table):
    return [table.header, *table.rows]


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |\n| --- | :-: |\n| c | d |\n",
        "a|b\n-|-\nc|d\n",
        "text\n| a | b |\n|--|--|\n| c |\nplain\n> quote\n",
        "| a | b |\n|--|--|\n|| c |\n| | |\n| d | e | f |\n",
        "| a | b |\n|--|--|\n| x \\| y | `p \\| q` |\n| `r | s` | t |\n",
        "| a |\n|--|\n| x\\\\|y |\n|b| \\|\n",
        "  | a |\n  |--|\n   | é 漢 😀 |\n",
        "| a |\n|--|\n\n# T\n\n| **b** | [c](d) |\n|--|--|\n| 1 | 2\\\n",
        "---\ntitle: x\n---\n| a |\n|--|\n| b |\n",
        "> | a |\n> |--|\n> | b |\n",
    ],
)
def test_cells_are_those_of_an_independent_parser(text):
    assert ours(text) == table_cells(text)


# A row of four spaces ends a table in one parser and not in the other: rows begin with a pipe.
PIECES = ["|", " | ", "\\|", "\\", "`", " ", "a", "é", "😀", "**b**", "[t](u)", "\t", "&amp;"]
ROWS = st.lists(st.sampled_from(PIECES), max_size=10).map(lambda row: "| x" + "".join(row))


@given(st.integers(1, 4), st.lists(ROWS, max_size=5))
def test_whatever_is_put_together(wide, rows):
    text = "\n".join(["| h " * wide + "|", "|--" * wide + "|", *rows]) + "\n"
    assert ours(text) == table_cells(text)


@given(st.integers(1, 4), st.lists(ROWS, max_size=5))
def test_a_cell_stands_where_its_span_says(wide, rows):
    text = "\n".join(["é", "", "| h " * wide + "|", "|--" * wide + "|", *rows]) + "\n"
    for table in tables(parse_page("p.md", text)):
        for row in all_rows(table):
            assert len(row.cells) <= wide
            for cell in row.cells:
                written = text[cell.span.start : cell.span.end]
                assert written.replace("\\|", "|") == cell.text
                assert row.span.start <= cell.span.start <= cell.span.end <= row.span.end
                assert "\n" not in written


def test_a_column_is_found_by_its_name():
    (table,) = tables(parse_page("p.md", "| A | **Status** |\n|--|--|\n| b |\n"))
    assert table.column({"status"}) == 1
    assert table.column({"date"}) is None
    assert table.rows[0].cell(1).text == ""
    assert table.rows[0].cell(1).span == Span(32, 32)


@pytest.mark.slow
def test_real_pages(corpus):
    """Every table of the corpora: no difference is allowed."""
    different, seen = [], 0
    for path in corpus:
        text = path.read_text(encoding="utf-8", errors="replace").removeprefix("\ufeff")
        found = ours(text)
        seen += len(found)
        if found != table_cells(text):
            different.append(path.name)
    assert different == []
    assert seen > 100
