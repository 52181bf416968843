"""A fix that changes a page also gives it its date: what a fix calls for belongs to it."""

from datetime import date

import pytest

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.facts import Facts, Revision
from kbtool.lint.engine import lint
from kbtool.lint.fix import fix
from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page

TODAY = date(2026, 11, 24)
HUB = "**vibe**\n\n# vibe\n\n> **Status**: Draft\n> **Last Updated**: 2026-11-10\n\n## Pages\n\n- [A](a.md)\n"
PAGE = "[vibe](README.md) > **{0}**\n\n# {0}\n\n> **Status**: Draft\n> **Last Updated**: 2026-11-10\n\n## One\n\nText.\n"


def build(texts, head):
    """A base whose last commit holds `head`; what differs was changed today."""

    def revisions(path, text, after):
        if head.get(path) != text and after < TODAY:
            yield Revision(TODAY, head.get(path), text)

    pages = {path: parse_page(path, text) for path, text in texts.items()}
    return KnowledgeBase(pages, facts=Facts(today=TODAY, revisions=revisions))


def mended(texts, head, rules=RULES):
    kb = build(texts, head)
    report = lint(kb, rules)
    return report, fix(kb, rules, report, lambda changed: build({**texts, **changed}, head))


@pytest.fixture
def texts():
    return {
        "vibe/README.md": HUB,
        "vibe/a.md": PAGE.format("A"),
        "vibe/b.md": PAGE.format("B"),
    }


def test_a_row_in_the_hub_and_its_date(texts):
    report, done = mended(texts, texts)
    assert [f.rule for f in report.findings] == ["KB107"]
    assert done.report.findings == ()
    assert done.count == 1
    assert done.texts == {
        "vibe/README.md": HUB.replace("2026-11-10", "2026-11-24") + "- [B](b.md)\n"
    }
    again, more = mended({**texts, **done.texts}, texts)
    assert (again.findings, more.texts) == ((), {})


def test_a_fix_of_the_head_needs_no_date(texts):
    texts["vibe/README.md"] += "- [B](b.md)\n"
    head = dict(texts)
    texts["vibe/a.md"] = texts["vibe/a.md"].replace("**Status**:", "**Status:**")
    _, done = mended(texts, head)
    assert done.report.findings == ()
    assert done.texts == {"vibe/a.md": head["vibe/a.md"]}


def test_a_refused_fix_leaves_no_trace_in_the_next(texts):
    """Each try starts from what was accepted, not from what the last one tried."""
    texts["vibe/README.md"] += "- [B](b.md)\n"
    texts["vibe/a.md"] = texts["vibe/a.md"].replace("**Status**:", "**Status:**")
    texts["vibe/b.md"] = texts["vibe/b.md"].replace("**Status**:", "**Status:**")
    spoils = next(rule for rule in RULES if rule.id == "KB204")

    def worse(page, kb, options):
        for finding in spoils.check(page, kb, options):
            bad = [edit._replace(new="[x](gone.md)") for edit in finding.fix]
            yield finding._replace(fix=tuple(bad)) if page.path == "vibe/a.md" else finding

    rules = [spoils._replace(check=worse), *(rule for rule in RULES if rule.id == "KB101")]
    _, done = mended(texts, texts, rules)
    assert [(f.rule, f.path) for f in done.report.findings] == [("KB204", "vibe/a.md")]
    assert set(done.texts) == {"vibe/b.md"}
