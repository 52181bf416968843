"""Front matter: where it ends, and that no text of it can hurt."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.markdown.frontmatter import MAX_CHARS, MAX_DEPTH, apart, read_front_matter
from kbtool.markdown.parse import parse_page


@pytest.mark.parametrize(
    ("text", "yaml"),
    [
        ("---\na: 1\n---\n# T\n", "a: 1\n"),
        ("---\na: 1\n...\n# T\n", "a: 1\n"),
        ("---  \na: 1\n---\t\n# T\n", "a: 1\n"),
        ("---\na: 1\n\nb: 2\n---\n", "a: 1\n\nb: 2\n"),
        ("---\na: 1\n---", "a: 1\n"),
        ("---\n---\n# T\n", ""),
        ("---\na: '---'\nb: ----\n---\n# T\n", "a: '---'\nb: ----\n"),
        # No front matter: no end, not at the beginning, a blank first line, a longer rule.
        ("---\na: 1\n# T\n", None),
        ("\n---\na: 1\n---\n", None),
        (" ---\na: 1\n---\n", None),
        ("---\n\na: 1\n---\n", None),
        ("----\na: 1\n----\n", None),
        ("# T\n\n---\na: 1\n---\n", None),
    ],
)
def test_where_it_stands(text, yaml):
    metadata, body = apart(text)
    assert metadata == (yaml or "")
    if yaml is None:
        assert body == text
    else:
        assert "a: 1" not in body


@given(st.lists(st.sampled_from(["---\n", "...\n", "a: 1\n", "\n", " ", "# T\n", "é", "---"])))
def test_every_other_offset_holds(pieces):
    text = "".join(pieces)
    metadata, body = apart(text)
    assert len(body) == len(text)
    kept = [(old, new) for old, new in zip(text, body, strict=True) if old != new]
    assert all(new == " " and old != "\n" for old, new in kept)
    assert text.startswith("---") or body == text
    assert metadata in text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, {c: d}]\n", {"a": 1, "b": ["x", {"c": "d"}]}),
        ("date: 2026-11-24\n", {"date": date(2026, 11, 24)}),
        ("2026: x\n~: y\n", {2026: "x", None: "y"}),
        ("a: 2 * 3\nb: x*y*\n", {"a": "2 * 3", "b": "x*y*"}),
        # What only looks like an alias, in quotes, is given up too: nothing rests on it.
        ("a: '2 *3'\n", {}),
        # No mapping, more than one document, not YAML: nobody's error.
        ("", {}),
        ("- list\n", {}),
        ("words\n", {}),
        ("a: b\n---\nc: d\n", {}),
        ("a: [\n", {}),
        ("a: b: c\n", {}),
        ("\ta: b\n", {}),
        ("a: \x01\n", {}),
        ("%YAML 9.9\n---\na: b\n", {}),
        # PyYAML's constructors raise errors of every class.
        ("a: 2026-99-99\n", {}),
        ("a: !!bool x\n", {}),
        ("a: !!int ''\n", {}),
        ("a: !!float ''\n", {}),
        ("a: !!timestamp x\n", {}),
        ("a: !!binary é\n", {}),
        ("a: 0x_\n", {}),
        ("a: " + "9" * 5000 + "\n", {}),
        ("a: " + ":".join(["1"] * 20_000) + ".5\n", {}),
        ("? [a]\n: b\n", {}),
        ("<<: [a]\n", {}),
        # Nothing is made that is no datum.
        ("a: !!python/object/apply:os.system [true]\n", {}),
        ("a: !!python/name:os.system\n", {}),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_is_read(text, value):
    assert read_front_matter(text) == value


BILLION_LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
BOMBS = {
    "aliases": BILLION_LAUGHS,
    "one alias": "a: &a [x]\nb: *a\n",
    "itself": "a: &a [*a]\n",
    "alias in a mapping": "a: &a {}\nb: {c: *a}\n",
    "merge": "a: &a {x: y}\n<<: *a\n",
    "brackets": "[" * 60_000,
    "braces": "{a: " * 15_000,
    "deeper by a space": "".join(f"{' ' * i}a:\n" for i in range(300)),
    "dashes in one line": "a:\n" + "- " * 900 + "x\n",
    "dashes and tabs": "a:\n" + "-\t" * 900 + "x\n",
    "keys of keys": "? " * 900 + "x\n",
    "both": "- ? " * 450 + "x\n",
    "values of values": "? a\n" + ": - " * 450 + "x\n",
    "too long": "a: " + "x" * MAX_CHARS,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs(bomb):
    began = time.process_time()
    page = parse_page("p.md", f"---\n{BOMBS[bomb]}\n---\n# T\n")
    assert page.front_matter == {}
    assert [heading.text for heading in page.headings] == ["T"]
    assert time.process_time() - began < 1


def test_the_caps_are_where_they_are_said_to_be():
    def nested(depth):
        return "a: " + "[" * depth + "]" * depth

    assert depth_of(read_front_matter(nested(MAX_DEPTH))) == MAX_DEPTH + 1
    assert read_front_matter(nested(MAX_DEPTH + 1)) == {}
    full = "a: " + "x" * (MAX_CHARS - 3)
    assert read_front_matter(full) == {"a": full[3:]}
    assert read_front_matter(full + "x") == {}


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


YAML = ["a", "b: ", "- ", "? ", ": ", "\n", "  ", "\t", "[", "]", "{", "}", ",", "&a ", "*a", "<<: ", "'", '"',
        "|\n", ">\n", "!!int ", "!!bool ", "!!float ", "!!binary ", "!!set ", "!!omap ", "!!timestamp ", "!x ", "!!null ",
        "1", "0x", "_", ".", "2026-11-24", "1:", "---\n", "...\n", "%YAML 1.1\n", "#", "é", "\x07", "\x85", "\ufeff", "~", "="]  # fmt: skip


@given(
    st.one_of(
        st.lists(st.sampled_from(YAML), max_size=40).map("".join),
        st.text(st.characters(codec="utf-8"), max_size=60),
        st.lists(st.sampled_from(["- ", "? ", ": ", "a:\n", " "]), max_size=200).map("".join),
    )
)
def test_no_text_hurts(text):
    found = read_front_matter(text)
    assert isinstance(found, dict)
    # A column opens at most a mapping and the list that is its value.
    assert depth_of(found) <= 3 * MAX_DEPTH
