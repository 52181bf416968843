"""The real clock, and the person at the terminal."""

import sys
import time
from collections.abc import Callable

import click

from kbtool.errors import WaitingForPerson
from kbtool.runbook.ports import Answer, Question


class RealClock:
    """Time as it passes."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class TerminalPerson:
    """Asks whoever sits at the terminal; without one, the run waits."""

    def __init__(self, run: str, shell: Callable[[], None]) -> None:
        """Take the run's id, for the hint, and what opens a shell in the sandbox."""
        self.run = run
        self.shell = shell

    def ask(self, question: Question) -> Answer:
        """Show the step, wait until the person has done it, take the evidence.

        Raises:
            WaitingForPerson: there is no terminal.
        """
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            values = " ".join(f"--evidence {name}=…" for name in question.evidence)
            raise WaitingForPerson(
                f"{question.step} waits for {question.who}: {question.title}",
                f"when it is done: kbtool runs answer {self.run} {question.step} {values}".rstrip()
                + f", then: kbtool run … --resume {self.run}",
            )
        self._show(question)
        done = self._wait()
        evidence = {name: click.prompt(f"  {name}") for name in question.evidence} if done else {}
        return Answer(done=done, evidence=evidence, channel="terminal")

    def _show(self, question: Question) -> None:
        click.echo(f"\n{question.step} [HUMAN] {question.title}  ({question.who})")
        if question.prose:
            click.echo(f"  {question.prose}")
        if question.block:
            click.echo("\n" + "".join(f"    {line}\n" for line in question.block.splitlines()))

    def _wait(self) -> bool:
        while True:
            answer = click.prompt(
                "  d: done, s: a shell in the sandbox, n: it cannot be done", default="d"
            )
            if answer == "s":
                self.shell()
            elif answer in ("d", "n"):
                return bool(answer == "d")
