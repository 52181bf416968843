"""The child that runs mermaid: a diagram a line in, a verdict a line out, both JSON.

It is run by path and imports nothing of kbtool: `python -I worker.py LIBRARIES SECONDS SCRIPT…`.
A diagram that computes longer, or takes too much memory, ends the process, with the exit code that
says so.
"""

import json
import os
import resource
import sys
import threading
import time
from typing import Any, BinaryIO, Final

MEMORY: Final = 512 << 20  # bytes resident; about 150 MB are mermaid and its engine at rest
TIME_UP: Final = 75
TOO_LARGE: Final = 76
_TICK: Final = 0.02
_LIMITS: Final = {
    "RLIMIT_CORE": 0,
    "RLIMIT_FSIZE": 0,
    # The guard's second: what is taken faster than it looks. Darwin does not hold to it.
    "RLIMIT_DATA": 1 << 30,
}


class Guard(threading.Thread):
    """Ends the process when a diagram goes too far. The engine runs without Python's lock."""

    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True)
        self._seconds = seconds
        self.since: float | None = None  # process time when the diagram at work was taken up

    def run(self) -> None:
        while True:
            time.sleep(_TICK)
            since = self.since
            if since is not None and time.process_time() - since > self._seconds:
                os._exit(TIME_UP)
            if resident() > MEMORY:
                os._exit(TOO_LARGE)


def resident() -> int:
    """Return the bytes of memory this process holds."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        # Darwin, in bytes. Not for Linux: there it begins with what the parent had.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _limit() -> None:
    for name, most in _LIMITS.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))


def _loaded(scripts: list[str]) -> Any:
    """Return the engine with the scripts in it."""
    from py_mini_racer import MiniRacer

    engine = MiniRacer()
    for script in scripts:
        with open(script, encoding="utf-8") as file:
            engine.eval(file.read())
    return engine


def _judged(engine: Any, text: str) -> str:
    engine.eval(f"judge({json.dumps(text)})")
    while True:
        verdict = engine.eval("verdict")
        if verdict is not None:
            return str(verdict)
        time.sleep(_TICK / 10)


def _say(out: BinaryIO, line: str) -> None:
    out.write(line.encode() + b"\n")
    out.flush()


def main(libraries: str, seconds: float, scripts: list[str]) -> None:
    """Judge until the input ends."""
    # What the engine prints when it dies must not be taken for an answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit()
    sys.path.append(libraries)
    try:
        engine = _loaded(scripts)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        _say(out, json.dumps({"unavailable": f"{type(error).__name__}: {error}"}))
        return
    guard = Guard(seconds)
    guard.start()
    _say(out, json.dumps({"ready": True}))
    for line in sys.stdin.buffer:
        guard.since = time.process_time()
        try:
            verdict = _judged(engine, json.loads(line))
        except Exception as error:  # noqa: BLE001 - whatever it is, this engine is done
            # At once: an orderly end would wait for the engine's own threads, some for ever.
            os._exit(TOO_LARGE if "allocation failed" in str(error) else 1)
        guard.since = None
        _say(out, verdict)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
    # The engine's own threads would make an orderly end wait.
    os._exit(0)
