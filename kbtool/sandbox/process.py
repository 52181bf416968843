"""Processes by pid *and* start time: a pid alone may be somebody else's by now."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARK: Final = "KB_SANDBOX"  # in the environment of every process of a sandbox


@dataclass(frozen=True, slots=True)
class Proc:
    """One process of one boot."""

    pid: int
    start: int  # field 22 of /proc/PID/stat, proc(5)
    boot: str

    def alive(self) -> bool:
        """Return whether this very process still runs; a zombie does not."""
        return self.boot == boot_id() and start_time(self.pid) == self.start


def boot_id() -> str:
    """Return the id of the running boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_time(pid: int) -> int | None:
    """Return when the process started, in clock ticks; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = fields.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def stopped(pid: int) -> bool:
    """Return whether the process stands still, or is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return fields.rpartition(")")[2].split()[0] in "TZX"


def proc(pid: int) -> Proc | None:
    """Return the running process of that pid, or None."""
    start = start_time(pid)
    return None if start is None else Proc(pid, start, boot_id())


def end(target: Proc, with_signal: int = signal.SIGKILL, wait: float = 10.0) -> bool:
    """Signal the process only if it is still the recorded one; return whether it is gone.

    The pidfd is opened before the start time is compared: no other process can slip in between.
    """
    if target.boot != boot_id():
        return True
    try:
        fd = os.pidfd_open(target.pid)
    except ProcessLookupError:
        return True
    try:
        if start_time(target.pid) != target.start:
            return True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, with_signal)
        return bool(select.select([fd], [], [], wait)[0])
    finally:
        os.close(fd)


def tree(root: Proc) -> list[Proc]:
    """Return a process and all that descend from it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace")
                parent = int(text.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found, wanted = [], [root.pid]
    while wanted:
        pid = wanted.pop(0)
        found += [each for each in [proc(pid)] if each]
        wanted += children.get(pid, ())
    return found if found[:1] == [root] else []


def freeze(root: Proc, within: float = 5.0) -> bool:
    """Make a process and its descendants stand still; return whether all do."""
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        moving = [each for each in tree(root) if not stopped(each.pid)]
        if not moving:
            return True
        for each in moving:
            end(each, signal.SIGSTOP, 0)
        time.sleep(0.001)
    return False


def thaw(root: Proc) -> None:
    """Let a frozen process and its descendants go on."""
    for each in tree(root):
        end(each, signal.SIGCONT, 0)


def marked(sandbox: str) -> Iterator[Proc]:
    """Yield every process that carries the sandbox's mark, whatever became of the records."""
    mark = f"{MARK}={sandbox}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:
            continue
        if mark in environment.split(b"\0"):
            found = proc(int(entry))
            if found:
                yield found
