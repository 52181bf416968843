"""Directives as mermaid reads them; places in nested diagrams; a fix that keeps what was said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.lint.diagrams import diagrams, explanation
from kbtool.lint.directives import directives, merged, written
from kbtool.lint.engine import choose, lint
from kbtool.lint.fix import fix
from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page
from kbtool.text import Span

KB301 = [rule for rule in RULES if rule.id == "KB301"]
INIT = "%%{init: {'theme':'base'}}%%"


def build(texts):
    pages = {path: parse_page(path, text) for path, text in texts.items()}
    return KnowledgeBase(pages, frozenset(texts), Conventions(base="vibe"))


def mended(text):
    kb = build({"vibe/a.md": text})
    report = lint(kb, KB301)
    done = fix(kb, KB301, report, lambda changed: build({"vibe/a.md": text, **changed}))
    return done.texts.get("vibe/a.md", text), done.report.findings


# ---------------------------------------------------------------- directives
@pytest.mark.parametrize(
    ("text", "config"),
    [
        (INIT, {"theme": "base"}),
        ('%%{ init : {"theme": "base"} }%%', {"theme": "base"}),
        ("%%{initialize: {'theme':'base',\n 'themeVariables':{'a':'b'}}\n}%%", {"theme": "base", "themeVariables": {"a": "b"}}),
        ("%%{init: {}}%%", {}),
    ],
)  # fmt: skip
def test_an_init(text, config):
    (found,) = directives(f"x {text} y")
    assert found.init
    assert (found.config, found.span) == (config, Span(2, 2 + len(text)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("%%{init: {'theme':'base'}%%", "its value is no JSON: Expecting ',' delimiter"),
        ("%%{init: 'base'}%%", "its value has no braces"),
        ("%%{init: {'a': NaN}}%%", "its value is no JSON: NaN"),
        ("%%{init: " + "[" * 100_000 + "}%%", "its value is no JSON"),
        ("%%{init}%%", "it says nothing"),
        ("%%{inti: {}}%%", "there is no 'inti'"),
        ("%%{}%%", "it has no name"),
    ],
)
def test_a_directive_mermaid_ignores(text, fault):
    (found,) = directives(text)
    assert not found.init
    assert found.fault.startswith(fault)


def test_a_directive_left_open_ends_with_the_text():
    found = list(directives("%%{wrap}%%\npie\n%%{init: {"))
    assert [each.closed for each in found] == [True, False]
    assert list(directives("%% {init}")) == []


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-99, 99), st.text(alphabet="aé#'\\ {}%:,", max_size=6)),
    lambda inner: st.dictionaries(st.text(alphabet="ab'", max_size=3), inner, max_size=3),
    max_leaves=6,
)
CONFIGS = st.dictionaries(st.sampled_from(["theme", "fontSize", "flowchart", "x"]), VALUES)


@given(CONFIGS)
def test_what_is_written_is_read_back(config):
    text = written(config)
    if "}%%" not in json.dumps(config, ensure_ascii=False):
        (found,) = directives(text)
        assert (found.init, found.config) == (True, config)
    assert "\n" not in text


def test_merged():
    assert merged([{"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"d": 4}]) == {
        "a": {"b": 1, "c": 3},
        "d": 4,
    }
    assert merged([]) == {}


# ---------------------------------------------------------------- the fix
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("flowchart TD\n  a --> b", f"{INIT}\nflowchart TD\n  a --> b"),
        ("\n\npie", f"{INIT}\n\n\npie"),
        (f"\n{INIT}\npie", f"{INIT}\n\npie"),
        (f"pie {INIT}\n", f"{INIT}\npie \n"),
        ("%%{init: {'theme':'dark', 'x':1}}%%\npie", "%%{init: {'theme':'base', 'x':1}}%%\npie"),
        (
            '%%{init: {"theme":"base", "x":{"a":1}}}%%\npie\n%%{init: {"x":{"b":2}}}%%',
            "%%{init: {'theme':'base', 'x':{'a':1, 'b':2}}}%%\npie\n",
        ),
        ("%%{init: {\n'flowchart':{}\n}}%%\npie", "%%{init: {'theme':'base', 'flowchart':{}}}%%\npie"),
        (f"%%{{wrap}}%%\n{INIT}\npie", f"{INIT}\n%%{{wrap}}%%\npie"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "   ", "> ", "> > "])
def test_fix(before, after, prefix):
    def page(body):
        first = prefix if prefix.strip() else "- x\n\n  " if prefix else ""
        rest = prefix if prefix.strip() else "  " if prefix else ""
        lines = ["```mermaid", *body.strip("\n").split("\n"), "```"]
        lines[1:1] = [""] * (len(body) - len(body.lstrip("\n")))
        return "# A\n\n" + first + f"\n{rest}".join(lines) + "\n"

    text, left = mended(page(before))
    assert left == ()
    (fence,) = diagrams(parse_page("a.md", text))
    assert fence.text.strip("\n") == after.strip("\n")
    assert mended(text)[0] == text


def test_what_cannot_be_mended_is_left():
    for body in ("%%{init: {'theme':'base'}%%", "%%{inti: {}}%%", "---\ntitle: x\n---"):
        text = f"# A\n\n```mermaid\n{body}\npie\n```\n"
        assert mended(text)[0] == text


LINE = st.sampled_from(
    ["pie", "", "  a --> b", "%% note", "---", INIT, "%%{init: {'theme':'dark'}}%%",
     "  %%{init: {'x':1}}%%", "%%{wrap}%%", "%%{init: {'y':\n2}}%% c", "%%{inti: {}}%%", "%%{init:"]
)  # fmt: skip


@given(st.lists(LINE, max_size=6), st.sampled_from(["", "> ", "- "]))
def test_a_fix_keeps_what_is_drawn_and_leaves_nothing_to_fix(lines, mark):
    body = "\n".join(["```mermaid", *lines, "```"])
    rest = mark.replace("-", " ")
    text = "# A\n\n" + mark + body.replace("\n", f"\n{rest}") + "\n"
    after, left = mended(text)
    assert not [finding for finding in left if finding.fix]
    (one,), (two,) = (list(diagrams(parse_page("a.md", each))) for each in (text, after))
    assert drawn(one.text) == drawn(two.text)
    if after != text:
        first, *more = [each for each in directives(two.text) if each.init]
        assert (first.config["theme"], more) == ("base", [])
        said = merged([each.config for each in directives(one.text) if each.init])
        assert first.config == {**said, "theme": "base"}


def drawn(text):
    """The diagram without its inits and without blank lines."""
    for found in reversed(list(directives(text))):
        if found.init:
            text = text[: found.span.start] + text[found.span.end :]
    return [line.rstrip() for line in text.split("\n") if line.strip()]


# ---------------------------------------------------------------- places
@pytest.mark.parametrize(
    "text",
    [
        "```mermaid\npie\n  X\n```\n",
        "   ~~~ mermaid\n   pie\n  X\n   ~~~\n",
        "- a\n\n  ```Mermaid title\n  pie\n\n    X\n  ```\n",
        "> 1. ```mermaid\n>    pie\n>      X\n>    ```\n",
        "-\t```mermaid\n\tpie\n\t\tX\n\t```\n",
        "```mermaid\npie\nX",
    ],
)
def test_a_place_in_a_nested_diagram(text):
    page = parse_page("a.md", f"# é\n\n{text}")
    (diagram,) = diagrams(page)
    at = diagram.text.index("X")
    line = diagram.text[:at].count("\n") + 1
    expected = Span(page.text.index("X"), page.text.index("X") + 1)
    assert diagram.place(Span(at, at + 1)) == expected
    assert diagram.line(line) == diagram.line(99) == expected
    assert page.text[slice(*diagram.opening())].casefold().endswith(("mermaid", "title"))


LIST = "1. a\n2. b"


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (f"\n{LIST}", True),
        (f"\n<!-- kb-ignore KB304: x -->\n\nWords.\n\n{LIST}", True),
        ("\n3) a", True),
        (f"\n> {LIST}", False),
        (f"\n## H\n\n{LIST}", False),
        (f"\nOne.\n\nTwo.\n\n{LIST}", False),
        (f"\n```sh\nx\n```\n\n{LIST}", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("mark", ["", "> ", "- ", "1. ", "> - "])
def test_explanation(after, found, mark):
    rest = mark.replace("-", " ").replace("1.", "  ")
    body = f"```mermaid\npie\n```\n{after}".replace("\n", f"\n{rest}")
    page = parse_page("a.md", f"# A\n\n{mark}{body}\n")
    (fence,) = diagrams(page)
    span = explanation(page, fence)
    assert (span is not None) is found
    if span:
        words = page.text[span.start : span.end]
        assert words.startswith(("1. a", "3) a"))
        assert words.rstrip().endswith(("a", "b"))


def test_a_list_after_the_item_that_holds_the_diagram():
    page = parse_page("a.md", "- ```mermaid\n  pie\n  ```\n\n1. a\n")
    (fence,) = diagrams(page)
    assert explanation(page, fence) is not None


# ---------------------------------------------------------------- off by default
def test_a_rule_that_is_off_is_on_when_selected():
    ids = {rule.id for rule in choose(RULES, "lab", (), ())}
    assert "KB303" in ids
    assert "KB304" not in ids
    assert [rule.id for rule in choose(RULES, "lab", ["KB304"], ())] == ["KB304"]
    assert [rule.id for rule in choose(RULES, "lab", ["diagram-coverage"], ())] == ["KB304"]
    assert choose(RULES, "lab", ["KB304"], ["KB304"]) == ()


def test_the_plain_preset_judges_syntax_only():
    ids = {rule.id for rule in choose(RULES, "plain", (), ())}
    assert "KB302" in ids
    assert not ids & {"KB301", "KB303", "KB304"}


def test_many_missing_nodes_are_counted():
    rule = [each for each in RULES if each.id == "KB304"]
    kb = build({"vibe/a.md": "# A\n\n```mermaid\npie\n```\n\n1. x\n"})
    object.__setattr__(kb.facts, "nodes", lambda _: [f"node {i}" for i in "abcdefg"])
    (finding,) = lint(kb, rule).findings
    assert finding.message.endswith("“node e” and 2 more")
