"""`Always … from Sn until Sm`: watched from the beginning of Sn until the beginning of Sm."""

from collections.abc import Mapping, Sequence
from typing import Final

from kbtool.runbook.judge import Verdict, judge, query_of
from kbtool.runbook.model import ExitCheck, Invariant, StdoutCheck, Step
from kbtool.runbook.ports import Clock, Record, Sandbox

EVERY: Final = 0.5  # seconds between two looks
BLIND: Final = 10.0  # seconds an invariant may go unseen
_ONE_LOOK: Final = 5.0


class Violated(Exception):
    """What must always hold did not, or could not be seen; the text says which and what."""


class Invariants:
    """Watches what must hold now."""

    def __init__(
        self,
        always: Sequence[Invariant],
        steps: Sequence[Step],
        sandbox: Sandbox,
        clock: Clock,
        record: Record,
    ) -> None:
        self._always = always
        self._order = {step.id: number for number, step in enumerate(steps)}
        self._sandbox = sandbox
        self._clock = clock
        self._record = record
        self._active: tuple[Invariant, ...] = ()
        self._values: Mapping[str, str] = {}
        self._looked = 0.0
        self._seen: dict[Invariant, float] = {}  # when each was last seen to hold

    def enter(self, step: Step, values: Mapping[str, str]) -> None:
        """Begin a step: look at once at what is watched from here on.

        Raises:
            Violated: something does not hold.
        """
        now = self._clock.monotonic()
        self._values = values
        self._active = tuple(each for each in self._always if self._covers(each, step))
        self._seen = {each: self._seen.get(each, now) for each in self._active}
        self._looked = 0.0
        self.look()

    def leave(self) -> None:
        """End a step: look once more, since a short one may have ended between two looks.

        Raises:
            Violated: something does not hold.
        """
        self._looked = 0.0
        self.look()

    def _covers(self, invariant: Invariant, step: Step) -> bool:
        at = self._order[step.id]
        start = self._order.get(invariant.start or "", 0)
        end = self._order.get(invariant.until or "", len(self._order))
        return start <= at < end

    def look(self) -> None:
        """Look, now and then, whether everything holds.

        Raises:
            Violated: something does not hold.
        """
        now = self._clock.monotonic()
        if self._looked and now - self._looked < EVERY:
            return
        self._looked = now
        for invariant in self._active:
            self._judged(invariant)

    def _judged(self, invariant: Invariant) -> None:
        verdict = self._verdict(invariant)
        now = self._clock.monotonic()
        if verdict.color == "green":
            self._seen[invariant] = now
        elif verdict.color == "red" or now - self._seen[invariant] > BLIND:
            source = invariant.expectation.source
            seen = {"source": source, "color": verdict.color, "seen": verdict.seen}
            self._record({"kind": "check", "where": "always", **seen, "seconds": 0.0})
            raise Violated(f"Always {source}: {verdict.seen}")

    def _verdict(self, invariant: Invariant) -> Verdict:
        check = invariant.expectation.check
        if isinstance(check, ExitCheck | StdoutCheck):
            raise TypeError("an invariant looks at the world, not at the output of a block")
        seen = self._sandbox.observe(query_of(check, self._values), _ONE_LOOK)
        return judge(check, seen, self._values)
