"""One rule's examples are its tests: what stands between ⟦ and ⟧ is found, and nothing else."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bench.precision import LOOKED_FOR, Projects
from kbtool.adapters.diagram import Mermaid
from kbtool.adapters.language import language_of
from kbtool.adapters.secret import secrets_in
from kbtool.adapters.shell import syntax_fault
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions, Production
from kbtool.graph.detect import detect
from kbtool.graph.facts import BaseBranch, Facts, Revision
from kbtool.lint import rules as folder
from kbtool.lint.engine import lint
from kbtool.lint.fix import fix
from kbtool.lint.rule import Seen
from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page
from kbtool.report.rules import explained, why

ENGINE_RULES = {"KB901", "KB902"}
MERMAID = Mermaid()


@pytest.fixture(scope="module", autouse=True)
def judge_ends():
    yield
    MERMAID.close()


TODAY = date(2026, 11, 24)


def build(example):
    files = {path: text for path, text in example.items() if ":" not in path}
    base = "vibe" if any(path.startswith("vibe/") for path in files) else ""
    facts = Facts(
        today=TODAY,
        text=files.get,
        shell=syntax_fault,
        revisions=lambda path, text, after: uncommitted(example, path, text, after),
        base_branch=lambda: branch(example),
        language=language_of,
        secrets=secrets_in,
        diagram=MERMAID.fault,
        nodes=MERMAID.nodes,
        external=lambda url: "answers 404" if "gone" in url else None,
    )
    production = Production(names=("production.example",))
    sites = detect(frozenset(files), files.get)
    conventions = Conventions(base=base, production=production, sites=sites)
    pages = {
        path: parse_page(path, text, conventions.marks(path))
        for path, text in files.items()
        if path.endswith(".md")
    }
    return KnowledgeBase(pages, frozenset(files), conventions, facts)


def uncommitted(example, path, text, after):
    """What differs from the page at HEAD was changed today."""
    before = example.get(f"HEAD:{path}")
    return [Revision(TODAY, before, text)] if before not in (None, text) and after < TODAY else []


def branch(example):
    fork, tip = (
        {path.removeprefix(mark): text for path, text in example.items() if path.startswith(mark)}
        for mark in ("fork:", "main:")
    )
    if fork or tip:
        return BaseBranch("main", frozenset(tip) - frozenset(fork), frozenset(fork), fork.get)
    return None


def unmarked(example):
    """Return the example without its marks, and the marked places."""
    texts, places = {}, set()
    for path, marked in example.items():
        texts[path] = marked
        while "⟦" in texts[path]:
            start, end = texts[path].index("⟦"), texts[path].index("⟧") - 1
            texts[path] = texts[path].replace("⟦", "", 1).replace("⟧", "", 1)
            places.add((path, start, end))
    return texts, places


def checked(rule):
    others = [each for each in RULES if each.id == "KB101"] if rule.id in ENGINE_RULES else []
    return [*others, rule]


def cases(kind):
    return [
        pytest.param(rule, example, id=f"{rule.id}-{number}")
        for rule in RULES
        for number, example in enumerate(getattr(rule, kind))
    ]


@pytest.mark.parametrize(("rule", "example"), cases("good"))
def test_a_good_example_has_no_finding(rule, example):
    report = lint(build(example), checked(rule))
    assert [f for f in report.findings if f.rule == rule.id] == []


@pytest.mark.parametrize(("rule", "example"), cases("bad"))
def test_a_bad_example_is_found_exactly_where_it_is_marked(rule, example):
    texts, places = unmarked(example)
    report = lint(build(texts), checked(rule))
    found = {(f.path, f.span.start, f.span.end) for f in report.findings if f.rule == rule.id}
    assert found == places


@pytest.mark.parametrize(("rule", "example"), cases("bad"))
def test_a_fix_leaves_nothing_and_is_idempotent(rule, example):
    texts, _ = unmarked(example)
    kb = build(texts)
    report = lint(kb, checked(rule))
    fixable = [f for f in report.findings if f.fix]
    if fixable:
        assert rule.fixable
        done = fix(kb, checked(rule), report, lambda changed: build({**texts, **changed}))
        left = [f for f in done.report.findings if f.rule == rule.id and f.fix]
        assert left == []
        assert done.count == len(fixable)
        again = build({**texts, **done.texts})
        assert fix(again, checked(rule), lint(again, checked(rule)), build).texts == {}


def test_the_registry_is_the_folder():
    files = sorted(path.stem for path in Path(folder.__file__).parent.glob("kb*.py"))
    listed = [f"{rule.id.lower()}_{rule.name.replace('-', '_')}" for rule in RULES]
    assert listed == files
    assert [rule.id for rule in RULES] == sorted({rule.id for rule in RULES})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_can_be_explained(rule):
    page = "\n".join(explained(rule))
    assert rule.summary in page
    assert len(why(rule)) > 40
    assert rule.bad or rule.id == "KB001"
    assert rule.good
    assert rule.fixable is any(
        f.fix
        for example in rule.bad
        for f in lint(build(unmarked(example)[0]), checked(rule)).findings
        if f.rule == rule.id
    )


def test_one_defect_is_one_finding():
    """A page its hub forgets is reported at the hub, not as an orphan too."""
    kb = build({"vibe/README.md": "**v**\n\n# v\n", "vibe/a.md": "[v](README.md) > **A**\n\n# A\n"})
    chosen = [rule for rule in RULES if rule.id in ("KB106", "KB107")]
    assert [(f.rule, f.path) for f in lint(kb, chosen).findings] == [("KB107", "vibe/README.md")]
    orphans = lint(kb, [rule for rule in chosen if rule.id == "KB106"])
    assert [(f.rule, f.path) for f in orphans.findings] == [("KB106", "vibe/a.md")]


def test_facts_without_a_judge_make_no_finding():
    example = next(rule for rule in RULES if rule.id == "KB509").bad[0]
    kb = build(unmarked(example)[0])
    kb.facts = replace(kb.facts, shell=Facts().shell)
    assert [f for f in lint(kb, RULES).findings if f.rule == "KB509"] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_how_often_it_was_right(rule):
    """Or what real pages lack for it to be measured."""
    assert rule.seen is not None
    if isinstance(rule.seen, Seen):
        assert 0 <= rule.seen.right <= rule.seen.read <= rule.seen.found
        assert rule.seen.read >= min(rule.seen.found, 30)
        assert rule.seen.right == rule.seen.read or rule.seen.note  # what was wrong is told
    else:
        assert rule.id in LOOKED_FOR or rule.id == "KB110"
    assert str(rule.seen) in list(explained(rule))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rules_find_what_they_say(corpus, tmp_path_factory):
    """Each on real projects, as often as it says; where none has what it looks at, none has."""
    folder = next(
        path for path in corpus[0].parents if path.parent == tmp_path_factory.getbasetemp()
    )
    assert {path.name for path in folder.iterdir()} >= {"fastapi", "powershell-docs"}
    assert list(Projects(folder).differences()) == []
