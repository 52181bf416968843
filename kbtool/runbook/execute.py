"""Plan × sandbox → facts. Undo runs in reverse on failure, Ctrl-C and a server's death."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Literal

from kbtool.errors import PlanError, SandboxError, WaitingForPerson
from kbtool.pattern import captured
from kbtool.runbook.checks import Checker
from kbtool.runbook.invariants import Invariants, Violated
from kbtool.runbook.journal import RunState
from kbtool.runbook.judge import holds, judge_output
from kbtool.runbook.model import Capture, ExitCheck, Json, StdoutCheck, Step
from kbtool.runbook.names import substitute
from kbtool.runbook.plan import Plan
from kbtool.runbook.ports import (
    Action,
    Answer,
    Clock,
    Completed,
    People,
    Question,
    Record,
    Running,
    Sandbox,
)

CAPTURE_MAX: Final = 4096  # bytes
UNDO_TIMEOUT: Final = 300.0
_POLL: Final = 0.02
_EXIT_OK: Final = ExitCheck(0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the steps ended."""

    verdict: Literal["green", "red"]
    reason: str
    ran: tuple[str, ...]
    skipped: tuple[str, ...]


class StepFailed(Exception):
    """A step is red; the text says why."""


@dataclass(slots=True)
class Execution:
    """One walk through the steps of a plan.

    `drill` lets stand-ins act for people. `without` are steps left out on purpose: they count as
    done, so that what proves them needed is their effect, not their place in `Needs`.
    """

    plan: Plan
    sandbox: Sandbox
    clock: Clock
    people: People
    record: Record
    files: Mapping[str, bytes]
    outputs: dict[str, str]
    drill: bool = False
    without: frozenset[str] = frozenset()
    patience: Mapping[str, float] = field(default_factory=dict)  # see Checker
    state: RunState = field(default_factory=RunState)
    _checker: Checker = field(init=False)

    def run(self) -> Outcome:
        """Run the steps in order.

        Raises:
            SandboxError: identity, confinement, or a server of the sandbox failed.
            WaitingForPerson: a person must act, and nobody can be asked here.
        """
        invariants = Invariants(
            self.plan.runbook.guards.always, self.plan.steps, self.sandbox, self.clock, self.record
        )
        self._checker = Checker(
            self.sandbox, self.clock, self.record, invariants.look, self.patience
        )
        values = {**self.plan.inputs, **self.state.values}
        ran: list[str] = []
        skipped: list[str] = []
        with ExitStack() as undos:
            for step in self.plan.steps:
                try:
                    if step.id not in self.without:
                        invariants.enter(step, values)
                    did = self._step(step, values, undos)
                    if did:
                        invariants.leave()
                except (StepFailed, Violated) as failure:
                    self.record({"kind": "red", "step": step.id, "reason": str(failure)})
                    reason = f"{step.id}: {failure}"
                    return Outcome("red", reason, (*ran, step.id), tuple(skipped))
                except WaitingForPerson:
                    undos.pop_all()  # the run goes on later: nothing is taken back
                    raise
                (ran if did else skipped).append(step.id)
            undos.pop_all()
        return Outcome("green", "", tuple(ran), tuple(skipped))

    # ------------------------------------------------------------------ one step
    def _step(self, step: Step, values: dict[str, str], undos: ExitStack) -> bool:
        """Do one step; return whether it ran. What is done already is only checked again."""
        if step.id in self.without:
            self.record({"kind": "skipped", "step": step.id, "reason": "left out"})
            return False
        if step.id in self.state.skipped:
            return False
        if step.id in self.state.green:
            self._again(step, values)
            return True
        if not self._wanted(step, values):
            return False
        for command in step.undo:
            undos.callback(self._undo, step, command, values)
        answer = self._resolved(step)
        if answer is None:
            self._act(step, values)
        else:
            self._checks(step, values)
        self.record({"kind": "green", "step": step.id})
        return True

    def _wanted(self, step: Step, values: Mapping[str, str]) -> bool:
        when = step.when
        if when is None:
            return True
        if when.name not in values:
            raise StepFailed(f"${when.name} of its When was captured by no step")
        if holds(when.op, values[when.name], substitute(when.value, values)):
            return True
        reason = f"${when.name} is {values[when.name]}"
        self.record({"kind": "skipped", "step": step.id, "reason": reason})
        return False

    def _resolved(self, step: Step) -> "Mapping[str, object] | None":
        """Return the answer that already settles the step, or None when it must be done.

        Raises:
            WaitingForPerson: it was begun and not finished, and may not simply be done again.
        """
        answer = self.state.answers.get(step.id)
        if answer is not None:
            return None if answer.get("again") else answer
        if self.state.open_step != step.id or step.repeat_safe or step.tag == "HUMAN":
            return None
        raise WaitingForPerson(
            f"{step.id} was started and not finished, and is not `Repeat: safe`",
            f"look, then: kbtool runs answer {self.state.run.get('run', 'RUN')} {step.id} "
            "--done, or --again to run it once more",
        )

    def _again(self, step: Step, values: Mapping[str, str]) -> None:
        """Check a finished step once more: the world may have changed while the run rested."""
        for expectation in step.expects:
            if isinstance(expectation.check, ExitCheck | StdoutCheck):
                continue
            verdict = self._checker.until_green(expectation, values, step.id)
            if verdict.color != "green":
                raise StepFailed(
                    f"was green, is not any more: {expectation.source}: {verdict.seen}"
                )

    # ------------------------------------------------------------------ acting
    def _act(self, step: Step, values: dict[str, str]) -> None:
        how = self._how(step)
        started = {"step": step.id, "tag": step.tag, "title": step.title, "how": how}
        self.record({"kind": "started", **started})
        if how == "person":
            self._ask(step)
            self._checks(step, values)
        elif how == "none":
            self._checks(step, values)
        else:
            running = self.sandbox.start(self._action(step, values))
            try:
                done = self._await(running)
                self._ran(step, done)
                self._output_checks(step, done, values)
                self._capture(step, done, running, values)
                self._checks(step, values)
            finally:
                running.kill()

    def _how(self, step: Step) -> str:
        if step.tag == "AGENT":
            return "agent"
        if not self.drill:
            return "person"
        return step.stand_in.how if step.stand_in else "none"

    def _action(self, step: Step, values: Mapping[str, str]) -> Action:
        script, shell = step.block or "", step.shell
        types: tuple[str, ...] = ()
        if step.tag == "HUMAN" and step.stand_in:
            types = step.stand_in.types
            if step.stand_in.script is not None:
                script, shell = step.stand_in.script, step.stand_in.shell
        files = {path: self.files[path] for path in step.uses}
        return Action(
            step=step.id,
            shell=shell,
            script=script,
            on=step.on,
            timeout=step.timeout,
            env=dict(values),
            secrets=step.secrets,
            files=files,
            types=types,
        )

    def _await(self, running: Running) -> Completed:
        while (done := running.poll()) is None:
            self._checker.watch()
            self.clock.sleep(_POLL)
        return done

    def _ran(self, step: Step, done: Completed) -> None:
        self.outputs[step.id] = done.stdout + done.stderr
        # The output of a step that holds a secret is not kept: masking is no proof.
        holds_secret = bool(step.secrets or (step.stand_in and step.stand_in.types))
        kept = "" if holds_secret else f"{step.id}.txt"
        self.record(
            {
                "kind": "ran",
                "step": step.id,
                "exit": done.exit,
                "timed_out": done.timed_out,
                "seconds": done.seconds,
                "truncated": done.truncated,
                "leaked": list(done.leaked),
                "output": kept,
            }
        )
        if done.leaked:
            raise StepFailed(f"its output showed secret {', '.join(done.leaked)}")
        if done.timed_out:
            raise StepFailed(f"no end within {step.timeout:.0f} s")

    def _ask(self, step: Step) -> None:
        wanted: list[Json] = list(step.evidence)
        self.record({"kind": "asked", "step": step.id, "who": step.who or "", "evidence": wanted})
        answer: Answer = self.people.ask(
            Question(step.id, step.title, step.who or "", step.block, step.prose, step.evidence)
        )
        missing = [name for name in step.evidence if not answer.evidence.get(name)]
        self.record(
            {
                "kind": "answered",
                "step": step.id,
                "evidence": dict(answer.evidence),
                "channel": answer.channel,
                "again": False,
            }
        )
        if not answer.done:
            raise StepFailed("the person did not do it")
        if missing:
            raise StepFailed(f"evidence is missing: {', '.join(missing)}")

    # ------------------------------------------------------------------ checking
    def _checks(self, step: Step, values: Mapping[str, str]) -> None:
        """Judge the world; what the step itself captured may be named."""
        for expectation in step.expects:
            if isinstance(expectation.check, ExitCheck | StdoutCheck):
                continue
            verdict = self._checker.until_green(expectation, values, step.id)
            if verdict.color != "green":
                raise StepFailed(f"{expectation.source}: {verdict.seen}")

    def _output_checks(self, step: Step, done: Completed, values: Mapping[str, str]) -> None:
        own = [e.check for e in step.expects if isinstance(e.check, ExitCheck | StdoutCheck)]
        if not any(isinstance(check, ExitCheck) for check in own):
            own.insert(0, _EXIT_OK)
        for check in own:
            verdict = judge_output(check, done, values)
            if verdict.color != "green":
                last = _last_line(done.stderr) or _last_line(done.stdout)
                raise StepFailed(f"{verdict.seen}; {last}" if last else verdict.seen)

    def _capture(
        self, step: Step, done: Completed, running: Running, values: dict[str, str]
    ) -> None:
        for capture in step.captures:
            if capture.secret:
                if not running.keep_secret(capture.name, capture.pattern):
                    raise StepFailed(f"nothing to capture for secret {capture.name}")
                self.record({"kind": "secret", "step": step.id, "name": capture.name})
            else:
                values[capture.name] = self._captured(capture, done)
                told = {"step": step.id, "name": capture.name, "value": values[capture.name]}
                self.record({"kind": "captured", **told})

    def _captured(self, capture: Capture, done: Completed) -> str:
        value = captured(capture.pattern, done.stdout)
        if value is None:
            raise StepFailed(f"nothing to capture for {capture.name}: /{capture.pattern}/")
        if len(value.encode()) > CAPTURE_MAX:
            raise StepFailed(f"{capture.name} would be longer than {CAPTURE_MAX} bytes")
        return value

    # ------------------------------------------------------------------ undo
    def _undo(self, step: Step, command: str, values: Mapping[str, str]) -> None:
        """Take a step back, as well as it goes: a failing undo does not stop the others."""
        try:
            action = Action(
                step=step.id,
                shell=step.shell,
                script=command,
                on=step.on,
                timeout=UNDO_TIMEOUT,
                env=dict(values),
                secrets=step.secrets,
            )
            running = self.sandbox.start(action)
            try:
                while (done := running.poll()) is None:
                    self.clock.sleep(_POLL)
            finally:
                running.kill()
            code, seconds = done.exit, done.seconds
        except SandboxError:
            code, seconds = -1, 0.0
        self.record({"kind": "undo", "step": step.id, "exit": code, "seconds": seconds})


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else ""


def uses_files(plan: Plan, read: "Mapping[str, bytes | None]") -> dict[str, bytes]:
    """Return the bytes of every Uses file, which must still be the digested ones.

    Raises:
        PlanError: one is gone or was changed since the plan was made.
    """
    from hashlib import sha256

    found: dict[str, bytes] = {}
    for path, digest in plan.runbook.uses.items():
        data = read.get(path)
        if data is None or sha256(data).hexdigest() != digest:
            raise PlanError(f"{path} was changed while the plan was made", "run it again")
        found[path] = data
    return found


def unrun(plan: Plan, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the steps that no outcome ran."""
    ran = {step for outcome in outcomes for step in outcome.ran}
    return tuple(step.id for step in plan.steps if step.id not in ran)
