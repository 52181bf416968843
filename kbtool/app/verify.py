"""Is each runbook's evidence still true of the page as it stands?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kbtool.adapters import git
from kbtool.errors import UsageError
from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page
from kbtool.runbook.evidence import evidence_path, problems, read_evidence, verified_on
from kbtool.runbook.last_verified import NAME
from kbtool.runbook.read import is_runbook, read_runbook
from kbtool.runbook.weaker import weakened
from kbtool.workspace import Workspace, open_workspace


@dataclass(frozen=True, slots=True)
class Verified:
    """What is to say of one runbook."""

    path: str
    state: str  # verified, unverified, failed
    date: str | None
    problems: tuple[str, ...]
    weakened: tuple[str, ...]


def verify(paths: Sequence[str], against: str | None) -> list[Verified]:
    """Return the state of every runbook below the paths (or of the whole base).

    Raises:
        UsageError: a path or the revision does not exist.
    """
    workspace = open_workspace(paths)
    if against and not git.knows(workspace.root.path, against):
        raise UsageError(f"git knows no revision {against!r}")
    kb = workspace.load()
    wanted = [workspace.relative(path) for path in paths]
    return [
        _verified(workspace, kb, page, against)
        for path, page in sorted(kb.pages.items())
        if is_runbook(page)
        and kb.kind(page) is not Kind.TEMPLATE
        and (not wanted or any(_under(path, place) for place in wanted))
    ]


def _under(path: str, place: str) -> bool:
    return not place or path == place or path.startswith(f"{place}/")


def _verified(workspace: Workspace, kb: KnowledgeBase, page: Page, against: str | None) -> Verified:
    found = tuple(_problems(workspace, kb, page))
    runbook = read_runbook(page, workspace.digest)
    text = workspace.text(evidence_path(page.path))
    evidence = read_evidence(text) if text else None
    day = verified_on(evidence, runbook) if evidence else None
    weaker = tuple(_weakened(workspace, page, against)) if against else ()
    state = "failed" if found else "verified" if day else "unverified"
    return Verified(page.path, state, day, found, weaker)


def _problems(workspace: Workspace, kb: KnowledgeBase, page: Page) -> Iterator[str]:
    text = workspace.text(evidence_path(page.path))
    claimed = page.head.field(NAME)
    if text is None:
        if claimed:
            yield f"the header says {NAME} {claimed.value}, and there is no evidence"
        return
    evidence = read_evidence(text)
    if evidence is None:
        yield "the evidence file is damaged"
        return
    runbook = read_runbook(page, workspace.digest)
    today = datetime.now(UTC).date()
    for problem in problems(evidence, runbook, today, kb.conventions.evidence_age):
        yield problem.message
    day = verified_on(evidence, runbook)
    if claimed and day and claimed.value != day:
        yield f"the header says {claimed.value}, the evidence {day}"
    elif claimed and not day:
        yield f"the header says {NAME} {claimed.value}, and the evidence does not"


def _weakened(workspace: Workspace, page: Page, against: str) -> Iterator[str]:
    text = git.show(workspace.root.path, against, page.path)
    if text is None:
        return
    old = read_runbook(
        parse_page(page.path, text.replace("\r\n", "\n"), page.marks), workspace.digest
    )
    yield from weakened(old, read_runbook(page, workspace.digest))
