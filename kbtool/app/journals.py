"""Journals on disk: written ahead, flushed before anything is done."""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kbtool.errors import KbError, UsageError, WaitingForPerson
from kbtool.runbook.journal import FIRST, JournalError, RunState, entry, fold, read_journal
from kbtool.runbook.ports import Fact
from kbtool.sandbox.state import private, state_folder

OUTPUT_MAX: Final = 1 << 20
_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
Listener = Callable[[Fact], None]


def runs_folder() -> Path:
    """Return the folder of all runs."""
    return private(state_folder() / "runs")


def new_run_id() -> str:
    """Return an id that sorts by time."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(3)


class JournalFile:
    """The journal of one run, open for appending."""

    def __init__(self, run: str, listener: Listener | None = None) -> None:
        """Open the journal of a run, new or begun.

        Raises:
            JournalError: what is there is damaged.
        """
        self.run = run
        self.folder = private(runs_folder() / run)
        self.path = self.folder / "journal.jsonl"
        self.listener = listener
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        self.facts, self.last = read_journal(text)
        whole = text.rfind("\n") + 1
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        # A line that was never finished was never acted on.
        os.ftruncate(self._fd, len(text[:whole].encode()))
        os.lseek(self._fd, 0, os.SEEK_END)

    def record(self, fact: Fact) -> None:
        """Append one fact; it is on disk when this returns."""
        line, self.last = entry(self.last or FIRST, fact, time.time())
        os.write(self._fd, line.encode())
        os.fsync(self._fd)
        if self.listener:
            self.listener(fact)

    @contextlib.contextmanager
    def cut_short(self) -> Iterator[None]:
        """Record what ends a run before its end; it is raised all the same."""
        try:
            yield
        except KbError as error:
            verdict = "waiting" if isinstance(error, WaitingForPerson) else "error"
            self.record({"kind": "ended", "verdict": verdict, "reason": error.message})
            raise
        except KeyboardInterrupt:
            self.record({"kind": "ended", "verdict": "interrupted", "reason": "Ctrl-C"})
            raise

    def keep_output(self, name: str, text: str) -> None:
        """Keep a step's output beside the journal."""
        (self.folder / name).write_text(text[:OUTPUT_MAX], encoding="utf-8")

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


@dataclass(frozen=True, slots=True)
class Listed:
    """One run as `runs list` shows it."""

    run: str
    state: RunState
    problem: str = ""


def load_facts(run: str) -> Sequence[Fact]:
    """Return the facts of a run.

    Raises:
        UsageError: there is no such run.
        JournalError: its journal is damaged.
    """
    path = runs_folder() / run / "journal.jsonl"
    if not _ID.fullmatch(run) or not path.exists():
        raise UsageError(f"no run {run!r}", "kbtool runs list")
    return read_journal(path.read_text(encoding="utf-8"))[0]


def listed() -> Iterator[Listed]:
    """Yield every run, newest first."""
    for folder in sorted(runs_folder().iterdir(), reverse=True):
        if _ID.fullmatch(folder.name):
            try:
                yield Listed(folder.name, fold(load_facts(folder.name)))
            except (JournalError, UsageError) as error:
                yield Listed(folder.name, RunState(), error.message)
