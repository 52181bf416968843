"""A host that is a real machine: QEMU in a cell, reached by ssh over the guest's own door."""

import asyncio
import contextlib
import json
import secrets
import shutil
import time
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Final

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox import image, monitor
from kbtool.sandbox.cell import IMAGES
from kbtool.sandbox.components import network
from kbtool.sandbox.components.server import Server, relayed, remove
from kbtool.sandbox.profile import Guest
from kbtool.sandbox.site import Bind, Site, Spawned, tail

CARRIED_MAX: Final = 256 << 20  # bytes a step can change on a host
GATEWAYS: Final = ("10.0.2.2", "10.0.2.3")  # QEMU's user network: this side's loopback, and its DNS
_ANSWER_WITHIN: Final = 120.0
_COPIED_WITHIN: Final = 900.0  # some hundred MiB, decrypted by an emulated processor
_OTHER_KEY: Final = "Host key verification failed"  # what ssh says
_AGENT: Final = Path(__file__).parent.parent / "agent.py"
_PLACE: Final = "/usr/lib/kbtool/agent.py"  # of the agent, in the guest
_SSH: Final = {
    "BatchMode": "yes",
    "CheckHostIP": "no",
    "ConnectTimeout": "30",
    "ExitOnForwardFailure": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "GlobalKnownHostsFile": "none",
    "HostKeyAlgorithms": "ssh-ed25519",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "KexAlgorithms": "curve25519-sha256",
    "LogLevel": "ERROR",
    "PermitLocalCommand": "no",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "UserKnownHostsFile": "/kb/ssh/known_hosts",
}


class Lost(SandboxError):
    """The connection into a guest ended, or nothing came over it in time."""


class Line:
    """The supervisor's own connection into a guest: the agent answers at its other end."""

    def __init__(self, spawned: Spawned) -> None:
        self.spawned = spawned
        self.lock = asyncio.Lock()

    async def ask(self, request: Mapping[str, Any], archive: Path | None = None) -> dict[str, Any]:
        """Send a request, with a file if there is one; return the answer, `bytes` among it.

        Raises:
            Lost: the connection ended.
            SandboxError: the agent could not do it.
        """
        try:
            async with self.lock:
                within = float(request.get("within", _ANSWER_WITHIN))
                return await asyncio.wait_for(self._ask(request, archive), within)
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            self.spawned.kill()
            raise Lost(f"the guest does not answer: {type(error).__name__}") from error

    async def _ask(self, request: Mapping[str, Any], archive: Path | None) -> dict[str, Any]:
        stdin, stdout = self.spawned.process.stdin, self.spawned.process.stdout
        if stdin is None or stdout is None:
            raise OSError("no streams")
        size = archive.stat().st_size if archive else 0
        stdin.write(json.dumps({**request, "size": size}).encode() + b"\n")
        if archive:
            with archive.open("rb") as file:
                while data := file.read(1 << 16):
                    stdin.write(data)
                    await stdin.drain()
        await stdin.drain()
        answer: dict[str, Any] = json.loads(await stdout.readuntil(b"\n"))
        if "error" in answer:
            raise SandboxError(f"in the guest: {answer['error']}")
        if not isinstance(answer.get("size"), int) or not 0 <= answer["size"] <= CARRIED_MAX:
            raise OSError("more than a step may change")
        answer["bytes"] = await stdout.readexactly(answer["size"])
        return answer

    async def close(self) -> None:
        """End the connection."""
        self.spawned.kill()
        await self.spawned.process.wait()


class GuestServer(Server):
    """One guest. It starts from the image's memory, and from its own once it was seeded."""

    port: ClassVar[int] = image.SSH_PORT
    socket_name: ClassVar[str] = "ssh.sock"
    open_to_steps: ClassVar[bool] = False  # but a step on this host

    def __init__(
        self,
        guests: Mapping[str, Guest],
        name: str,
        site: Site,
        versions: Mapping[str, str],
        others: Mapping[str, Server],
    ) -> None:
        """Be one of the guests; take the versions its image has.

        `others` are all servers, once all are made. Steps may be led to the doors that are open
        to them; what runs on this guest is there anyway, and has its door by a port of it.
        """
        super().__init__(name, site)
        self.guests = guests
        self.guest = guests[name]
        self.versions = versions
        self.others = others
        self.disk = site.folder("guests", name)
        self.keys = site.folder("etc", f"ssh/{name}")
        self.visited = asyncio.Lock()  # by a step
        self._line: Line | None = None

    @property
    def own(self) -> list[Server]:
        """The servers that run on it, and are open to steps elsewhere too."""
        return [
            each for each in self.others.values() if each.on == self.name and each.open_to_steps
        ]

    # ------------------------------------------------------------------ the machine
    def command(self) -> Sequence[str]:
        """Run the emulator, its ssh port relayed to the socket."""
        place = ("/kb/image", "/kb/disk/disk.qcow2", "/kb/s/qmp.sock")
        lan = network.PORT if self.guest.address else ""
        machine = image.machine(self.guest, *place, lan, [each.port for each in self.own])
        machine += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny"]
        sockets = {
            self.socket_name: self.port,
            **{each.socket_name: each.port for each in self.own},
        }
        served = (("--serve", f"/kb/s/{name}={port}") for name, port in sockets.items())
        relay = relayed(*chain.from_iterable(served))
        if not self._seeded:
            machine += ["-incoming", "fd:9"]
            return [*relay, "/bin/sh", "-c", 'exec "$@" 9< /kb/image/memory', "sh", *machine]
        return [*relay, *machine, "-loadvm", "kept" if self._kept.exists() else "seed"]

    def binds(self) -> Sequence[Bind]:
        """See its image, its disk, its sockets, and its port of the network."""
        port = network.port_folder(self.site, self.name)
        return (
            ("--ro-bind", f"{IMAGES}/{self.name}", "/kb/image"),
            ("--bind", str(self.disk), "/kb/disk"),
            ("--bind", str(self.sockets), "/kb/s"),
            *((("--bind", str(port), network.PORT),) if self.guest.address else ()),
        )

    @property
    def _seeded(self) -> bool:
        return (self.disk / "seeded").exists()

    @property
    def _kept(self) -> Path:
        return self.data / "kept"  # part of what is kept with a sandbox, not of its seed

    @property
    def _monitor(self) -> Path:
        return self.sockets / "qmp.sock"

    def before_start(self) -> None:
        """Remove the sockets of a predecessor."""
        remove(self.socket, self._monitor, *(each.socket for each in self.own))

    async def create(self) -> None:
        """Make its keys, and a disk over the image's."""
        binds = [("--bind", str(self.keys), "/kb/ssh"), *self.binds()]
        for name in ("host", "line", "step"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kbtool"]
            await self.site.run([*command, "-f", f"/kb/ssh/{name}"], binds, f"{self.name}.log")
        over = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2"]
        over += ["-b", "/kb/image/disk.qcow2", "/kb/disk/disk.qcow2"]
        await self.site.run(over, binds, f"{self.name}.log")
        shutil.copyfile(Path(IMAGES, self.name, "key"), self.keys / "image")
        (self.keys / "image").chmod(0o600)
        self._pin(Path(IMAGES, self.name, "host.pub"))

    def _pin(self, key: Path) -> None:
        kind, value, *_ = key.read_text(encoding="ascii").split()
        text = f"{self.name} {kind} {value}\n"
        (self.keys / "known_hosts").write_text(text, encoding="ascii")

    async def begin(self) -> None:
        """Let it go on from the image's memory, and make it this sandbox's guest."""
        await self.wait_for(self._answers, "there")
        await monitor.migrated(self._monitor, _ANSWER_WITHIN)
        await monitor.tell(self._monitor, ("cont", {}))
        await self._enrol()
        self._pin(self.keys / "host.pub")
        await self.wait_for(self.ready, "ready")

    async def _answers(self) -> bool:
        with contextlib.suppress(SandboxError):
            await monitor.tell(self._monitor, ("query-status", {}), within=5)
            return True
        return False

    async def _enrol(self) -> None:
        """Over the image's own keys, which end with this: bring the agent, and the real ones."""
        source = _AGENT.read_bytes()
        place = f"mkdir -p {Path(_PLACE).parent} && head -c {len(source)} > {_PLACE}"
        spawned = await self._ssh("image", f"{place} && exec python3 -I {_PLACE} line")
        if spawned.process.stdin is None:
            raise SandboxError(f"{self.name}: no connection")
        spawned.process.stdin.write(source)
        line = Line(spawned)
        self.site.keep(f"{self.name}.identity", secrets.token_urlsafe(24))
        files = {
            "/root/identity": self.site.secret(f"{self.name}.identity"),
            "/root/.ssh/authorized_keys": self._authorized(),
            "/etc/ssh/ssh_host_ed25519_key": (self.keys / "host").read_text(encoding="ascii"),
        }
        told = {
            "/etc/hostname": f"{self.name}\n",
            "/etc/hosts": network.hosts(self.guests, self.name),
        }
        request = {"op": "enrol", "files": files, "open": told, "lan": self._lan()}
        try:
            await line.ask({**request, **_waking()})
        except SandboxError as error:
            raise SandboxError(f"{self.name}: {error.message}: {tail(self._ssh_log)}") from error
        finally:
            await line.close()

    def _lan(self) -> dict[str, str]:
        """Return what becomes of the image's second card, nothing where it has no cable."""
        if not self.guest.address:
            return {}
        address = self.guest.address
        own = {"name": network.CARD, "becomes": network.card(address), "address": address}
        return {"card": image.CARDS[1], **own}

    def _authorized(self) -> str:
        """Return who may log in, and to what: see sshd(8), AUTHORIZED_KEYS FILE FORMAT."""
        away = [
            each for each in self.others.values() if each.open_to_steps and each not in self.own
        ]
        ports = sorted(each.port for each in away)
        listen = "".join(f',permitlisten="127.0.0.1:{port}"' for port in ports)
        may = {"line": "restrict", "step": f"restrict,pty,port-forwarding{listen}"}
        lines = []
        for name, options in may.items():
            key = (self.keys / f"{name}.pub").read_text(encoding="ascii").strip()
            command = "line" if name == "line" else "run"
            lines.append(f'{options},command="exec python3 -I {_PLACE} {command}" {key}\n')
        return "".join(lines)

    async def keep_seed(self) -> None:
        """Keep the machine as it is: a reset goes back to this."""
        await self._keep("seed")
        (self.disk / "seeded").touch()

    async def keep(self) -> None:
        """Keep the machine for the next start of its sandbox."""
        await self._keep("kept")
        self._kept.touch()

    async def _keep(self, tag: str) -> None:
        await self.hang_up()
        await monitor.keep(self._monitor, tag)

    async def ready(self) -> bool:
        """Return whether its agent answers; the time and chance are told to it anew."""
        with contextlib.suppress(SandboxError):
            await self._ask({"op": "wake", **_waking()})
            self._kept.unlink(missing_ok=True)
            return True
        return False

    async def stop(self, with_signal: int | None = None) -> None:
        """End the machine."""
        await self.hang_up()
        await super().stop(with_signal)

    # ------------------------------------------------------------------ identity
    async def identify(self) -> str:
        """Ask it for the secret, on a connection that its pinned host key proved."""
        answer = await self._ask({"op": "prove"})
        if answer["secret"] != self.site.secret(f"{self.name}.identity"):
            raise BoundaryError(f"{self.name} is not the guest this sandbox made")
        return "process, pinned host key and a secret file"

    def version(self) -> str:
        """Return what it is."""
        about = self.versions
        return (
            f"arm64 machine, emulated by QEMU {about['emulator']}: "
            f"Debian {about['debian']}, Linux {about['kernel']}"
        )

    def step_environment(self) -> dict[str, str]:
        """Return nothing: steps are in it, or do not reach it."""
        return {}

    # ------------------------------------------------------------------ its line
    async def _ask(self, request: Mapping[str, Any], archive: Path | None = None) -> dict[str, Any]:
        """Ask the agent; a connection that ended is made anew, and so proven anew.

        Every request may be made twice: what it does is the same then.
        """
        if self._line:
            try:
                return await self._line.ask(request, archive)
            except Lost:
                await self.hang_up()
        self._line = Line(await self._ssh("line", ""))
        try:
            return await self._line.ask(request, archive)
        except Lost as error:
            await self.hang_up()
            if _OTHER_KEY in tail(self._ssh_log):
                what = f"{self.name}: its host key is not the one this sandbox made"
                raise BoundaryError(what) from error
            raise

    async def hang_up(self) -> None:
        """Close the line, if it is open."""
        line, self._line = self._line, None
        if line:
            await line.close()

    @property
    def _ssh_log(self) -> Path:
        return self.site.home / "log" / f"{self.name}.ssh.log"

    async def _ssh(self, key: str, command: str) -> Spawned:
        """Start ssh in a cell that has its key, the pinned host key, and the guest's door."""
        with self._ssh_log.open("wb") as log:
            return await self.site.spawn(
                [*relayed(self.addresses()), *self.ssh(key), *([command] if command else [])],
                self.ssh_binds(key),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log.fileno(),
            )

    def ssh_binds(self, key: str) -> list[Bind]:
        """Return what the cell of an ssh needs."""
        return [
            ("--ro-bind", str(self.keys / key), "/kb/ssh/key"),
            ("--ro-bind", str(self.keys / "known_hosts"), "/kb/ssh/known_hosts"),
            self.door_bind(),
        ]

    def ssh(self, key: str, doors: Sequence[Server] = (), *, tty: bool = False) -> list[str]:
        """Return the command of an ssh into the guest.

        The ports of `doors`, which the cell relays, are led to the same ports of its loopback.
        """
        command = ["ssh", "-F", "none", "-i", "/kb/ssh/key", "-p", str(self.port)]
        for name, value in {**_SSH, "HostKeyAlias": self.name}.items():
            command += ["-o", f"{name}={value}"]
        for door in (door for door in doors if door not in self.own):
            address = f"127.0.0.1:{door.port}"
            command += ["-R", f"{address}:{address}"]
        return [*command, "-tt" if tty else "-T", "root@127.0.0.1"]

    # ------------------------------------------------------------------ what runs on it
    async def put(self, path: str, mode: int, source: Path) -> None:
        """Copy a file to it."""
        request = {"op": "put", "to": path, "mode": mode, "within": _COPIED_WITHIN}
        await self._ask(request, source)

    async def lay(self, files: Mapping[str, str]) -> None:
        """Write files in it, closed to others."""
        await self._ask({"op": "lay", "files": dict(files)})

    async def do(self, *command: str, within: float = _ANSWER_WITHIN) -> str:
        """Run a command in it, as root; return what it prints.

        Raises:
            SandboxError: it failed.
        """
        answer = await self._ask({"op": "do", "command": list(command), "within": within})
        return str(answer["said"])

    # ------------------------------------------------------------------ steps
    async def begin_step(self, archive: Path, folders: Sequence[str]) -> None:
        """Lay out a step in the guest.

        Raises:
            SandboxError: another one is under way there, or it could not be done.
        """
        memory = (self.guest.memory << 20) * 3 // 4
        await self._ask({"op": "begin", "folders": list(folders), "memory": memory}, archive)

    async def end_step(self, folders: Sequence[str]) -> tuple[bytes, list[str]]:
        """End all of a step there; return an archive of what it changed, and what it deleted."""
        answer = await self._ask({"op": "end", "folders": list(folders)})
        return answer["bytes"], [str(path) for path in answer["deleted"]]

    async def reached(self, addresses: Sequence[tuple[str, int]]) -> list[Any]:
        """Return which addresses can be reached from inside the guest."""
        answer = await self._ask({"op": "reach", "addresses": list(addresses)})
        found: list[Any] = answer["reached"]
        return found


def _waking() -> dict[str, Any]:
    return {"now": time.time(), "entropy": secrets.token_hex(64)}
