"""Linting a project, and mending it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from kbtool.adapters.kept import Recalled
from kbtool.adapters.replay import Rests
from kbtool.app.outside import Outside, libraries
from kbtool.app.recall import Recall
from kbtool.errors import UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.baseline import Compared, Entry, compare, entries, read, written
from kbtool.lint.engine import Report, choose, lint, surveyed
from kbtool.lint.rule import Finding, Rule
from kbtool.lint.rules import RULES
from kbtool.lint.settings import Settings
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page
from kbtool.workspace import Root, Workspace, find_root, open_workspace

EXTERNAL: Final = "KB110"
_NOBODY: Final = (f"no host was asked for external links: {EXTERNAL} is ignored",)


class Linted(NamedTuple):
    """What is to report: findings under the paths that were asked for."""

    root: Root
    kb: KnowledgeBase
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    reported: tuple[str, ...]  # the pages that were asked for
    secrets: tuple[Finding, ...]  # of all pages: what no report may show
    suppressed: int
    fixed: int
    changed: tuple[str, ...]
    notices: tuple[str, ...]  # what could not be judged, and why
    preview: Mapping[str, tuple[str, str]] = MappingProxyType({})  # page → before, after
    known: int = 0  # findings the baseline has
    gone: tuple[Entry, ...] = ()  # entries of the baseline that are found no more
    rests: Rests | None = None  # on what all this rests; None: another run may say otherwise

    @property
    def pages(self) -> int:
        """How many pages were asked for."""
        return len(self.reported)


class _Scope(NamedTuple):
    """What is asked for: places, and pages that changed."""

    places: Sequence[str]
    changed: frozenset[str] | None  # None: whether they changed or not

    def page(self, path: str) -> bool:
        return under(path, self.places) and (self.changed is None or path in self.changed)

    def finding(self, finding: Finding) -> bool:
        """Return whether it is in a page that is asked for, or there because of a change."""
        return under(finding.path, self.places) and (
            self.changed is None or bool({finding.path, finding.about} & self.changed)
        )


def lint_project(
    paths: Sequence[str],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    mend: bool = False,
    preview: bool = False,
    cached: bool = True,
    changed: str | None = None,
    baseline: str = "",
    update: bool = False,
    external: bool = False,
) -> Linted:
    """Return the findings of the project the paths belong to; paths limit what is reported.

    With `preview`, what mending would write is returned and not written. With `changed` (a
    revision, "" for the base branch) only what changed since is reported. Findings that a file
    `baseline` has are not reported; with `update` the file loses what is found no more, and is
    written where there is none. With `external`, the hosts of external links are asked, except
    where KB110 is ignored.

    Raises:
        KbError: a path, a rule, a revision, the baseline or the configuration is wrong, or a page
            cannot be written.
    """
    workspace = open_workspace(paths)
    scope = _Scope([workspace.relative(path) for path in paths], _changed(workspace, changed))
    rules = chosen_rules(workspace, select, ignore)
    asks = chosen_rules(workspace, (EXTERNAL,), ignore) if external else ()
    rules = (*rules, *(each for each in asks if each not in rules))
    book = _Baseline(workspace, baseline, update) if baseline else None
    fixed = 0
    texts: Mapping[str, str] = {}
    recalled: Recalled | None = None
    with Outside(workspace.root, cached=cached) as outside:
        if all(map(surveyed, rules)) and not (mend or preview):
            kb, report, recalled = _recalled(workspace, outside, rules, cached=cached)
        else:
            kb = outside.told(workspace.load())
            if asks:
                settings = Settings(rules, kb.conventions)
                pages = (path for path in kb.pages if settings.one(EXTERNAL, path))
                kb = outside.asked(kb, filter(scope.page, pages))
            report = lint(kb, rules)
        if mend or preview:
            after, mended, fixed, texts = _mended(kb, rules, report, scope.finding)
        if mend:
            workspace.write(texts)
            kb, report = after, mended
    found = tuple(filter(scope.finding, report.findings))
    compared = book.compared(kb, found, rules, scope) if book else Compared(found, 0, ())
    return Linted(
        workspace.root,
        kb,
        rules,
        compared.new,
        tuple(sorted(path for path in kb.pages if scope.page(path))),
        tuple(finding for finding in report.findings if finding.secret),
        report.suppressed,
        fixed,
        tuple(sorted(texts)) if mend else (),
        (*_detected(workspace, kb), *(_NOBODY if external and not asks else ()), *outside.notices),
        {} if mend else _preview(workspace, kb, texts),
        compared.known,
        compared.gone,
        _rests(workspace, outside, paths, baseline, recalled)
        if cached and not (mend or update)
        else None,
    )


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


def _detected(workspace: Workspace, kb: KnowledgeBase) -> Iterator[str]:
    """Yield what was found out about who publishes the pages, where nobody configured it."""
    sites = kb.conventions.sites
    if sites and workspace.root.config.sites is None:
        named = ", ".join(f"{site.kind} ({site.source})" for site in sites)
        yield f"links are read as on the site: {named}; `sites` in the configuration says otherwise"


def under(path: str, places: Sequence[str]) -> bool:
    """Return whether a path lies under one of the places; without places, all do."""
    return not places or any(
        not place or path == place or path.startswith(f"{place}/") for place in places
    )


def _changed(workspace: Workspace, base: str | None) -> frozenset[str] | None:
    if base is None:
        return None
    from kbtool.adapters.changes import changed_files
    from kbtool.adapters.git import GitError

    root = workspace.root
    try:
        return changed_files(root.path, base, root.config.base_branch)
    except GitError as error:
        raise UsageError(
            f"what changed is not known: {error}",
            "--changed=REVISION names another; paths go first",
        ) from error


def _recalled(
    workspace: Workspace, outside: Outside, rules: Sequence[Rule], *, cached: bool
) -> tuple[KnowledgeBase, Report, Recalled | None]:
    """Lint by rules that surveys of the pages suffice for; return also where the pages are kept."""
    recall = Recall(workspace, rules, list(libraries()) if cached else None)
    kb, known = recall.load()
    report = lint(outside.told(kb), rules, known)
    if cached and outside.settled and workspace.settled:
        return kb, report, recall.keep(report.judged)
    return kb, report, None


def _rests(
    workspace: Workspace,
    outside: Outside,
    paths: Sequence[str],
    baseline: str,
    recalled: Recalled | None,
) -> Rests | None:
    """Return what the findings rest on, None where that cannot be told from files."""
    if not (outside.settled and workspace.settled) or find_root(paths) != workspace.root:
        return None
    looked = outside.paths(workspace.files)
    if looked is None:
        return None
    beside = [os.path.abspath(baseline)] if baseline else []
    rests = [*workspace.paths(paths), *looked, *beside]
    return Rests(rests, workspace.links, workspace.folders, workspace.passed, recalled)


def _mended(
    kb: KnowledgeBase,
    rules: Sequence[Rule],
    report: Report,
    wanted: Callable[[Finding], bool],
) -> tuple[KnowledgeBase, Report, int, Mapping[str, str]]:
    """Return what fixing what is wanted makes of the pages, and the texts that change."""
    from kbtool.lint.fix import fix

    parsed: dict[str, Page] = {}

    def rebuild(texts: Mapping[str, str]) -> KnowledgeBase:
        for path, text in texts.items():
            if path not in parsed or parsed[path].text != text:
                parsed[path] = parse_page(path, text, kb.conventions.marks(path))
        return kb.changed({path: parsed[path] for path in texts})

    done = fix(kb, rules, report, rebuild, wanted)
    return rebuild(done.texts), done.report, done.count, done.texts


def _preview(
    workspace: Workspace, kb: KnowledgeBase, texts: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Return each page before and after, as it is on disk and as it would be."""
    return {
        path: (workspace.on_disk(path, kb.pages[path].text), workspace.on_disk(path, texts[path]))
        for path in sorted(texts)
    }


class _Baseline:
    """A baseline file: read before linting, so that its faults are told first."""

    def __init__(self, workspace: Workspace, name: str, update: bool) -> None:
        self._workspace = workspace
        self._update = update
        self._new = not os.path.lexists(name)
        if self._new and not update:
            raise UsageError(f"there is no baseline {name}", "--update-baseline writes it")
        self._path = workspace.place(name)
        text = "" if self._new else workspace.text(self._path)
        if text is None:
            raise UsageError(f"{name} cannot be read", "give a file of the project")
        self._known = read(text, name) if text else Counter[Entry]()

    def compared(
        self, kb: KnowledgeBase, found: Sequence[Finding], rules: Sequence[Rule], scope: _Scope
    ) -> Compared:
        """Return the findings it does not have; update it where that was asked for."""
        checked = {rule.id for rule in rules}

        def looked_for(entry: Entry) -> bool:
            asked = scope.page(entry.path) or entry.path not in kb.pages
            return entry.rule in checked and asked and under(entry.path, scope.places)

        known = Counter(entries(kb, found)) if self._new else self._known
        compared = compare(known, kb, found, looked_for)
        if not self._update:
            return compared
        left = known - Counter(compared.gone)
        if self._new or left != known:
            self._workspace.write({self._path: written(left.elements())})
        return Compared(compared.new, compared.known, ())
