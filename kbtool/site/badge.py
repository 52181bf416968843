"""What a runbook's evidence file says, as a badge: nothing here comes from anywhere else."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kbtool.graph.base import KnowledgeBase
from kbtool.markdown.page import Page
from kbtool.runbook.evidence import (
    Entry,
    Evidence,
    evidence_path,
    not_run,
    problems,
    read_evidence,
    verified_on,
)
from kbtool.runbook.model import Runbook
from kbtool.runbook.read import is_runbook, read_runbook

State = Literal["verified", "old", "stale", "red", "damaged", "none"]


@dataclass(frozen=True, slots=True)
class Badge:
    """The state of a runbook's evidence. `verified` only when every claim still fits the page."""

    state: State
    day: str = ""
    profile: str = ""
    why: tuple[str, ...] = ()
    entries: tuple[tuple[str, str, Entry], ...] = ()  # profile, scenario, last drill
    unrun: tuple[str, ...] = ()  # steps no scenario ran on that profile
    real: tuple[str, ...] = ()
    modelled: tuple[str, ...] = ()


def badge(page: Page, kb: KnowledgeBase) -> Badge | None:
    """Return the badge of a runbook page; None for any other page."""
    if not is_runbook(page):
        return None
    text = kb.facts.text(evidence_path(page.path))
    if text is None:
        return Badge("none")
    evidence = read_evidence(text)
    if evidence is None or not any(evidence.entries.values()):
        return Badge("damaged", why=("the evidence file is damaged",))
    return _judged(evidence, read_runbook(page, kb.facts.digest), kb)


def _judged(evidence: Evidence, runbook: Runbook, kb: KnowledgeBase) -> Badge:
    strongest = max(
        evidence.entries,
        key=lambda name: (bool(evidence.entries[name]), evidence.strength.get(name, 0)),
    )
    mine = evidence.entries[strongest]
    found = list(problems(evidence, runbook, kb.facts.today, kb.conventions.evidence_age))
    day = verified_on(evidence, runbook)
    return Badge(
        _state(mine.values(), [p.message for p in found if p.error], day, old=bool(found)),
        day or max(entry.date for entry in mine.values()),
        strongest,
        tuple(problem.message for problem in found),
        tuple(
            (profile, name, entry)
            for profile, scenarios in sorted(evidence.entries.items())
            for name, entry in sorted(scenarios.items())
        ),
        tuple(not_run(mine, runbook)),
        _parts(mine.values(), real=True),
        _parts(mine.values(), real=False),
    )


def _state(entries: Iterable[Entry], errors: list[str], day: str | None, *, old: bool) -> State:
    if any(entry.verdict != "green" for entry in entries):
        return "red"
    if errors or day is None:
        return "stale"
    return "old" if old else "verified"


def _parts(entries: Iterable[Entry], *, real: bool) -> tuple[str, ...]:
    found = {
        f"{part.get('name', '')} {part.get('version', '')}".strip()
        for entry in entries
        for part in entry.parts
        if bool(part.get("real")) is real
    }
    return tuple(sorted(found))
