"""What the supervisor works with: the sandbox's folder, its secrets, and starting cells."""

import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kbtool.errors import SandboxError
from kbtool.sandbox.cell import HOME, LINKER, inner, read_info
from kbtool.sandbox.process import MARK, Proc, end, proc

Bind = tuple[str, str, str]
_SECRET: Final = re.compile(r"[A-Z][A-Z0-9_]*")
FOLDERS: Final = ("data", "s", "d", "log", "etc", "bin", "home", "work", "ctl", "secrets/step")


@dataclass(frozen=True, slots=True)
class Spawned:
    """A running cell: bubblewrap's own process, and PID 1 inside, whose end is the end of all."""

    process: Process
    init: Proc | None

    def kill(self) -> None:
        """End everything in the cell."""
        if self.init:
            end(self.init, wait=0)
        elif self.process.returncode is None:
            self.process.kill()


class Site:
    """One sandbox, seen from inside the outer cell."""

    def __init__(self, sandbox: str, bwrap: str) -> None:
        self.id = sandbox
        self.bwrap = bwrap
        self.home = Path(HOME)

    def prepare(self) -> None:
        """Make the folders and the few files of /etc that programs insist on."""
        os.umask(0o077)
        for name in FOLDERS:
            (self.home / name).mkdir(parents=True, exist_ok=True)
        for name, text in {
            "passwd": "kb:x:1000:1000::/kb/home:/bin/bash\n",
            "group": "kb:x:1000:\n",
            "hosts": "127.0.0.1 localhost kb\n",
        }.items():
            (self.home / "etc" / name).write_text(text, encoding="ascii")
        self._keep_linker_cache()

    def _keep_linker_cache(self) -> None:
        """Copy it: whoever installs a package replaces the file, and what is gone binds nowhere."""
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(LINKER, f"{self.home}{LINKER}")

    def folder(self, kind: str, name: str) -> Path:
        """Return (and make) the folder of one server: its data, socket or door."""
        found = self.home / kind / name
        found.mkdir(parents=True, exist_ok=True)
        return found

    @property
    def hosts(self) -> Path:
        """The folder of all host views."""
        return self.home / "data" / "hosts"

    def host(self, name: str, folder: str) -> Path:
        """Return one folder of a host's view, as the host would name it."""
        return self.hosts / name / folder.lstrip("/")

    # ------------------------------------------------------------------ secrets
    def keep(self, name: str, value: str, *, step: bool = False) -> None:
        """Keep a secret; only those kept for steps can be named by a runbook.

        Raises:
            SandboxError: a step's secret has a name that is none.
        """
        if step and not _SECRET.fullmatch(name):
            raise SandboxError(f"{name!r} is no name for a secret")
        path = self.home / "secrets" / ("step" if step else "") / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(value)

    def new_secret(self, name: str) -> str:
        """Make, keep and return a random secret."""
        value = secrets.token_urlsafe(24)
        self.keep(name, value)
        return value

    def secret(self, name: str) -> str:
        """Return a kept secret of the sandbox's own."""
        return (self.home / "secrets" / name).read_text(encoding="utf-8")

    def step_secret(self, name: str) -> Path:
        """Return the file of a secret that a runbook names.

        Raises:
            SandboxError: none of that name was made for steps. A name is never a path.
        """
        path = self.home / "secrets" / "step" / name
        if not _SECRET.fullmatch(name) or not path.is_file():
            raise SandboxError(f"this sandbox made no secret {name}")
        return path

    def step_secrets(self) -> Mapping[str, str]:
        """Return every secret a step could hold, by name, for masking."""
        return {
            path.name: path.read_text(encoding="utf-8")
            for path in (self.home / "secrets" / "step").iterdir()
        }

    # ------------------------------------------------------------------ state
    def state(self) -> dict[str, Any]:
        """Return what was remembered when the sandbox was complete; empty before."""
        try:
            found: dict[str, Any] = json.loads((self.home / "state.json").read_bytes())
        except FileNotFoundError:
            return {}
        return found

    def remember(self, state: Mapping[str, Any]) -> None:
        """Mark the sandbox as complete, atomically."""
        temporary = self.home / "state.tmp"
        temporary.write_text(json.dumps(state), encoding="utf-8")
        temporary.replace(self.home / "state.json")

    # ------------------------------------------------------------------ cells
    async def spawn(
        self,
        command: Sequence[str],
        binds: Sequence[Bind],
        *,
        stdin: int = DEVNULL,
        stdout: int = DEVNULL,
        stderr: int = DEVNULL,
    ) -> Spawned:
        """Start a command in an inner cell.

        bubblewrap itself gets an empty environment but for the mark: `--clearenv` clears only the
        child's copy, and its own stays readable in /proc.

        Raises:
            SandboxError: bubblewrap could not make the cell.
        """
        reader, writer = os.pipe()
        argv = inner(self.bwrap, self.id, binds=binds, command=command, info_fd=writer)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=(writer,),
                env={MARK: self.id},
                cwd="/",
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        info = await asyncio.to_thread(read_info, reader)
        if not info:
            await process.wait()
            raise SandboxError("bubblewrap could not make a cell", "kbtool sandbox doctor")
        return Spawned(process, proc(int(json.loads(info)["child-pid"])))

    async def run(
        self, command: Sequence[str], binds: Sequence[Bind], log: str, what: str = ""
    ) -> None:
        """Run a command in a cell to its end; `what` it does is for the message.

        Raises:
            SandboxError: it failed; the end of its log is in the message.
        """
        path = self.home / "log" / log
        with path.open("ab") as file:
            spawned = await self.spawn(command, binds, stdout=file.fileno(), stderr=file.fileno())
            if await spawned.process.wait() != 0:
                raise SandboxError(f"{what or Path(command[0]).name} failed: {tail(path)}")


_COMPLAINT: Final = re.compile(r"error|fatal|panic|unknown|not defined|denied", re.IGNORECASE)


def tail(path: Path, lines: int = 5) -> str:
    """Return the last lines of a log, on one line.

    Where none of them complains, the last one before that does comes first: some programs print
    what is wrong, and then a page about their use.
    """
    try:
        text = path.read_bytes()[-(1 << 16) :].decode("utf-8", "replace")
    except OSError:
        return "(no log)"
    told = [line for line in text.splitlines() if line.strip()]
    last = told[-lines:]
    complaints = [line for line in told if _COMPLAINT.search(line)]
    if complaints and complaints[-1] not in last:
        last = [complaints[-1], "…", *last[-2:]]
    return " | ".join(line.strip()[:300] for line in last) or "(its log is empty)"
