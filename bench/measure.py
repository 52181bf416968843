"""Timing whole processes and calls: medians, because machines are shared."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    """Medians of some runs, in seconds."""

    wall: float
    cpu: float


def process(command: Sequence[str], *, runs: int, cwd: str = ".") -> Cost:
    """Return what a process costs, children included, output thrown away."""
    costs = [_once(command, cwd) for _ in range(runs)]
    return Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))


def _once(command: Sequence[str], cwd: str) -> Cost:
    before, began = _children(), time.perf_counter()
    subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, check=True, env=os.environ)
    return Cost(time.perf_counter() - began, _children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def call(action: Callable[[], object], *, runs: int) -> float:
    """Return the median wall time of a call."""
    walls = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        walls.append(time.perf_counter() - began)
    return median(walls)
