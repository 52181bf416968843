"""A knowledge base from a small tree of texts, and what fixing makes of it."""

from datetime import date

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.graph.facts import Facts
from kbtool.lint.engine import lint
from kbtool.lint.fix import fix
from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page


def build(example, **conventions):
    """Return the base of {path: text}; the date is 2026-11-24."""
    facts = Facts(today=date(2026, 11, 24), text=example.get)
    settings = Conventions(**conventions)
    pages = {
        path: parse_page(path, text, settings.marks(path))
        for path, text in example.items()
        if path.endswith(".md")
    }
    return KnowledgeBase(pages, frozenset(example), settings, facts)


def chosen(*ids):
    return [rule for rule in RULES if rule.id in ids]


def found(example, *ids, **conventions):
    """Return (rule, path, text of the place) of each finding of these rules."""
    report = lint(build(example, **conventions), chosen(*ids))
    return [(f.rule, f.path, example[f.path][f.span.start : f.span.end]) for f in report.findings]


def fixed(example, rules, conventions=None, **options):
    """Return the texts after fixing, and what `fix` says."""
    kb = build(example, **conventions or {})

    def rebuild(texts):
        return build({**example, **texts}, **conventions or {})

    done = fix(kb, rules, lint(kb, rules), rebuild, **options)
    return {**example, **done.texts}, done
