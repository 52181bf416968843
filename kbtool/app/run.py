"""Running a runbook in a sandbox, people at their steps; resuming it."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from kbtool import __version__
from kbtool.adapters import git
from kbtool.app.journals import JournalFile
from kbtool.app.runbooks import Opened
from kbtool.errors import PlanError
from kbtool.runbook.checks import Checker
from kbtool.runbook.digest import runbook_digest, step_digests
from kbtool.runbook.drill import confined
from kbtool.runbook.execute import Execution, Outcome, uses_files
from kbtool.runbook.journal import RunState, fold
from kbtool.runbook.model import Json
from kbtool.runbook.plan import Plan
from kbtool.runbook.ports import Clock, Description, Fact, People
from kbtool.sandbox.client import LiveSandbox


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and where its journal is."""

    run: str
    outcome: Outcome
    accepted: bool


def first_fact(
    opened: Opened, plan: Plan, description: Description, run: str, mode: str, name: str
) -> Fact:
    """Return the fact that opens a journal: what runs, where, on what."""
    parts: list[Json] = [
        {"name": p.name, "version": p.version, "real": p.real} for p in description.parts
    ]
    layers: list[Json] = [dict(asdict(layer)) for layer in description.layers]
    return {
        "kind": "run",
        "run": run,
        "mode": mode,
        "runbook": plan.runbook.path,
        "digest": runbook_digest(plan.runbook),
        "plan": plan.digest,
        "profile": plan.profile,
        "sandbox": description.sandbox,
        "name": name,
        "environment": description.environment,
        "kbtool": __version__,
        "commit": git.head(opened.workspace.root.path),
        "inputs": dict(plan.inputs),
        "examples": list(plan.examples),
        "steps": dict(step_digests(plan.runbook)),
        "nonce": secrets.token_hex(16),
        "parts": parts,
        "layers": layers,
        "boundary": description.boundary,
    }


def files_of(opened: Opened, plan: Plan) -> Mapping[str, bytes]:
    """Return the bytes of the plan's Uses files.

    Raises:
        PlanError: one was changed meanwhile.
    """
    return uses_files(plan, {path: opened.workspace.raw(path) for path in plan.runbook.uses})


class OutputKeeper:
    """Writes the outputs of steps beside the journal as soon as they are recorded."""

    def __init__(self, journal: JournalFile, outputs: dict[str, str]) -> None:
        self.journal = journal
        self.outputs = outputs

    def record(self, fact: Fact) -> None:
        """Record a fact, and keep the output it speaks of."""
        if fact["kind"] == "ran" and fact["output"]:
            self.journal.keep_output(str(fact["output"]), self.outputs[str(fact["step"])])
        self.journal.record(fact)


def run(
    opened: Opened,
    plan: Plan,
    sandbox: LiveSandbox,
    people: Callable[[str], People],
    clock: Clock,
    journal: JournalFile,
) -> Ended:
    """Run the steps, then see whether what was wanted is there.

    Raises:
        KbError: the sandbox failed, or a person is waited for.
    """
    state = fold(journal.facts)
    description = sandbox.describe()
    if state.run:
        _same(state, plan, description)
    else:
        journal.record(first_fact(opened, plan, description, journal.run, "run", sandbox.name))
    confined(description)
    outputs: dict[str, str] = {}
    keeper = OutputKeeper(journal, outputs)
    execution = Execution(
        plan,
        sandbox,
        clock,
        people(journal.run),
        keeper.record,
        files_of(opened, plan),
        outputs,
        state=state,
    )
    with journal.cut_short():
        outcome, accepted = _walk(execution, plan)
    verdict = "green" if accepted else "red"
    journal.record({"kind": "ended", "verdict": verdict, "reason": outcome.reason})
    return Ended(journal.run, outcome, accepted)


def _walk(execution: Execution, plan: Plan) -> tuple[Outcome, bool]:
    checker = Checker(execution.sandbox, execution.clock, execution.record)
    if not execution.state.run:
        for expectation in plan.runbook.guards.before:
            verdict = checker.until_green(expectation, plan.inputs, "before")
            if verdict.color != "green":
                reason = f"Before: {expectation.source}: {verdict.seen}"
                return Outcome("red", reason, (), ()), False
    outcome = execution.run()
    if outcome.verdict == "red":
        return outcome, False
    for expectation in plan.runbook.guards.accept:
        verdict = checker.until_green(expectation, plan.inputs, "accept")
        if verdict.color != "green":
            reason = f"Accept: {expectation.source}: {verdict.seen}"
            return Outcome("red", reason, outcome.ran, outcome.skipped), False
    return outcome, True


def _same(state: RunState, plan: Plan, description: Description) -> None:
    """Check that what is resumed is what was begun."""
    if state.run["plan"] != plan.digest:
        raise PlanError("the runbook or its inputs changed since this run began", "start a new run")
    if state.run["sandbox"] != description.sandbox:
        raise PlanError("the sandbox of this run is gone", "start a new run")
    if state.verdict in ("green", "red"):
        raise PlanError(f"this run has ended: {state.verdict}", "start a new run")
