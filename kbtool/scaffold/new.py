"""Kind, title and knowledge base → the files of a new page. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from posixpath import basename, dirname, join, normpath
from typing import Final

from kbtool.errors import UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import link_to
from kbtool.scaffold.kinds import KINDS, Shape
from kbtool.scaffold.parts import Parts, merged, read_parts
from kbtool.scaffold.template import Template, chosen, filled
from kbtool.scaffold.title import RESERVED, checked, slug
from kbtool.scaffold.todo import marked

_DATES: Final = ("Date", "Last Updated")
_NUMBER: Final = re.compile(
    r"\A(?:(?:ADR|INV)[-\s]?\d{3,4}|\d{3,4}(?=\s*[:.–—-]\s))\s*[:.–—-]?\s*", re.IGNORECASE
)
_TEMPLATE: Final = "_template"


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for."""

    kind: str
    title: str
    today: date
    day: date | None = None  # None: the given text's, else today
    given: str | None = None  # a text to be merged into the template
    related: tuple[str, ...] = ()  # pages, by path from the root
    into: str = ""  # the guidebook a page goes into
    big: bool = False  # a PRD with a QA strategy


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written; breadcrumbs, rows in hubs and inverse relations are not yet there."""

    path: str
    title: str  # the H1
    number: str | None
    files: Mapping[str, str]
    models: Mapping[str, str]  # new file → its template, where that marks nothing to be written
    notes: tuple[str, ...]


def draft(kb: KnowledgeBase, request: Request, templates: Mapping[str, str]) -> Draft:
    """Return the files of a new page, with the hubs of folders that have none yet.

    `templates` are the built-in ones, by name.

    Raises:
        UsageError: the title cannot be one, or its place is taken or does not exist.
        TemplateError: the base's own template has a fault.
    """
    return _Drafting(kb, request, templates).draft()


class _Drafting:
    """One page in the making."""

    def __init__(self, kb: KnowledgeBase, request: Request, templates: Mapping[str, str]) -> None:
        self.kb = kb
        self.request = request
        self.templates = templates
        self.shape: Shape = KINDS[request.kind]
        self.known = kb.conventions.field_names()
        self.given = read_parts(request.given, self.known) if request.given else None
        self.slug = slug(checked(request.title))
        self.title = self._title()
        self.day = (request.day or self._given_day() or request.today).isoformat()
        self.notes: list[str] = []
        self.models: dict[str, str] = {}

    def draft(self) -> Draft:
        folder = self._folder()
        number = self._number(folder) if self.shape.digits else None
        values = {"title": self.title, "slug": self.slug, "date": self.day, "number": number or ""}
        values["label"] = self.shape.label.format(**values)
        name = "{slug}.md" if self.request.into else self.shape.name
        path = join(folder, name.format(**values))
        if name.startswith("{slug}") and self.slug in RESERVED:
            raise UsageError(f"{self.slug!r} cannot be a page's name on every system", "add a word")
        files = {path: self._page(path, values)}
        if self.request.kind == "prd":
            files |= dict(self._beside(dirname(path), values, files[path]))
        title = read_parts(files[path], self.known).heading
        files = {**self._hubs(path, files), **files}
        for new in files:
            _free(self.kb, new)
        return Draft(path, title, number, files, self.models, tuple(self.notes))

    def _title(self) -> str:
        """Return the words of the H1: the given text's own, without a number, go before."""
        own = self.given.heading if self.given else ""
        if self.shape.digits:
            own = _NUMBER.sub("", own)
        return checked(own.replace("*", "") or self.request.title)

    # ------------------------------------------------------------------ places
    def _folder(self) -> str:
        home = join(self.kb.base, self.shape.folder)
        if not self.request.into:
            return home
        if self.request.kind != "guidebook":
            raise UsageError("--into goes with guidebook only", "the other kinds have one folder")
        wanted = normpath(self.request.into.strip("/"))
        for folder in (wanted, join(self.kb.base, wanted), join(home, wanted)):
            if folder in self.kb.folders and folder.startswith(f"{home}/"):
                return folder
        books = sorted(folder for folder in self.kb.folders if dirname(folder) == home)
        known = ", ".join(map(basename, books)) or "none yet"
        raise UsageError(
            f"there is no guidebook {self.request.into!r}",
            f"guidebooks: {known}; kbtool new guidebook TITLE makes one",
        )

    def _number(self, folder: str) -> str:
        """Return the number after the highest one here and on the base branch."""
        digits, prefix = self.shape.digits, self.shape.prefix
        form = re.compile(
            rf"{re.escape(folder)}/{prefix}(\d{{{digits}}})(?:-(?P<slug>[^/]*?))?(?:\.md|/.*)",
            re.IGNORECASE,
        )
        here = [m for path in (*self.kb.files, *self.kb.unreadable) if (m := form.fullmatch(path))]
        same = [match[0] for match in here if match["slug"] == self.slug]
        if same:
            raise UsageError(
                f"{min(same)} has this title already", "change that page, or take another title"
            )
        branch = self.kb.facts.base_branch()
        there = branch.files | branch.added if branch else frozenset()
        beyond = [m for path in there if (m := form.fullmatch(path))]
        mine = max((int(match[1]) for match in here), default=0)
        theirs = max((int(match[1]) for match in beyond), default=0)
        number = max(mine, theirs) + 1
        if branch and theirs > mine:
            taken = f"{prefix}{theirs:0{digits}}"
            self.notes.append(f"{taken} is taken on {branch.name}: this is {number:0{digits}}")
        if number >= 10**digits:
            raise UsageError(f"no number of {digits} digits is left in {folder}")
        return f"{number:0{digits}}"

    def _given_day(self) -> date | None:
        for name in _DATES:
            if self.given and (day := _iso(self.given.value(name))):
                return day
        return None

    # ------------------------------------------------------------------ pages
    def _page(self, path: str, values: Mapping[str, str]) -> str:
        kind = self.request.kind
        if self.request.into:
            kind = "guidebook-page"
        parts = self._rendered(path, self._template(kind, path), values)
        if self.given:
            parts = merged(parts, self.given, self.shape.sections)
        parts = self._dated(parts)
        if kind == "prd" and self.request.big:
            parts = parts.put("Size", "big")
        if self.request.related:
            parts = parts.put("Related", self._relations(path, parts.value("Related")))
        return parts.text(self._mark())

    def _template(self, kind: str, path: str) -> Template:
        home = join(self.kb.base, self.shape.folder)
        own = [join(home, f"{_TEMPLATE}.md")]
        if kind == "guidebook-page":
            own.insert(0, join(dirname(path), f"{_TEMPLATE}.md"))
        elif basename(path) == self.kb.conventions.hub:
            own.insert(0, join(home, _TEMPLATE, basename(path)))
            own = own if kind == "prd" else own[:1]  # a page's template is none for a hub
        return chosen(self.kb, own, kind, self.templates)

    def _rendered(self, path: str, template: Template, values: Mapping[str, str]) -> Parts:
        """Return the filled template; one without placeholders gets H1 and dates all the same."""
        raw = read_parts(template.text, self.known)
        text = filled(template, values)
        if not marked(template.text):
            self.models[path] = text
        parts = read_parts(text, self.known)
        return replace(
            parts,
            # A crumb without a placeholder is that of the template itself: the rule writes ours.
            crumb=parts.crumb if "{{" in raw.crumb else "",
            heading=parts.heading if "{{" in raw.heading else values["label"],
        )

    def _dated(self, parts: Parts) -> Parts:
        for line in parts.fields:
            if line.name in _DATES and (self.request.day or not _iso(line.value)):
                parts = parts.put(line.name, self.day)
        return parts

    def _relations(self, path: str, there: str) -> str:
        links = [link_to(path, self.kb.pages[page]) for page in self.request.related]
        return " · ".join([there, *links] if there else links)

    def _beside(
        self, folder: str, values: Mapping[str, str], readme: str
    ) -> Iterator[tuple[str, str]]:
        """Yield the other pages of a PRD, with the status of its README."""
        home = join(self.kb.base, self.shape.folder, _TEMPLATE)
        parts = read_parts(readme, self.known)
        big = self.request.big or parts.value("Size").casefold() == "big"
        names = {"STATUS.md": "prd-status"} | ({"qa-strategy.md": "prd-qa"} if big else {})
        for name, builtin in names.items():
            path = join(folder, name)
            template = chosen(self.kb, (join(home, name),), builtin, self.templates)
            page = self._dated(self._rendered(path, template, values))
            if name == "STATUS.md" and parts.value("Status"):
                page = page.put("Status", parts.value("Status"))
            yield path, page.text(self._mark())

    def _hubs(self, path: str, files: Mapping[str, str]) -> dict[str, str]:
        """Return hubs for the folders above the page that have none."""
        found: dict[str, str] = {}
        folder = dirname(path)
        home = join(self.kb.base, self.shape.folder)
        while folder.startswith(home):
            hub = join(folder, self.kb.conventions.hub)
            if hub not in files and self.kb.hub(folder) is None:
                name = f"hub-{self.request.kind}" if folder == home else "guidebook"
                title = basename(folder).replace("-", " ").capitalize()
                found[hub] = self._hub(name, title)
            folder = dirname(folder)
        if not any(map(self.kb.within, self.kb.pages)):
            found[join(self.kb.base, self.kb.conventions.hub)] = self._hub("hub-base", "")
        return found

    def _hub(self, name: str, title: str) -> str:
        today = self.request.today.isoformat()
        values = {"title": title, "label": title, "date": today}
        template = Template(f"built-in {name}.md", self.templates[name])
        return read_parts(filled(template, values), self.known).text(self._mark())

    def _mark(self) -> str:
        return "-" if self.kb.conventions.header == "list" else ">"


def _iso(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if len(value) == len("2026-11-24") else None
    except ValueError:
        return None


def _free(kb: KnowledgeBase, path: str) -> None:
    """Refuse a path that is taken, also on a disk that does not tell case apart."""
    if path in kb.unreadable:
        raise UsageError(f"{path} is there and {kb.unreadable[path]}", "mend it first")
    names = {name.casefold(): name for name in kb.files | kb.folders}
    place = path
    while place:
        there = names.get(place.casefold())
        if there and (place == path or there != place or there in kb.files):
            raise UsageError(f"{there} is there already", "take another title, or change that page")
        place = dirname(place)
