"""One worker process: started, asked, ended. Whatever it does, an answer comes in bounded time."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from kbtool.adapters.mermaid import worker

LIBRARY: Final = "py_mini_racer"
COMPUTING: Final = 5.0  # seconds for one text: a busy machine does not use them up
WAITING: Final = 60.0  # seconds on the wall, to start or to answer: what else may go wrong
_KILLED: Final = (-9, -15)  # by somebody else, for reasons of his own
_GIVES_UP: Final = (signal.SIGILL, signal.SIGTRAP, signal.SIGABRT)  # the engine, out of memory


class Unavailable(Exception):
    """No worker can be had; says why."""


class Ended(Exception):
    """The worker ended over a text, and would again if `lasting`."""

    def __init__(self, why: str, *, lasting: bool) -> None:
        super().__init__(why)
        self.lasting = lasting


class Child:
    """A worker that has loaded its scripts."""

    def __init__(
        self, scripts: Sequence[Path], computing: float = COMPUTING, waiting: float = WAITING
    ) -> None:
        """Start it.

        Raises:
            Unavailable: the engine is not installed, does not run here, or does not load them.
        """
        self._computing = computing
        self._waiting = waiting
        self._rest = b""
        # From elsewhere: whatever is named relative to here must not be.
        paths = [os.path.abspath(path) for path in (worker.__file__, _libraries())]
        command = [sys.executable, "-I", *paths, str(computing)]
        command += [os.path.abspath(script) for script in scripts]
        try:
            # Nothing of ours reaches it: no environment, no open file, no folder, no terminal.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"the engine cannot be started: {error.strerror}") from error
        try:
            answer = self._answer()
        except Ended as error:
            raise Unavailable(f"the engine does not start: {error}") from error
        if "unavailable" in answer:
            self.end()
            raise Unavailable(f"the engine does not load: {answer['unavailable']}")

    def ask(self, text: str) -> Any:
        """Return the worker's answer on a text.

        Raises:
            Ended: there is none, and the worker is gone.
        """
        with contextlib.suppress(BrokenPipeError):  # it is gone: reading says how
            self._input.write(json.dumps(text).encode() + b"\n")
            self._input.flush()
        return self._answer()

    @property
    def alive(self) -> bool:
        """Return whether it still runs; between two texts somebody may have killed it."""
        return self.process.poll() is None

    def end(self) -> int:
        """End it and return its exit code; does nothing where it has ended."""
        self.process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        self._output.close()
        return self.process.wait()

    def _answer(self) -> Any:
        line = self._line()
        try:
            return json.loads(line or b"")
        except ValueError:
            raise self._ended(silent=line is None) from None

    def _line(self) -> bytes | None:
        """Return the next line of its output, what there is at the end, None when time is up."""
        until = time.monotonic() + self._waiting
        with selectors.DefaultSelector() as ready:
            ready.register(self._output, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left = until - time.monotonic()
                if left <= 0 or not ready.select(left):
                    return None
                more = os.read(self._output.fileno(), 1 << 16)
                if not more:
                    break
                self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _ended(self, *, silent: bool) -> Ended:
        if silent:
            self.end()
            return Ended(f"no answer within {self._waiting:.0f} seconds", lasting=False)
        with contextlib.suppress(subprocess.TimeoutExpired):  # it closed its output, so it ends
            self.process.wait(self._waiting)
        code = self.end()
        return Ended(self._reason(code), lasting=code not in _KILLED)

    def _reason(self, code: int) -> str:
        if code == worker.TIME_UP:
            return f"stopped after {self._computing:g} seconds of computing; too large, or endless"
        if code == worker.TOO_LARGE or -code in _GIVES_UP:
            return "it needs more memory than the judge may take; too large"
        return f"the engine died of it (exit code {code})"

    @property
    def _input(self) -> Any:
        return self.process.stdin

    @property
    def _output(self) -> Any:
        return self.process.stdout


def _libraries() -> str:
    """Return the folder the engine is installed in: an isolated Python may not know it."""
    found = find_spec(LIBRARY)
    if found is None or not found.submodule_search_locations:
        raise Unavailable("the package mini-racer is not installed")
    return str(Path(found.submodule_search_locations[0]).parent)
