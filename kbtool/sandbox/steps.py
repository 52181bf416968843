"""One confined block: its cell, its streams, its terminal, its end."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import struct
import sys
import termios
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from kbtool.errors import SandboxError
from kbtool.sandbox.cell import SECRETS
from kbtool.sandbox.components.guest import GuestServer
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.mask import masked, visible
from kbtool.sandbox.site import Bind, Site, Spawned
from kbtool.sandbox.visit import Visit

OUTPUT_CAP: Final = 1 << 20  # bytes kept of each stream
PROMPT_WITHIN: Final = 30.0
_QUIET: Final = 0.05  # a prompt has been written when nothing more came for so long
_CHUNK: Final = 1 << 16
_RELAY: Final = str(Path(__file__).with_name("relay.py"))


class Nodes(Protocol):
    """Who runs steps on hosts that are no views."""

    def client(self, request: str) -> tuple[Sequence[str], Sequence[Bind]]:
        """Return what runs in the cell instead of the block, and what it must see."""


class Stream:
    """Keeps the beginning of what is written, and counts the rest."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.total = 0
        self.last = time.monotonic()

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self.total += len(data)
        self.kept += data[: max(0, OUTPUT_CAP - len(self.kept))]
        self.last = time.monotonic()

    @property
    def truncated(self) -> bool:
        """Whether something was dropped."""
        return self.total > len(self.kept)

    def text(self) -> str:
        """Return what was kept."""
        return self.kept.decode("utf-8", "replace")


class StepRun:
    """One block under way."""

    def __init__(
        self,
        site: Site,
        servers: Mapping[str, Server],
        number: int,
        hosts: Mapping[str, Sequence[str]],
        guests: Mapping[str, GuestServer],
        nodes: "Nodes | None" = None,
    ) -> None:
        """Take what it may reach, which folders each host shows, and which hosts are machines."""
        self.nodes = nodes
        self.site = site
        self.servers = servers
        self.hosts = hosts
        self.guests = guests
        self.folder = site.home / "work" / str(number)
        self.out = Stream()
        self.err = Stream()
        self.timed_out = False
        self.failure = ""
        self._visit: Visit | None = None
        self._spawned: Spawned | None = None
        self._master: int | None = None

    # ------------------------------------------------------------------ start
    async def start(self, action: Mapping[str, Any]) -> None:
        """Start the block of an action; `types` not empty, or `tty`: on a terminal.

        Raises:
            SandboxError: it names a secret this sandbox did not make, or no cell could be made.
        """
        self._write(action)
        try:
            await self._launch(action)
        except BaseException:
            await self.leave()
            raise

    async def _launch(self, action: Mapping[str, Any]) -> None:
        tty = bool(action["types"]) or bool(action.get("tty"))
        if self.nodes and action["on"]:
            await self._start_on_node(action, tty=tty)
            return
        doors = self._doors(action["endpoints"])
        block = [f"/bin/{action['shell']}", *action["flags"], "/kb/step/block"]
        guest = self.guests.get(action["on"])
        if guest:
            self._visit = Visit(self.site, guest, self.hosts[guest.name], self.folder)
            block, binds = await self._visit.begin(action, block, doors, tty=tty)
            doors = [*doors, guest]
        else:
            binds = self._binds(action, doors)
        command = [os.path.realpath(sys.executable), "-I", "-S", _RELAY]
        command += [server.addresses() for server in doors]
        command += ["--tty"] if tty else []
        command += ["--", *block]
        if tty:
            await self._start_on_terminal(command, binds, action.get("size"))
        else:
            self._spawned = await self.site.spawn(
                command, binds, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
            )

    async def _start_on_node(self, action: Mapping[str, Any], *, tty: bool) -> None:
        """Start the block on a real host; here only its client runs, in a cell of its own."""
        if tty or self.nodes is None:
            raise SandboxError(f"nobody can type on {action['on']}: it has no terminal")
        if action["on"] not in self.hosts:
            raise SandboxError(f"this sandbox has no host {action['on']}")
        secrets = {n: self.site.step_secret(n).read_text("utf-8") for n in action["secrets"]}
        keys = ("script", "shell", "flags", "env", "files", "timeout")
        request = {"op": "exec", "host": action["on"], "secrets": secrets}
        request |= {key: action[key] for key in keys}
        path = self.folder / "step" / "request.json"
        path.write_text(json.dumps(request), encoding="utf-8")
        command, binds = self.nodes.client("/kb/step/request.json")
        binds = [*binds, ("--ro-bind", str(self.folder / "step"), "/kb/step")]
        self._spawned = await self.site.spawn(
            command, binds, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )

    def _write(self, action: Mapping[str, Any]) -> None:
        """Lay out the step's folder: its block and environment, read-only; its work folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "step").mkdir(parents=True)
        (self.folder / "work").mkdir()
        (self.folder / "step" / "block").write_text(action["script"], encoding="utf-8")
        environment = self._environment() | dict(action["env"])
        (self.folder / "step" / "env.json").write_text(json.dumps(environment), encoding="utf-8")
        for path, data in action["files"].items():
            target = self.folder / "work" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(bytes.fromhex(data))
            target.chmod(0o400)

    def _environment(self) -> dict[str, str]:
        environment = {
            "PATH": "/kb/bin:/usr/bin:/bin",
            "HOME": "/kb/home",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "KB_SECRETS": SECRETS,
        }
        for server in self.servers.values():
            environment |= server.step_environment()
        return environment

    def _doors(self, endpoints: Sequence[str] | None) -> list[Server]:
        names = self.servers if endpoints is None else endpoints
        return [self.servers[name] for name in names]

    def _binds(self, action: Mapping[str, Any], doors: Sequence[Server]) -> list[Bind]:
        home = self.site.home
        binds: list[Bind] = [
            ("--bind", str(home / "home"), "/kb/home"),
            ("--bind", str(self.folder / "work"), "/kb/work"),
            ("--ro-bind", str(self.folder / "step"), "/kb/step"),
            ("--ro-bind", str(home / "bin"), "/kb/bin"),
            *(server.door_bind() for server in doors),
            *(bind for server in doors for bind in server.step_binds(admin=self._admin(action))),
            *self._host_binds(action),
        ]
        for name in action["secrets"]:
            path = self.site.step_secret(name)
            binds.append(("--ro-bind", str(path), f"{SECRETS}/{name}"))
        return binds

    def _admin(self, action: Mapping[str, Any]) -> bool:
        """Whether this is the profile's own block; no runbook's action can say so."""
        return action.get("admin") is True

    def _host_binds(self, action: Mapping[str, Any]) -> list[Bind]:
        """Show a step on a host that host's folders; an administrator's block all hosts."""
        if self._admin(action):
            views = self.hosts and not self.nodes
            return [("--bind", str(self.site.hosts), "/kb/hosts")] if views else []
        host = action["on"]
        if not host:
            return []
        if host not in self.hosts:
            raise SandboxError(f"this sandbox has no host {host}")
        return [("--bind", str(self.site.host(host, each)), each) for each in self.hosts[host]]

    async def _start_on_terminal(
        self, command: Sequence[str], binds: Sequence[Bind], size: Sequence[int] | None
    ) -> None:
        self._master, slave = os.openpty()
        rows, columns = size or (24, 80)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        try:
            self._spawned = await self.site.spawn(
                command, binds, stdin=slave, stdout=slave, stderr=slave
            )
        finally:
            os.close(slave)

    @property
    def master(self) -> int | None:
        """The terminal's own side, for an interactive shell."""
        return self._master

    # ------------------------------------------------------------------ end
    async def finish(self, timeout: float, types: Sequence[str]) -> dict[str, Any]:
        """Wait for the end, at most `timeout` seconds; return it as JSON data."""
        began = time.monotonic()
        spawned = self._spawned
        if spawned is None:
            raise SandboxError("the step was not started")
        readers = [asyncio.create_task(reader) for reader in self._readers(spawned)]
        typist = asyncio.create_task(self._type(types)) if types else None
        try:
            await asyncio.wait_for(asyncio.shield(spawned.process.wait()), timeout)
        except TimeoutError:
            self.timed_out = True
            spawned.kill()
            await spawned.process.wait()
        finally:
            if typist:
                typist.cancel()
        await asyncio.gather(*readers)
        if self._master is not None:
            os.close(self._master)
        seconds = time.monotonic() - began
        await self.leave()
        return self._completed(spawned.process.returncode or 0, seconds)

    async def leave(self) -> None:
        """End what is left of it on its host, and remove its folder."""
        visit, self._visit = self._visit, None
        try:
            if visit:
                await visit.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End the step and all it started."""
        if self._spawned:
            self._spawned.kill()

    def _readers(self, spawned: Spawned) -> "list[Any]":
        if self._master is not None:
            return [self._read_terminal(self._master)]
        process = spawned.process
        if process.stdout is None or process.stderr is None:
            return []
        return [_read(process.stdout, self.out), _read(process.stderr, self.err)]

    async def _read_terminal(self, master: int) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            try:
                data = os.read(master, _CHUNK)
            except OSError:  # EIO: the last holder of the other side is gone
                data = b""
            if data:
                self.out.feed(data)
            else:
                loop.remove_reader(master)
                if not done.done():
                    done.set_result(None)

        loop.add_reader(master, readable)
        await done

    async def _type(self, names: Sequence[str]) -> None:
        """Type each secret when a prompt waits for it: echo is off and the output is quiet."""
        for name in names:
            if not await self._prompted(echo=False):
                self.failure = f"no prompt for {name} within {PROMPT_WITHIN:.0f} s"
                self.kill()
                return
            if self._master is not None:
                secret = self.site.step_secret(name).read_text(encoding="utf-8")
                os.write(self._master, secret.encode() + b"\n")
            await self._prompted(echo=True)

    async def _prompted(self, *, echo: bool) -> bool:
        limit = time.monotonic() + PROMPT_WITHIN
        while self._master is not None and time.monotonic() < limit:
            with contextlib.suppress(termios.error, OSError):
                on = bool(termios.tcgetattr(self._master)[3] & termios.ECHO)
                if on == echo and time.monotonic() - self.out.last > _QUIET:
                    return True
            await asyncio.sleep(0.01)
        return False

    def _completed(self, code: int, seconds: float) -> dict[str, Any]:
        secrets = self.site.step_secrets()
        out, leaked_out = masked(visible(self.out.text()), secrets)
        err, leaked_err = masked(visible(self.err.text()), secrets)
        err += f"\n{self.failure}" if self.failure else ""
        return {
            "exit": code,
            "timed_out": self.timed_out,
            "stdout": out,
            "stderr": err,
            "truncated": self.out.truncated or self.err.truncated,
            "seconds": round(seconds, 3),
            "leaked": list(dict.fromkeys(leaked_out + leaked_err)),
        }


async def _read(reader: asyncio.StreamReader, stream: Stream) -> None:
    while data := await reader.read(_CHUNK):
        stream.feed(data)
