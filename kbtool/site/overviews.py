"""Pages made from the whole base: the decision log, the board of PRDs, the state of runbooks."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from posixpath import basename, dirname, join
from typing import Final

from kbtool.graph.base import Kind
from kbtool.lint.header import status_word
from kbtool.markdown.page import Page
from kbtool.site.atlas import Atlas, Guide
from kbtool.site.badge import badge
from kbtool.site.furniture import BADGES, block, label_of, title_of, tone, value_html
from kbtool.site.page import front_matter

LOG: Final = "log.md"
BOARD: Final = "board.md"
EVIDENCE: Final = "evidence.md"
_COLUMNS: Final = ("Draft", "In design", "In progress", "Shipped", "Dropped")


def overviews(atlas: Atlas) -> Iterator[tuple[str, str, str]]:
    """Yield (staged file, label, text) of every overview the base has pages for."""
    kb = atlas.kb
    of_kind = {kind: sorted(p for p in atlas.pages if kb.kind_of(p) is kind) for kind in Kind}
    if of_kind[Kind.ADR]:
        paths = of_kind[Kind.ADR]
        yield _page(atlas, dirname(paths[0]), LOG, "Decision log", _log, paths)
    homes = [path for path in of_kind[Kind.PRD] if basename(path) == kb.conventions.hub]
    if homes:
        yield _page(atlas, dirname(dirname(homes[0])), BOARD, "Board", _board, homes)
    runbooks = [path for path in of_kind[Kind.RUNBOOK] if badge(kb.pages[path], kb)]
    if runbooks:
        yield _page(atlas, dirname(runbooks[0]), EVIDENCE, "Evidence", _evidence, runbooks)


Body = Callable[[Atlas, str, Sequence[str]], str]  # as seen from a staged file, of these pages


def _page(
    atlas: Atlas, folder: str, name: str, label: str, body: Body, paths: Sequence[str]
) -> tuple[str, str, str]:
    above = atlas.kb.ancestors(join(folder, name))
    folder = atlas.in_base(f"{folder}/").rstrip("/")
    staged = join(folder, name) if folder else name
    step = '<span class="kb-step" aria-hidden="true">›</span>'
    hubs = [(atlas.to_page(staged, hub), label_of(atlas.kb.pages[hub])) for hub in above]
    ways = [f'<a href="{escape(url)}">{escape(text)}</a>{step}' for url, text in hubs]
    crumb = block(
        "kb-crumbs",
        f'{"".join(ways)}<span aria-current="page">{label}</span>',
        "en",
        ' role="navigation" aria-label="You are here"',
    )
    text = "\n\n".join(
        [front_matter(label, hide=("toc",)), crumb, f"# {label}", body(atlas, staged, paths)]
    )
    return staged, label, text + "\n"


# ---------------------------------------------------------------------- decisions
def _log(atlas: Atlas, staged: str, paths: Sequence[str]) -> str:
    rows = "".join(_decision(atlas, staged, atlas.kb.pages[path]) for path in paths)
    head = "<th>No</th><th>Decision</th><th>Status</th><th>Date</th><th>Deciders</th>"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return block("kb-log", table)


def _decision(atlas: Atlas, staged: str, page: Page) -> str:
    number = basename(page.path)[:4]
    name = title_of(page).partition(": ")[2] or title_of(page)
    url = escape(atlas.to_page(staged, page.path))
    cells = [number, f'<a href="{url}">{escape(name)}</a>', _status(atlas, staged, page)]
    cells += [escape(_said(page, "Date")), escape(_said(page, "Deciders"))]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _status(atlas: Atlas, staged: str, page: Page) -> str:
    field = page.head.field("Status")
    if field is None:
        return ""
    guide = Guide(atlas, page)
    guide.start = staged  # the value's links are the page's, seen from here
    inner = value_html(field.value, guide)
    return _chip(tone(field.value), inner)


def _chip(look: str, inner: str) -> str:
    return f'<span class="kb-chip kb-{look}"><span class="kb-value">{inner}</span></span>'


def _said(page: Page, name: str) -> str:
    field = page.head.field(name)
    return field.value if field else ""


# ---------------------------------------------------------------------- requirements
def _board(atlas: Atlas, staged: str, homes: Sequence[str]) -> str:
    columns: dict[str, list[str]] = {name: [] for name in _COLUMNS}
    for path in homes:
        page = atlas.kb.pages[path]
        word = status_word(_said(page, "Status"))
        column = next((name for name in _COLUMNS if name.casefold() == word.casefold()), "Draft")
        columns[column].append(_card(atlas, staged, page))
    shown = "".join(
        f'<section class="kb-column"><h2>{name} <span class="kb-count">{len(cards)}</span></h2>'
        f"{''.join(cards)}</section>"
        for name, cards in columns.items()
        if cards or name != "Dropped"
    )
    return block("kb-board", shown)


def _card(atlas: Atlas, staged: str, page: Page) -> str:
    url = escape(atlas.to_page(staged, page.path))
    facts = [_said(page, name) for name in ("Priority", "Size", "Last Updated")]
    state = join(dirname(page.path), "STATUS.md")
    facts = [escape(fact) for fact in facts if fact]
    if state in atlas.pages:
        facts.append(f'<a href="{escape(atlas.to_page(staged, state))}">status</a>')
    return (
        f'<article class="kb-card"><a class="kb-card-title" href="{url}">{escape(title_of(page))}'
        f"</a><p>{' · '.join(facts)}</p></article>"
    )


# ---------------------------------------------------------------------- runbooks
def _evidence(atlas: Atlas, staged: str, paths: Sequence[str]) -> str:
    rows = "".join(_proof(atlas, staged, atlas.kb.pages[path]) for path in paths)
    head = "<th>Runbook</th><th>State</th><th>Drilled</th><th>Profile</th><th>Scenarios</th>"
    head += "<th>Real</th><th>Modelled</th><th>What is missing</th>"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    intro = (
        "What the evidence beside each runbook says. It is self-reported: kbtool verify checks"
        " that it fits the page, and a drill repeats it."
    )
    return f"{intro}\n\n{block('kb-log', table)}"


def _proof(atlas: Atlas, staged: str, page: Page) -> str:
    shown = badge(page, atlas.kb)
    if shown is None:
        return ""
    look, words = BADGES[shown.state]
    scenarios = "<br>".join(
        f"{escape(name)}: {escape(entry.verdict)}"
        for profile, name, entry in shown.entries
        if profile == shown.profile
    )
    url = escape(atlas.to_page(staged, page.path))
    cells = [
        f'<a href="{url}">{escape(title_of(page))}</a>',
        _chip(look, words.partition(":")[0]),
        escape(shown.day),
        escape(shown.profile),
        scenarios,
        escape(", ".join(shown.real)),
        escape(", ".join(shown.modelled)),
        "<br>".join(map(escape, shown.why)),
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
