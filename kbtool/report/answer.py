"""What lint has to say, as every format takes it: findings with their places, nothing secret."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Rule
from kbtool.report.cover import Cover
from kbtool.text import Span

Style = Callable[[str, str], str]  # (text, one of path, error, warning, dim) → text


def no_style(text: str, _kind: str) -> str:
    """Return the text as it is."""
    return text


class Place(NamedTuple):
    """Lines and columns from 1 in code points, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Change(NamedTuple):
    """One edit of a fix."""

    path: str
    place: Place
    new: str


class Shown(NamedTuple):
    """One finding as it may be shown; a fix that would show a secret has no changes."""

    rule: str
    name: str
    severity: str
    path: str
    place: Place
    message: str
    help: str
    fixable: bool
    changes: tuple[Change, ...]
    source: str | None  # its line of the page, None where there is none


class Answer(NamedTuple):
    """One run of lint, to be written in some format."""

    kb: KnowledgeBase
    findings: tuple[Finding, ...]
    cover: Cover
    numbers: Mapping[str, int]
    pages: tuple[str, ...] = ()  # those that are reported, clean ones too
    rules: Sequence[Rule] = ()
    notices: tuple[str, ...] = ()
    folder: str = ""  # of the project in the checkout CI speaks of; ends with / unless empty
    strict: bool = False
    counted: bool = False  # with statistics
    style: Style = no_style

    def shown(self) -> Iterator[Shown]:
        """Yield the findings, in their order."""
        return (_shown(self.kb, finding, self.cover) for finding in self.findings)

    def fails(self, severity: str) -> bool:
        """Return whether a finding of this severity fails the run."""
        return severity == "error" or self.strict


def place(kb: KnowledgeBase, path: str, span: Span) -> Place:
    """Return where a span is; the beginning of a page that could not be read."""
    page = kb.pages.get(path)
    if page is None:
        return Place(1, 1, 1, 1)
    return Place(*page.lines.position(span.start), *page.lines.position(span.end))


def _shown(kb: KnowledgeBase, finding: Finding, cover: Cover) -> Shown:
    where = place(kb, finding.path, finding.span)
    page = kb.pages.get(finding.path)
    secret = any(cover.shows(edit.new) for edit in finding.fix)
    return Shown(
        finding.rule,
        finding.name,
        finding.severity or "error",
        finding.path,
        where,
        cover.said(finding.message),
        cover.said(finding.help),
        bool(finding.fix),
        ()
        if secret
        else tuple(Change(e.path, place(kb, e.path, e.span), e.new) for e in finding.fix),
        cover.line(page, where.line) if page and page.text else None,
    )
