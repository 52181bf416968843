"""A sandbox of profile `embedded`: up, reset, down, and what confinement adds to one step."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import call
from kbtool.runbook.ports import Action
from kbtool.sandbox.client import LiveSandbox
from kbtool.sandbox.launch import down
from kbtool.sandbox.loader import load_profile

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = "true"


def rows(runs: int) -> Iterator[tuple[str, str, str]]:
    """Yield (what, measured, target of the design)."""
    profile = load_profile(ROOT / "sandbox" / "profiles", "embedded")
    with tempfile.TemporaryDirectory() as state:
        os.environ["KBTOOL_STATE"] = state
        cold, gone = [], []
        for _ in range(runs):
            began = time.perf_counter()
            sandbox = LiveSandbox.open("bench", profile)
            cold.append(time.perf_counter() - began)
            gone.append(call(lambda sandbox=sandbox: down(sandbox.entry, keep=False), runs=1))
        sandbox = LiveSandbox.open("bench", profile)
        with contextlib.ExitStack() as stack:
            stack.callback(sandbox.remove)
            yield "sandbox up, cold", _s(sorted(cold)[runs // 2]), "< 5 s"
            yield "sandbox up, stopped", _s(_again(sandbox, profile, runs)), "< 0.5 s"
            yield "sandbox reset", _s(call(sandbox.reset, runs=runs)), "< 0.5 s"
            yield "sandbox down", _s(sorted(gone)[runs // 2]), "< 0.2 s"
            yield "20 layers and 2 identities measured", _s(call(sandbox.describe, runs=runs)), ""
            plain = call(lambda: subprocess.run(["sh", "-eu", "-c", SCRIPT], check=True), runs=runs)
            step = call(lambda: _step(sandbox), runs=runs * 3)
            yield "one confined step, above the bare shell", _s(step - plain), "< 0.1 s"


def _again(sandbox: LiveSandbox, profile: object, runs: int) -> float:
    walls = []
    for _ in range(runs):
        down(sandbox.entry, keep=True)
        walls.append(call(lambda: LiveSandbox.open("bench", profile), runs=1))  # type: ignore[arg-type]
    return sorted(walls)[runs // 2]


def _step(sandbox: LiveSandbox) -> None:
    running = sandbox.start(Action("S1", "sh", SCRIPT, "operator", 10.0))
    while running.poll() is None:
        pass
    running.kill()


def _s(seconds: float) -> str:
    return f"{seconds:.3f} s"
