"""A new page: drafted, listed and linked by the rules' own fixes, written whole or not at all."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from posixpath import basename, join, normpath

from kbtool.app.lint import chosen_rules
from kbtool.app.outside import Outside
from kbtool.errors import UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.engine import lint
from kbtool.lint.fix import fingerprint, fix
from kbtool.lint.links import relative
from kbtool.lint.rule import Finding, Rule
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page
from kbtool.scaffold.new import Draft, Request, draft
from kbtool.scaffold.todo import Todo, todos, unfinished_row, untouched
from kbtool.workspace import Workspace, open_workspace


@dataclass(frozen=True, slots=True)
class Ask:
    """What the command line asks for."""

    kind: str
    title: str
    given: str | None = None
    day: date | None = None
    related: tuple[str, ...] = ()  # as the person wrote them
    into: str = ""
    big: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A new page, and all that came with it."""

    kb: KnowledgeBase  # as it is with the page
    before: KnowledgeBase
    draft: Draft
    texts: Mapping[str, str]  # every file written: the new ones, and those that changed
    todos: tuple[Todo, ...]  # what a person must write
    findings: tuple[Finding, ...]  # what lint says of it that it did not say before
    notices: tuple[str, ...] = ()

    @property
    def created(self) -> tuple[str, ...]:
        """The new files."""
        return tuple(sorted(self.draft.files))

    @property
    def changed(self) -> tuple[str, ...]:
        """The files that were there and were changed."""
        return tuple(sorted(self.texts.keys() - self.draft.files.keys()))


def make_page(ask: Ask, *, dry: bool = False) -> Made:
    """Write a new page with its row in the hub, its breadcrumb and its inverse relations.

    With `dry`, everything is made and nothing is written.

    Raises:
        KbError: the title, its place, a relation or a template is wrong; or a file cannot be
            written, and none is.
    """
    workspace = _workspace()
    with Outside(workspace.root) as outside:
        before = outside.told(workspace.load())
        request = Request(
            ask.kind,
            ask.title,
            _today(),
            ask.day,
            ask.given,
            tuple(_page(workspace, before, name) for name in ask.related),
            ask.into,
            ask.big,
        )
        drafted = draft(before, request, builtin_templates())
        made = linked(before, drafted, chosen_rules(workspace))
        notices = (*drafted.notes, *outside.notices)
    if not dry:
        workspace.write(made.texts, new=drafted.files)
    return replace(made, notices=notices)


def _workspace() -> Workspace:
    workspace = open_workspace()
    root = workspace.root
    base = root.config.base
    if root.preset == "plain" or not os.path.isdir(os.path.join(root.path, base)):
        plain = root.config.preset == "plain"
        raise UsageError(
            "the preset plain knows no kinds of page"
            if plain
            else f"no knowledge base here: there is no folder {base}/",
            'preset = "lab"' if plain else f"mkdir {base}, or configure another folder as base",
        )
    return workspace


def linked(before: KnowledgeBase, drafted: Draft, rules: Sequence[Rule]) -> Made:
    """Return the draft within the knowledge base, after the fixes of what it causes there."""
    known = set(map(fingerprint, lint(before, rules).findings))

    def caused(finding: Finding) -> bool:
        return fingerprint(finding) not in known

    def rebuild(texts: Mapping[str, str]) -> KnowledgeBase:
        texts = {**drafted.files, **texts}
        marks = before.conventions.marks
        return before.changed(
            {path: parse_page(path, text, marks(path)) for path, text in texts.items()}
        )

    grown = rebuild({})
    done = fix(grown, rules, lint(grown, rules), rebuild, caused)
    kb = rebuild(done.texts)
    texts = {**drafted.files, **done.texts}
    left = tuple(filter(caused, done.report.findings))
    return Made(kb, before, drafted, texts, tuple(_todos(kb, drafted, texts)), left)


def _todos(kb: KnowledgeBase, drafted: Draft, texts: Mapping[str, str]) -> Iterator[Todo]:
    for path in (drafted.path, *sorted(drafted.files.keys() - {drafted.path})):
        where = "" if path == drafted.path else f"{relative(drafted.path, path)}: "
        for todo in _todos_of(kb.pages[path], drafted.models.get(path)):
            yield todo._replace(name=f"{where}{todo.name}")
    for path in sorted(texts):
        row = unfinished_row(kb.pages[path], relative(path, drafted.path))
        if row:
            yield row


def _todos_of(page: Page, model: str | None) -> Iterator[Todo]:
    yield from todos(page)
    if model is not None:
        yield from untouched(page, parse_page(page.path, model, page.marks))


def _page(workspace: Workspace, kb: KnowledgeBase, name: str) -> str:
    """Return the path of a page named by its path, from here, the root or the base, or its name."""
    places = [normpath(name), normpath(join(kb.base, name)), *_from_here(workspace, name)]
    places += [hub for path in places if (hub := kb.hub(path))]
    found = [path for path in places if path in kb.pages]
    if not found:
        stems = (basename(name), f"{basename(name)}.md")
        found = [p for p in kb.pages if "/" not in name and kb.within(p) and basename(p) in stems]
    if len(set(found)) == 1 or (found and found[0] in places):
        return found[0]
    if found:
        raise UsageError(f"{name!r} is the name of several pages", ", ".join(sorted(found)))
    near = get_close_matches(name, kb.pages, 1) or get_close_matches(
        basename(name), map(basename, kb.pages), 1
    )
    hint = f"did you mean {near[0]}?" if near else "give its path from the root"
    raise UsageError(f"there is no page {name!r} to be related to", hint)


def _from_here(workspace: Workspace, name: str) -> Sequence[str]:
    try:
        return [workspace.relative(name)]
    except UsageError:
        return []


def _today() -> date:
    """Today where the person is."""
    return datetime.now(UTC).astimezone().date()


@cache
def builtin_templates() -> Mapping[str, str]:
    """Return the built-in templates by name."""
    folder = files("kbtool.scaffold") / "templates"
    return {
        each.name.removesuffix(".md"): each.read_text(encoding="utf-8") for each in folder.iterdir()
    }
