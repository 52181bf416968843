"""Drilling a runbook in a sandbox of its own, and writing down what was proven."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kbtool import __version__
from kbtool.adapters import git
from kbtool.app.journals import JournalFile, Listener, new_run_id
from kbtool.app.parity import drift_of
from kbtool.app.run import OutputKeeper, files_of, first_fact
from kbtool.app.runbooks import Opened, profiles_of
from kbtool.app.sandbox import or_another
from kbtool.errors import KbError
from kbtool.runbook.drill import Drill, Mutant, Result, confined, self_healing, unsound, useless
from kbtool.runbook.evidence import (
    Circumstances,
    evidence_path,
    not_run,
    read_evidence,
    recorded,
    verified_on,
    write_evidence,
)
from kbtool.runbook.last_verified import verified_edit
from kbtool.runbook.plan import Plan
from kbtool.runbook.ports import Clock, Description, Fact
from kbtool.sandbox.client import LiveSandbox
from kbtool.sandbox.profile import Profile
from kbtool.sandbox.stage import load_parity
from kbtool.text import apply_edits


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill brought: results, where they are kept, what is still missing."""

    run: str
    results: list[Result]
    evidence: str  # path of the evidence file, "" when nothing was written
    verified: str | None  # the page's Last Verified
    unrun: list[str]
    kept: str  # name of the sandbox that was kept, "" when it is gone


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for."""

    keep: bool = False
    record: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What the sandbox said of itself, and how its profile differs from production."""

    description: Description
    drift: tuple[str, ...]
    strength: int


def drill(
    opened: Opened,
    plan: Plan,
    profile: Profile,
    clock: Clock,
    wishes: Wishes,
    listener: Listener,
    progress: Callable[[str], None],
) -> Drilled:
    """Drill the plan's scenarios; write evidence and `Last Verified`.

    The sandbox is removed when all ended green, else kept and named.

    Raises:
        KbError: the boundary does not hold, or the sandbox failed.
    """
    manifest = load_parity(profiles_of(opened))
    with or_another(profiles_of(opened)):
        sandbox = LiveSandbox.fresh(profile, progress=progress)
    journal = JournalFile(new_run_id(), listener)
    keep = wishes.keep
    try:
        with journal.cut_short():
            description = _begun(opened, plan, sandbox, journal, "drill")
            results = _drill(opened, plan, sandbox, clock, journal).all()
            keep = keep or any(result.verdict != "green" for result in results)
            told = Told(description, drift_of(manifest, profile, description), profile.strength)
            written = _write(opened, plan, told, results, journal, always=wishes.record)
    except (KbError, KeyboardInterrupt):
        keep = False
        raise
    finally:
        kept = _leave(sandbox, keep=keep)
        journal.close()
    evidence, verified, unrun = written
    return Drilled(journal.run, results, evidence, verified, unrun, kept)


def _leave(sandbox: LiveSandbox, *, keep: bool) -> str:
    """Remove the sandbox, or let it outlive us; return its name when it stays."""
    if keep:
        with contextlib.suppress(KbError):
            sandbox.adopt()
            return sandbox.name
    sandbox.remove()
    return ""


def _begun(
    opened: Opened, plan: Plan, sandbox: LiveSandbox, journal: JournalFile, mode: str
) -> Description:
    """Record the first fact; return what the sandbox says of itself, once it is confined."""
    description = sandbox.describe()
    journal.record(first_fact(opened, plan, description, journal.run, mode, sandbox.name))
    confined(description)
    return description


def _drill(
    opened: Opened, plan: Plan, sandbox: LiveSandbox, clock: Clock, journal: JournalFile
) -> Drill:
    keeper = OutputKeeper(journal, {})
    return Drill(plan, sandbox, clock, keeper.record, files_of(opened, plan), keeper.outputs)


def _write(
    opened: Opened,
    plan: Plan,
    told: Told,
    results: list[Result],
    journal: JournalFile,
    *,
    always: bool,
) -> tuple[str, str | None, list[str]]:
    """Write evidence and `Last Verified`; return (evidence path, date, steps never run)."""
    path = evidence_path(plan.runbook.path)
    text = opened.workspace.text(path)
    what = Circumstances(
        today=datetime.now(UTC).date(),
        commit=git.head(opened.workspace.root.path),
        kbtool=__version__,
        journal=journal.last,
        strength=told.strength,
        max_age=opened.kb.conventions.evidence_age,
        drift=told.drift,
    )
    old = read_evidence(text) if text else None
    evidence = recorded(old, plan, told.description, results, what, always=always)
    day = verified_on(evidence, plan.runbook)
    texts = {path: write_evidence(evidence)}
    edit = verified_edit(opened.page, day)
    if edit:
        texts[opened.page.path] = apply_edits(opened.page.text, [edit])
    changed = {name: new for name, new in texts.items() if opened.workspace.text(name) != new}
    if changed:
        opened.workspace.write(changed)
    return path, day, not_run(evidence.entries[plan.profile], plan.runbook)


@dataclass(frozen=True, slots=True)
class Mutated:
    """What leaving steps out showed."""

    run: str
    mutants: list[Mutant]
    useless: tuple[str, ...]
    healing: tuple[str, ...]
    unsound: tuple[str, ...]


def mutate(
    opened: Opened,
    plan: Plan,
    profile: Profile,
    clock: Clock,
    listener: Listener,
    progress: Callable[[str], None],
    told: Callable[[Mutant], None],
) -> Mutated:
    """Leave out no step, all steps, then each in turn; no evidence is written.

    Raises:
        KbError: the boundary does not hold, or the sandbox failed.
    """
    with or_another(profiles_of(opened)):
        sandbox = LiveSandbox.fresh(profile, progress=progress)
    journal = JournalFile(new_run_id(), listener)
    try:
        with journal.cut_short():
            _begun(opened, plan, sandbox, journal, "mutate")
            found = _drill(opened, plan, sandbox, clock, journal).mutants(told)
            steps = plan.steps
            verdicts = useless(steps, found), self_healing(steps, found), unsound(found)
            mutated = Mutated(journal.run, found, *verdicts)
            journal.record(_ended(mutated))
    finally:
        sandbox.remove()
        journal.close()
    return mutated


def _ended(mutated: Mutated) -> Fact:
    """Say of the whole run what its last mutant does not: whether each step is needed."""
    lists = (
        ("not needed", mutated.useless),
        ("heals itself", mutated.healing),
        ("red with every step", mutated.unsound),
    )
    reason = "; ".join(f"{words}: {', '.join(names)}" for words, names in lists if names)
    return {"kind": "ended", "verdict": "red" if reason else "green", "reason": reason}
