"""Linting a project, and mending it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kbtool.adapters.replay import Rests
from kbtool.app.outside import Outside, libraries
from kbtool.app.recall import Recall
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.engine import Report, choose, lint, surveyed
from kbtool.lint.fix import fix
from kbtool.lint.rule import Finding, Rule
from kbtool.lint.rules import RULES
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page
from kbtool.workspace import Workspace, find_root, open_workspace


@dataclass(frozen=True, slots=True)
class Linted:
    """What is to report: findings under the paths that were asked for."""

    kb: KnowledgeBase
    findings: tuple[Finding, ...]
    pages: int
    suppressed: int
    fixed: int
    changed: tuple[str, ...]
    notices: tuple[str, ...]  # what could not be judged, and why
    rests: Rests | None = None  # on what; None: another run may say otherwise


def lint_project(
    paths: Sequence[str],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    mend: bool = False,
    cached: bool = True,
) -> Linted:
    """Return the findings of the project the paths belong to; paths limit what is reported.

    Raises:
        KbError: a path, a rule or the configuration is wrong, or a page cannot be written.
    """
    workspace = open_workspace(paths)
    places = [workspace.relative(path) for path in paths]
    rules = chosen_rules(workspace, select, ignore)
    fixed = 0
    changed: tuple[str, ...] = ()
    with Outside(workspace.root, cached=cached) as outside:
        if all(map(surveyed, rules)):
            report, kb = _recalled(workspace, outside, rules, cached=cached)
        else:
            kb = outside.told(workspace.load())
            report = lint(kb, rules)
        if mend:
            kb, report, fixed, changed = _mended(workspace, kb, rules, report, places)
    findings = tuple(f for f in report.findings if under(f.path, places))
    pages = sum(under(path, places) for path in kb.pages)
    rests = None if mend else _rests(workspace, outside, paths)
    return Linted(kb, findings, pages, report.suppressed, fixed, changed, outside.notices, rests)


def chosen_rules(
    workspace: Workspace, select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[Rule, ...]:
    """Return the rules of the project, narrowed by ids or names.

    Raises:
        UsageError: an id or name is unknown.
    """
    config = workspace.root.config
    return choose(
        RULES,
        workspace.root.preset,
        tuple(select) or config.select,
        (*config.ignore, *ignore),
    )


def under(path: str, places: Sequence[str]) -> bool:
    """Return whether a path lies under one of the places; without places, all do."""
    return not places or any(
        not place or path == place or path.startswith(f"{place}/") for place in places
    )


def _recalled(
    workspace: Workspace, outside: Outside, rules: Sequence[Rule], *, cached: bool
) -> tuple[Report, KnowledgeBase]:
    """Lint by rules that surveys of the pages suffice for."""
    recall = Recall(workspace.root, rules, list(libraries()) if cached else None)
    kb, known = recall.load(workspace)
    report = lint(outside.told(kb), rules, known)
    if cached and outside.settled and workspace.settled:
        recall.keep(workspace, kb, report.judged)
    return report, kb


def _rests(workspace: Workspace, outside: Outside, paths: Sequence[str]) -> Rests | None:
    """Return what the findings rest on, None where that cannot be told from files."""
    if not (outside.settled and workspace.settled) or find_root(paths) != workspace.root:
        return None
    looked = outside.paths(workspace.files)
    if looked is None:
        return None
    return Rests([*workspace.paths(paths), *looked], workspace.links)


def _mended(
    workspace: Workspace,
    kb: KnowledgeBase,
    rules: Sequence[Rule],
    report: Report,
    places: Sequence[str],
) -> tuple[KnowledgeBase, Report, int, tuple[str, ...]]:
    """Fix what is reported under the places, and write it."""
    parsed: dict[str, Page] = {}

    def rebuild(texts: Mapping[str, str]) -> KnowledgeBase:
        for path, text in texts.items():
            if path not in parsed or parsed[path].text != text:
                parsed[path] = parse_page(path, text)
        return kb.changed({path: parsed[path] for path in texts})

    done = fix(kb, rules, report, rebuild, lambda finding: under(finding.path, places))
    workspace.write(done.texts)
    after = rebuild(done.texts)
    return after, done.report, done.count, tuple(sorted(done.texts))
