"""Fixing: what composes, what waits, what is refused, and what a fix brings about."""

from support.lint import chosen, fixed

from kbtool.lint.rule import Finding, Rule
from kbtool.text import Edit, Span


def words(name, find, change, *, fixable=True):
    """A rule: a page that has `find` is wrong; the fix is to change that place."""

    def check(page, _kb, _options):
        at = page.text.find(find)
        if at >= 0:
            edits = (Edit(page.path, Span(at, at + len(find)), change),) if fixable else ()
            yield Finding(page.path, Span(at, at + len(find)), f"has {find}", fix=edits)

    return Rule(name, name.lower(), "", check, (), ())


def test_many_rows_of_one_table_are_written_in_one_run():
    """Insertions at one place do not wait for each other when each is an item of a list."""
    example = {"vibe/README.md": "# v\n\n| page |\n| --- |\n| [A](p00.md) |\n"}
    example |= {f"vibe/p{n:02}.md": f"# P{n}\n" for n in range(40)}
    texts, done = fixed(example, chosen("KB107"))
    assert done.report.findings == ()
    rows = [line for line in texts["vibe/README.md"].splitlines() if line.startswith("| [P")]
    assert rows == [f"| [P{n}](p{n:02}.md) |" for n in range(1, 40)]


def test_a_section_is_made_once():
    example = {"vibe/README.md": "# v\n", "vibe/a.md": "# A\n", "vibe/b.md": "# B\n"}
    texts, done = fixed(example, chosen("KB107"))
    assert done.count == 2
    assert texts["vibe/README.md"] == "# v\n\n## Pages\n\n- [A](a.md)\n- [B](b.md)\n"


def test_what_a_fix_brings_about_is_mended_with_it():
    rules = [words("X1", "one", "two"), words("X2", "two", "three"), words("X3", "three", "four")]
    texts, done = fixed({"vibe/a.md": "# one\n"}, rules)
    assert texts["vibe/a.md"] == "# four\n"
    assert done.count == 1


def test_a_fix_that_only_makes_something_else_wrong_is_not_applied():
    rules = [words("X1", "one", "two"), words("X2", "two", "", fixable=False)]
    _, done = fixed({"vibe/a.md": "# one\n"}, rules)
    assert done.texts == {}
    assert [f.rule for f in done.report.findings] == ["X1"]


def test_two_rules_that_undo_each_other_end():
    _, done = fixed(
        {"vibe/a.md": "# one\n"}, [words("X1", "one", "two"), words("X2", "two", "one")]
    )
    assert done.texts == {}


def test_one_refused_fix_does_not_hold_up_the_others():
    rules = [words("X1", "one", "two"), words("X2", "two bad", "", fixable=False)]
    example = {f"vibe/p{n:02}.md": "# one\n" for n in range(40)}
    texts, done = fixed({**example, "vibe/p20.md": "# one bad\n"}, rules)
    assert [(f.rule, f.path) for f in done.report.findings] == [("X1", "vibe/p20.md")]
    assert done.count == 39
    assert texts["vibe/p39.md"] == "# two\n"


def test_only_what_is_wanted_is_fixed():
    """In later passes too: the second page of a hub is listed in the second pass."""
    example = {
        f"vibe/{folder}/{name}.md": f"# {name}\n"
        for folder in ("g", "h")
        for name in ("README", "a", "b")
    }
    texts, done = fixed(example, chosen("KB107"), wanted=lambda f: f.path == "vibe/g/README.md")
    assert done.count == 2
    assert texts["vibe/h/README.md"] == "# README\n"
