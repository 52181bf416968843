"""The drill: healthy, broken for real, red, walked back to green; and the mutants that prove it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kbtool.errors import BoundaryError
from kbtool.runbook.checks import Checker
from kbtool.runbook.execute import Execution, Outcome
from kbtool.runbook.model import Expectation, Scenario, Step
from kbtool.runbook.plan import Plan
from kbtool.runbook.ports import Answer, Clock, Description, Fact, Question, Record, Sandbox

RED_WITHIN: Final = 30.0
# How long a mutant waits for a check: so many times what it took with every step in place, and at
# least so many seconds. A check that is never green would be waited for to its end every time.
_TIMES: Final = 10
_LEAST: Final = 20.0
Drilled = Literal["green", "red", "not-healthy", "fault-not-seen", "not-broken"]


@dataclass(frozen=True, slots=True)
class Result:
    """How one scenario ended."""

    scenario: str
    verdict: Drilled
    reason: str
    red: tuple[str, ...] = ()  # the Accepts that turned red after the faults
    outcome: Outcome = Outcome("red", "", (), ())
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """A drill with steps left out, which must not end green."""

    scenario: str
    without: tuple[str, ...]  # all steps: the null drill; none: the control, which must end green
    result: Result

    @property
    def caught(self) -> bool:
        """Whether leaving the steps out was noticed."""
        return self.result.verdict == "red"


class NobodyToAsk:
    """In a drill stand-ins act; nobody is asked."""

    def ask(self, question: Question) -> Answer:
        """Refuse: the drill has no person."""
        return Answer(done=False, evidence={}, channel="flag")


@dataclass(slots=True)
class Drill:
    """Drills one plan in one sandbox, which is reset between scenarios and mutants."""

    plan: Plan
    sandbox: Sandbox
    clock: Clock
    record: Record
    files: Mapping[str, bytes]
    outputs: dict[str, str]
    fresh: bool = True
    patience: dict[str, float] = field(default_factory=dict)  # check → seconds, for mutants

    def all(self) -> list[Result]:
        """Drill every scenario of the plan."""
        return [self.scenario(scenario) for scenario in self.plan.scenarios]

    def scenario(self, scenario: Scenario, without: Sequence[str] = ()) -> Result:
        """Drill one scenario, with some steps left out."""
        if not self.fresh:
            self.sandbox.reset()
        self.fresh = False
        self.record(
            {
                "kind": "scenario",
                "scenario": scenario.name,
                "faults": list(scenario.faults),
                "without": list(without),
            }
        )
        began = self.clock.monotonic()
        result = self._drilled(scenario, frozenset(without))
        seconds = self.clock.monotonic() - began
        done = Result(
            scenario.name, result.verdict, result.reason, result.red, result.outcome, seconds
        )
        self.record({"kind": "ended", "verdict": done.verdict, "reason": done.reason})
        return done

    def _drilled(self, scenario: Scenario, without: frozenset[str]) -> Result:
        checker = Checker(self.sandbox, self.clock, self.record, patience=self.patience)
        guards = self.plan.runbook.guards
        name = scenario.name
        if problem := self._first_not_green(checker, guards.accept, "healthy"):
            return Result(name, "not-healthy", f"before anything was broken: {problem}")
        self._phase("break")
        for fault in scenario.faults:
            seen = self.sandbox.inject(fault)
            self.record({"kind": "fault", "fault": fault, "seen": seen.seen, "detail": seen.detail})
            if not seen.seen:
                reason = f"{fault} was injected, but its own observation shows: {seen.detail}"
                return Result(name, "fault-not-seen", reason)
        red = checker.first_red(guards.accept, self.plan.inputs, RED_WITHIN)
        if not red:
            reason = f"no Accept turned red within {RED_WITHIN:.0f} s: they do not see this fault"
            return Result(name, "not-broken", reason)
        if problem := self._first_not_green(checker, guards.before, "before"):
            return Result(name, "red", f"Before: {problem}", red)
        self._phase("steps")
        outcome = self._steps(without)
        if outcome.verdict == "red":
            return Result(name, "red", outcome.reason, red, outcome)
        self._phase("accept")
        if problem := self._first_not_green(checker, guards.accept, "accept"):
            return Result(name, "red", f"Accept: {problem}", red, outcome)
        return Result(name, "green", "", red, outcome)

    def _steps(self, without: frozenset[str]) -> Outcome:
        return Execution(
            self.plan,
            self.sandbox,
            self.clock,
            NobodyToAsk(),
            self.record,
            self.files,
            self.outputs,
            drill=True,
            without=without,
            patience=self.patience,
        ).run()

    def _first_not_green(
        self, checker: Checker, expectations: Sequence[Expectation], where: str
    ) -> str:
        if where != "accept" and expectations:
            self._phase(where)
        for expectation in expectations:
            verdict = checker.until_green(expectation, self.plan.inputs, where)
            if verdict.color != "green":
                return f"{expectation.source}: {verdict.seen}"
        return ""

    def _phase(self, name: str) -> None:
        self.record({"kind": "phase", "phase": name})

    # ------------------------------------------------------------------ mutants
    def mutants(self, told: Callable[[Mutant], None]) -> list[Mutant]:
        """Leave out no step, then all, then each in turn, in every scenario.

        The first is the control: where it is not green, the others would prove nothing, and are
        left.
        """
        found: list[Mutant] = []
        for scenario in self.plan.scenarios:
            every = tuple(step.id for step in self.plan.steps)
            for without in dict.fromkeys(((), every, *((step,) for step in every))):
                result = self._mutant(scenario, without)
                found.append(Mutant(scenario.name, without, result))
                told(found[-1])
                if not without and result.verdict != "green":
                    break
        return found

    def _mutant(self, scenario: Scenario, without: tuple[str, ...]) -> Result:
        if without:
            return self.scenario(scenario, without)
        self.patience.clear()
        took: dict[str, float] = {}
        record = self.record

        def watching(fact: Fact) -> None:
            if fact["kind"] == "check":
                source, seconds = str(fact["source"]), float(str(fact["seconds"]))
                took[source] = max(seconds, took.get(source, 0.0))
            record(fact)

        self.record = watching
        try:
            return self.scenario(scenario)
        finally:
            self.record = record
            self.patience.update({s: max(_LEAST, _TIMES * t) for s, t in took.items()})


def useless(steps: Sequence[Step], mutants: Sequence[Mutant]) -> tuple[str, ...]:
    """Return the steps that no scenario needs: every drill without them stayed green."""
    needed = {m.without[0] for m in mutants if len(m.without) == 1 and m.caught}
    return tuple(step.id for step in steps if step.id not in needed)


def unsound(mutants: Sequence[Mutant]) -> tuple[str, ...]:
    """Return the scenarios whose control was not green: nothing was shown in them."""
    controls = (m for m in mutants if not m.without)
    return tuple(m.scenario for m in controls if m.result.verdict != "green")


def self_healing(steps: Sequence[Step], mutants: Sequence[Mutant]) -> tuple[str, ...]:
    """Return the scenarios that turn green by themselves: they prove nothing."""
    count = len(steps)
    return tuple(m.scenario for m in mutants if len(m.without) == count and not m.caught)


def confined(description: Description) -> None:
    """Check that every layer of the boundary was measured and held.

    Raises:
        BoundaryError: one did not; nothing may be executed.
    """
    broken = [layer for layer in description.layers if not layer.held]
    if broken or not description.layers:
        names = (
            "; ".join(f"{layer.name} ({layer.detail})" for layer in broken) or "nothing measured"
        )
        raise BoundaryError(f"the boundary does not hold: {names}", "kbtool sandbox doctor")
