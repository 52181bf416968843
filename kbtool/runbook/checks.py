"""Making checks that look at the world, once or until they are true."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from kbtool.errors import ServerDied
from kbtool.runbook.judge import Verdict, judge, query_of
from kbtool.runbook.model import ExitCheck, Expectation, StdoutCheck
from kbtool.runbook.ports import Clock, Record, Sandbox

ONE_CHECK: Final = 10.0  # seconds one observation may take
EVERY: Final = 0.2
_DEAD_EVERY: Final = 0.5


class Checker:
    """Makes checks in one sandbox and records what was seen."""

    def __init__(
        self,
        sandbox: Sandbox,
        clock: Clock,
        record: Record,
        alongside: Callable[[], None] = lambda: None,
        patience: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Take also what to look at while waiting, and which checks to wait for no longer than."""
        self.alongside = alongside
        self.patience = patience
        self.sandbox = sandbox
        self.clock = clock
        self.record = record
        self._looked = 0.0

    def once(self, expectation: Expectation, values: Mapping[str, str]) -> Verdict:
        """Make one check, now."""
        check = expectation.check
        if isinstance(check, ExitCheck | StdoutCheck):
            raise TypeError("exit and stdout are judged from the output of a block")
        seen = self.sandbox.observe(query_of(check, values), ONE_CHECK)
        return judge(check, seen, values)

    def until_green(
        self, expectation: Expectation, values: Mapping[str, str], where: str
    ) -> Verdict:
        """Make the check until it is green or its `within` is over; record the last verdict.

        Patience with it may end earlier.

        Raises:
            ServerDied: a server of the sandbox ended meanwhile.
        """
        began = self.clock.monotonic()
        within = min(expectation.within, self.patience.get(expectation.source, float("inf")))
        while True:
            verdict = self.once(expectation, values)
            waited = self.clock.monotonic() - began
            if verdict.color == "green" or waited >= within:
                self._told(expectation, verdict, where, waited)
                return verdict
            self.watch()
            self.clock.sleep(EVERY)

    def first_red(
        self, expectations: Sequence[Expectation], values: Mapping[str, str], within: float
    ) -> tuple[str, ...]:
        """Return the sources of the checks that are red with a value, as soon as one is.

        An error, a timeout or a refused connection is no proof of anything.
        """
        began = self.clock.monotonic()
        while True:
            verdicts = [
                (expectation, self.once(expectation, values)) for expectation in expectations
            ]
            red = tuple(e.source for e, verdict in verdicts if verdict.color == "red")
            waited = self.clock.monotonic() - began
            if red or waited >= within:
                for expectation, verdict in verdicts:
                    self._told(expectation, verdict, "broken", waited)
                return red
            self.clock.sleep(EVERY)

    def _told(self, expectation: Expectation, verdict: Verdict, where: str, waited: float) -> None:
        self.record(
            {
                "kind": "check",
                "where": where,
                "source": expectation.source,
                "color": verdict.color,
                "seen": verdict.seen,
                "seconds": round(waited, 1),
            }
        )

    def watch(self) -> None:
        """Look, now and then, whether all servers live, and at what is to be seen alongside.

        Raises:
            ServerDied: one ended although nobody told it to.
        """
        self._all_live()
        self.alongside()

    def _all_live(self) -> None:
        now = self.clock.monotonic()
        if now - self._looked < _DEAD_EVERY:
            return
        self._looked = now
        dead = self.sandbox.dead()
        if dead:
            self.record({"kind": "died", "servers": list(dead)})
            raise ServerDied(f"server {', '.join(dead)} of the sandbox ended by itself")
