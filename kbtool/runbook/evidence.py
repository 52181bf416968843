"""`<runbook>.evidence.json`: the last drill of each profile and scenario, green or red.

Badge, report and `Last Verified` come from this file alone. It claims; `kbtool verify` checks.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

from kbtool.runbook.digest import runbook_digest, step_digests
from kbtool.runbook.drill import Result
from kbtool.runbook.execute import unrun
from kbtool.runbook.model import Runbook
from kbtool.runbook.plan import Plan
from kbtool.runbook.ports import Description

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One scenario's last drill on one profile."""

    verdict: str
    reason: str
    date: str  # ISO, UTC
    digest: str  # of the runbook
    steps: Mapping[str, str]  # id → digest
    ran: Sequence[str]
    skipped: Sequence[str]
    stand_ins: Mapping[str, str]  # step → same text, other text, none
    turned_red: Sequence[str]  # the Accepts that saw the fault
    seconds: int
    commit: str
    kbtool: str
    environment: str
    parts: Sequence[Mapping[str, Any]]
    layers: Sequence[Mapping[str, Any]]
    journal: str  # last hash of the run's journal
    drift: Sequence[str] = field(default_factory=list)  # differences from production, and why
    boundary: str = ""  # why it is weak; such an entry verifies nothing


@dataclass(frozen=True, slots=True)
class Evidence:
    """All entries of one runbook: profile → strength, and scenario → entry."""

    runbook: str
    strength: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)


def evidence_path(runbook: str) -> str:
    """Return where the evidence of the page at `runbook` stands."""
    return runbook.removesuffix(".md") + ".evidence.json"


def read_evidence(text: str) -> Evidence | None:
    """Return the evidence written in `text`; None where it is damaged or of another version."""
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            return None
        entries = {
            profile: {name: Entry(**entry) for name, entry in part["scenarios"].items()}
            for profile, part in data["profiles"].items()
        }
        strength = {profile: int(part["strength"]) for profile, part in data["profiles"].items()}
        return Evidence(data["runbook"], strength, entries)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_evidence(evidence: Evidence) -> str:
    """Return the text of the evidence file: stable order, one newline at the end."""
    profiles = {
        profile: {
            "strength": evidence.strength[profile],
            "scenarios": {name: _json(entry) for name, entry in sorted(scenarios.items())},
        }
        for profile, scenarios in sorted(evidence.entries.items())
    }
    data = {"version": VERSION, "runbook": evidence.runbook, "profiles": profiles}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _json(entry: Entry) -> dict[str, Any]:
    data = asdict(entry)
    return data if entry.boundary else {k: v for k, v in data.items() if k != "boundary"}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an entry says beside the result."""

    today: date
    commit: str
    kbtool: str
    journal: str
    strength: int
    max_age: int  # days
    drift: tuple[str, ...] = ()


def recorded(
    old: Evidence | None,
    plan: Plan,
    description: Description,
    results: Sequence[Result],
    what: Circumstances,
    *,
    always: bool,
) -> Evidence:
    """Return the evidence with the results in it.

    An entry is replaced when digest, verdict or environment changed, when it is past half its
    age, or `always`: a repeated drill leaves no noise in the history.
    """
    entries = {
        profile: dict(scenarios) for profile, scenarios in (old.entries if old else {}).items()
    }
    mine = entries.setdefault(plan.profile, {})
    current = {scenario.name for scenario in plan.runbook.guards.scenarios}
    for name in set(mine) - current:
        del mine[name]
    for result in results:
        new = _entry(plan, description, result, what)
        before = mine.get(result.scenario)
        if always or before is None or _changed(before, new, what):
            mine[result.scenario] = new
    strength = {**(old.strength if old else {}), plan.profile: what.strength}
    return Evidence(plan.runbook.path, strength, entries)


def _changed(old: Entry, new: Entry, what: Circumstances) -> bool:
    same = (old.digest, old.verdict, old.environment) == (new.digest, new.verdict, new.environment)
    return not same or _age(old, what.today) > what.max_age // 2


def _age(entry: Entry, today: date) -> int:
    try:
        return (today - date.fromisoformat(entry.date)).days
    except ValueError:
        return 10**6


def _entry(plan: Plan, description: Description, result: Result, what: Circumstances) -> Entry:
    humans = [step for step in plan.steps if step.tag == "HUMAN" and step.id in result.outcome.ran]
    return Entry(
        verdict=result.verdict,
        reason=result.reason,
        date=what.today.isoformat(),
        digest=runbook_digest(plan.runbook),
        steps=step_digests(plan.runbook),
        ran=list(result.outcome.ran),
        skipped=list(result.outcome.skipped),
        stand_ins={s.id: s.stand_in.how if s.stand_in else "none" for s in humans},
        turned_red=list(result.red),
        seconds=round(result.seconds),
        commit=what.commit,
        kbtool=what.kbtool,
        environment=description.environment,
        parts=[asdict(part) for part in description.parts],
        layers=[{"name": layer.name, "held": layer.held} for layer in description.layers],
        journal=what.journal,
        drift=list(what.drift),
        boundary=description.boundary,
    )


# ---------------------------------------------------------------------- judging evidence
@dataclass(frozen=True, slots=True)
class Problem:
    """Why evidence does not hold; `error` is False for what only grows old."""

    message: str
    error: bool = True


def problems(evidence: Evidence, runbook: Runbook, today: date, max_age: int) -> Iterator[Problem]:
    """Yield everything that keeps the evidence from verifying the runbook as it stands."""
    scenarios = [scenario.name for scenario in runbook.guards.scenarios]
    for profile, entries in evidence.entries.items():
        for name in scenarios:
            entry = entries.get(name)
            if entry is None:
                yield Problem(f"{profile}: scenario {name} was never drilled")
            else:
                yield from _entry_problems(profile, name, entry, runbook, today, max_age)
        for step in not_run(entries, runbook):
            yield Problem(f"{profile}: {step} was run by no scenario")


def not_run(entries: Mapping[str, Entry], runbook: Runbook) -> list[str]:
    """Return the steps that no entry ran."""
    ran = {step for entry in entries.values() for step in entry.ran}
    return [step.id for step in runbook.steps if step.id not in ran]


def _entry_problems(
    profile: str, name: str, entry: Entry, runbook: Runbook, today: date, max_age: int
) -> Iterator[Problem]:
    where = f"{profile}, {name}"
    if entry.digest != runbook_digest(runbook):
        yield Problem(f"{where}: stale, changed since: {', '.join(_changes(entry, runbook))}")
    if entry.verdict != "green":
        yield Problem(f"{where}: {entry.verdict}: {entry.reason}")
    broken = [layer["name"] for layer in entry.layers if not layer["held"]]
    if broken or not entry.layers:
        yield Problem(f"{where}: unconfined: {', '.join(broken) or 'nothing was measured'}")
    age = _age(entry, today)
    if age > max_age:
        yield Problem(f"{where}: {age} days old, at most {max_age} count", error=False)


def _changes(entry: Entry, runbook: Runbook) -> list[str]:
    now = step_digests(runbook)
    changed = [step for step, digest in now.items() if entry.steps.get(step) != digest]
    gone = [step for step in entry.steps if step not in now]
    return [*changed, *(f"{step} (gone)" for step in gone)] or ["Guards, or the order of steps"]


def verified_on(evidence: Evidence, runbook: Runbook) -> str | None:
    """Return the date for `Last Verified`: the oldest entry of the strongest green profile."""
    for profile in sorted(evidence.entries, key=lambda name: -evidence.strength.get(name, 0)):
        entries = evidence.entries[profile]
        wanted = {scenario.name for scenario in runbook.guards.scenarios}
        mine = [entry for name, entry in entries.items() if name in wanted]
        if len(mine) == len(wanted) and all(_good(entry, runbook) for entry in mine):
            if not not_run(entries, runbook):
                return min(entry.date for entry in mine)
        elif any(e.verdict != "green" and e.digest == runbook_digest(runbook) for e in mine):
            return None
    return None


def _good(entry: Entry, runbook: Runbook) -> bool:
    held = bool(entry.layers) and all(layer["held"] for layer in entry.layers)
    held = held and not entry.boundary
    return entry.verdict == "green" and entry.digest == runbook_digest(runbook) and held


__all__ = [
    "Circumstances",
    "Entry",
    "Evidence",
    "Problem",
    "evidence_path",
    "not_run",
    "problems",
    "read_evidence",
    "recorded",
    "unrun",
    "verified_on",
    "write_evidence",
]
