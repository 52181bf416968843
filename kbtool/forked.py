"""Work on many things, divided among the processors. Where that cannot be had, it is done here."""

import marshal
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

Work = Callable[[Sequence[str]], dict[str, Any]]  # plain types, as marshal writes them


def divided(things: Sequence[str], work: Work, least: int) -> dict[str, Any]:
    """Return what `work` makes of all things; one processor more for each `least` of them."""
    count = min(_processors(), len(things) // least or 1)
    parts = [things[at::count] for at in range(count)]
    children = [(part, _begun(part, work)) for part in parts[1:]]
    done = work(parts[0])
    for part, child in children:
        made = _ended(child) if child else None
        done.update(work(part) if made is None else made)
    return done


def _processors() -> int:
    # A child would have the locks of other threads, and not the threads.
    if not hasattr(os, "fork") or threading.active_count() > 1:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begun(part: Sequence[str], work: Work) -> tuple[int, int] | None:
    """Return (process, where to read), None where no process can be had."""
    try:
        reading, writing = os.pipe()
    except OSError:
        return None
    try:
        child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return None
    if child:
        os.close(writing)
        return child, reading
    try:
        with open(writing, "wb") as file:
            file.write(marshal.dumps(work(part)))
    finally:
        os._exit(0)  # nothing of the parent's is flushed or closed twice


def _ended(child: tuple[int, int]) -> dict[str, Any] | None:
    """Return what a process made, None where it did not come to an end."""
    process, reading = child
    with open(reading, "rb") as file:
        raw = file.read()
    os.waitpid(process, 0)
    try:
        made: dict[str, Any] = marshal.loads(raw)  # noqa: S302 - our own child wrote it
    except (EOFError, ValueError, TypeError):
        return None
    return made
