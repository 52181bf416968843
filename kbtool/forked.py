"""Work on many things, divided among the processors. Where that cannot be had, it is done here."""

import marshal
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

_AT_ONCE: Final = 256  # things; all of them at once would be in memory three times
_LENGTH: Final = 8  # bytes, before what is sent; nothing comes behind a 0
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
        made = list(work(part).items())
        with open(writing, "wb") as file:
            for at in range(0, len(made), _AT_ONCE):
                data = marshal.dumps(made[at : at + _AT_ONCE])
                file.write(len(data).to_bytes(_LENGTH) + data)
            file.write(bytes(_LENGTH))
    finally:
        os._exit(0)  # nothing of the parent's is flushed or closed twice


def _ended(child: tuple[int, int]) -> dict[str, Any] | None:
    """Return what a process made, None where it did not come to an end."""
    process, reading = child
    made: dict[str, Any] = {}
    with open(reading, "rb") as file:
        while length := int.from_bytes(sized := file.read(_LENGTH)):
            data = file.read(length)
            if len(data) < length:
                break
            made.update(marshal.loads(data))  # noqa: S302 - our own child wrote it
    os.waitpid(process, 0)
    return made if sized == bytes(_LENGTH) else None
