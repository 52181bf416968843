"""The guidebook's own examples: what it shows as right is read without a fault."""

import re
from pathlib import Path

import pytest

from kbtool.cli import COMMANDS, main
from kbtool.config import OPTIONS
from kbtool.lint.rule import Seen
from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page
from kbtool.runbook.expectation import parse_expectation
from kbtool.runbook.fields import item_fields
from kbtool.runbook.read import is_runbook, read_runbook
from kbtool.text import Span

GUIDEBOOK = Path(__file__).parents[2] / "vibe/guidebooks/kbtool"


def read(name):
    return (GUIDEBOOK / name).read_text(encoding="utf-8")


def examples(name, language="markdown"):
    page = parse_page(name, read(name))
    return [parse_page("a.md", f.text) for f in page.fences if f.language == language]


STEP = """\
# R

## Guards

- **Accept**: `http vault/x status == 200`

## Steps

### S1 [AGENT] Do

```sh
true
```

"""
RUNBOOKS = [page for page in examples("runbook-grammar.md") if is_runbook(page)]


def test_there_are_runbooks_to_read():
    assert len(RUNBOOKS) >= 2


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.head.title.text)
def test_runbooks_of_the_grammar_have_no_defect(page):
    runbook = read_runbook(page, lambda _: "0" * 64)
    assert runbook.defects == ()
    assert runbook.steps


def test_checks_of_the_grammar_are_checks():
    found = [
        field
        for page in examples("runbook-grammar.md")
        if not is_runbook(page)
        for block in page.blocks
        for item in block.items
        for field in item_fields(page.text, item)
    ]
    assert {parse_expectation(f.value, Span(0, 0)).check.__class__.__name__ for f in found} == {
        *("ExitCheck", "StdoutCheck", "HttpCheck", "SqlCheck", "RunCheck", "K8sCheck")
    }
    steps = "".join(f"- **{field.name}**: {field.value}\n" for field in found)
    page = parse_page("a.md", f"{STEP}{steps}")
    assert read_runbook(page, lambda _: None).defects == ()


def test_header_spellings_are_all_read():
    heads = [page.head for page in examples("writing-pages.md")]
    spellings = [
        head
        for head in heads
        if not head.title and [f.name for f in head.fields] == ["Status", "Last Updated"]
    ]
    assert len(spellings) == 4
    assert {field.value for head in spellings for field in head.fields} == {"Active", "2026-11-26"}


# ---------------------------------------------------------------------- the reference names all
def commands(command, name):
    yield name, command
    for part in getattr(command, "commands", {}):
        yield from commands(command.commands[part], f"{name} {part}")


ALL = [
    each for name in COMMANDS for each in commands(main.get_command(None, name), f"kbtool {name}")
]


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_the_reference_names_every_command_and_option(name, command):
    text = read("reference.md")
    section = text.partition(f"### {' '.join(name.split()[:2])}\n")[2].partition("\n### ")[0]
    assert name in section
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert f"`{option}" in section, option


@pytest.mark.parametrize("key", OPTIONS)
def test_the_reference_names_every_key(key):
    assert f"| `{key}` |" in read("reference.md")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_page_of_rules_says_what_they_say(rule):
    note = "" if rule.default else " (off unless selected)"
    mended = "yes" if rule.fixable else "–"
    row = f"| {rule.id} | {rule.name} | {rule.summary.removesuffix('.')}{note} | {mended} |\n"
    assert row in read("lint-rules.md")


def test_how_often_rules_were_right_is_what_they_say():
    (rows,) = re.findall(r"\| rule \| found .*?\n\n", read("lint-rules.md"), re.DOTALL)
    told = {
        rule: tuple(map(int, numbers))
        for rule, *numbers in re.findall(r"\| (KB\d+) \| (\d+) \| (\d+) \| (\d+) \|", rows)
    }
    seen = {rule.id: rule.seen for rule in RULES if isinstance(rule.seen, Seen)}
    assert told == {
        name: (each.found, each.read, each.right) for name, each in seen.items() if each.found
    }
    silent = sorted(name for name, each in seen.items() if not each.found)
    assert f"{', '.join(silent[:-1])} and {silent[-1]} looked" in read("lint-rules.md")
