"""Which sandboxes exist: one folder each, one record, one lock. Only these can be executed in."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from kbtool.errors import SandboxError, UsageError
from kbtool.sandbox.process import Proc, end, marked
from kbtool.sandbox.state import private, state_folder

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_UIDS: Final = range(64000, 65000)  # Debian policy 9.2.2: nobody's, allocated on demand


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a sandbox from outside."""

    id: str
    name: str
    profile: str
    uid: int  # of everything in it
    supervisor: Proc
    ephemeral: bool
    environment: str  # digest of profile, seeds, faults, programs, kbtool's code
    complete: bool


def sandboxes_folder() -> Path:
    """Return the folder of all sandboxes."""
    return private(state_folder() / "sandboxes")


class Entry:
    """One sandbox's folder."""

    def __init__(self, name: str) -> None:
        """Take its name.

        Raises:
            UsageError: it cannot be a name.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name", "lower-case letters, digits and dashes")
        self.name = name
        self.folder = sandboxes_folder() / name
        self.cell = self.folder / "cell"

    def record(self) -> Record | None:
        """Return its record, None where there is none."""
        try:
            data = json.loads((self.folder / "record.json").read_bytes())
            return Record(**{**data, "supervisor": Proc(**data["supervisor"])})
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise SandboxError(
                f"the record of {self.name} is damaged", self._remove_hint()
            ) from error

    def _remove_hint(self) -> str:
        return f"kbtool sandbox down {self.name}"

    def write(self, record: Record) -> None:
        """Write the record, atomically."""
        temporary = self.folder / "record.tmp"
        temporary.write_text(json.dumps(asdict(record)), encoding="utf-8")
        temporary.replace(self.folder / "record.json")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the sandbox: two commands that change it wait for each other."""
        while True:
            with open(os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._is_lock(file.fileno()):
                    yield
                    return

    @property
    def _lock(self) -> Path:
        return sandboxes_folder() / f".{self.name}.lock"

    def _is_lock(self, fd: int) -> bool:
        """Return whether a descriptor is still the lock: who held it may have removed it."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(fd), self._lock.stat())
        return False

    def alive(self) -> bool:
        """Return whether its supervisor runs."""
        record = self.record()
        return record is not None and record.supervisor.alive()

    def sweep(self) -> list[int]:
        """End whatever still runs of it, by record and by mark; return what could not be ended."""
        identifier = self._identifier()
        if identifier is None:
            return []
        with contextlib.suppress(SandboxError):
            record = self.record()
            if record:
                end(record.supervisor)
        for _ in range(50):
            left = list(marked(identifier))
            for process in left:
                end(process, wait=1.0)
            if not left:
                return []
            time.sleep(0.02)
        return [process.pid for process in left]

    def _identifier(self) -> str | None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            found: str = json.loads((self.cell / "boot.json").read_bytes())["id"]
            return found
        return None

    def remove(self) -> None:
        """Remove its files; the lock stays, for whoever holds it."""
        if self.folder.exists():
            gone = self.folder.with_name(f".gone-{self.name}-{time.time_ns()}")
            self.folder.rename(gone)
            shutil.rmtree(gone, onerror=_make_removable)

    def forget(self) -> None:
        """Remove its files and then its lock: the holder's last act."""
        self.remove()
        self._lock.unlink(missing_ok=True)


def _make_removable(_function: object, path: str, _error: object) -> None:
    with contextlib.suppress(OSError):  # another command may be removing the same
        os.chmod(os.path.dirname(path), 0o700)
        os.unlink(path) if not os.path.isdir(path) else os.rmdir(path)


def entries() -> list[Entry]:
    """Return every sandbox, by name."""
    folder = sandboxes_folder()
    return [Entry(path.name) for path in sorted(folder.iterdir()) if _NAME.fullmatch(path.name)]


def remove_leftovers() -> None:
    """Remove what a command interrupted at the wrong moment left: half-removed files, idle locks.

    No sandbox of theirs is known any more, so nobody else would ever look at them.
    """
    folder = sandboxes_folder()
    for path in folder.glob(".gone-*"):
        shutil.rmtree(path, onerror=_make_removable)
    for path in folder.glob(".*.lock"):
        name = path.name.removeprefix(".").removesuffix(".lock")
        if not (folder / name).exists():
            _remove_idle(path)


def _remove_idle(lock: Path) -> None:
    """Remove a lock that nobody holds; who waits for it sees that, and takes a new one."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError), lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
            lock.unlink()


def free_uid() -> int:
    """Return the uid for a new sandbox: our own, or, as root, one nobody else has.

    Raises:
        SandboxError: all are taken.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    import pwd

    taken = {record.uid for entry in entries() if (record := entry.record())}
    taken |= {user.pw_uid for user in pwd.getpwall()}
    for uid in _UIDS:
        if uid not in taken:
            return uid
    raise SandboxError("no free uid for another sandbox", "kbtool sandbox down --all")
