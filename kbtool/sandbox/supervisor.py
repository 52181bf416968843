"""The one process that parents everything of a sandbox. Runs inside the outer cell.

It answers on a unix socket in the sandbox's folder, one JSON object a line. Its end is, by its
process namespace, the end of every server, step and check.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from kbtool.errors import BoundaryError, KbError
from kbtool.sandbox.cell import HOME
from kbtool.sandbox.components.guest import GATEWAYS
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.door import peer_uid
from kbtool.sandbox.layers import inside_view
from kbtool.sandbox.life import Life, Message
from kbtool.sandbox.profile import from_json
from kbtool.sandbox.steps import StepRun

SOCKET: Final = f"{HOME}/ctl/sock"


def give_up_root(uid: int) -> None:
    """Become a real unprivileged user, for good.

    Raises:
        BoundaryError: some privilege is left.
    """
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    if set(lines["Uid"].split()) != {str(uid)} or int(lines["CapEff"], 16):
        raise BoundaryError("root could not be given up")


class Supervisor:
    """Serves the sandbox of one profile: a request a connection, on one socket."""

    def __init__(self, boot: Mapping[str, Any]) -> None:
        self.boot = boot
        self.life = Life(from_json(boot["profile"]), boot, progress)
        self.stopping = asyncio.Event()
        self._listener: asyncio.Server | None = None

    async def up(self) -> None:
        """Start the sandbox, then listen.

        Raises:
            KbError: a part did not start.
        """
        await self.life.up()
        self._listener = await asyncio.start_unix_server(self._serve, SOCKET, limit=64 << 20)

    # ------------------------------------------------------------------ serving
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if peer_uid(writer.get_extra_info("socket")) not in self._callers():
                return
            line = await reader.readline()
            if line:
                request = json.loads(line)
                await self._answer(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    def _callers(self) -> set[int]:
        # In a user namespace root outside shows as the overflow uid; the folder is closed to all
        # but its owner and root anyway.
        return {os.getuid(), 0, 65534}

    async def _answer(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        streaming = {"start": self._start_step, "shell": self._shell}
        try:
            if request["op"] in streaming:
                await streaming[request["op"]](request, reader, writer)
                return
            answer = await self._operations()[request["op"]](request)
        except KbError as error:
            answer = {"error": error.message, "hint": error.hint, "type": type(error).__name__}
        except (OSError, KeyError) as error:
            answer = {
                "error": f"{type(error).__name__}: {error}",
                "hint": "",
                "type": "SandboxError",
            }
        await _send(writer, answer)

    def _operations(self) -> Mapping[str, Callable[[Message], Awaitable[Message]]]:
        return {
            "status": self._status,
            "describe": self._describe,
            "observe": self.life.observe,
            "inject": self._inject,
            "reset": self._reset,
            "dead": self._dead,
            "stop": self._stop,
            "adopt": self._adopt,
            "doors": self._doors,
        }

    async def _status(self, _request: Message) -> Message:
        parts = {}
        for name, server in self.life.servers.items():
            parts[name] = {"state": await server.state(), "version": server.version()}
        return {"parts": parts}

    async def _doors(self, _request: Message) -> Message:
        """Tell where the doors are, below the sandbox's folder, and what clients need there."""
        return {"doors": {name: self._door(server) for name, server in self.life.doors.items()}}

    def _door(self, server: Server) -> Message:
        home = self.life.site.home
        files = {
            inside: str(Path(outside).relative_to(home))
            for _, outside, inside in server.step_binds(admin=False)
        }
        socket = str(server.door.path.relative_to(home))
        environment = server.step_environment()
        return {"socket": socket, "port": server.port, "environment": environment, "files": files}

    async def _dead(self, _request: Message) -> Message:
        return {"dead": [name for name, server in self.life.servers.items() if server.died]}

    async def _describe(self, request: Message) -> Message:
        proofs = await self.life.identify()
        script = inside_view(request["tcp"], request["abstract"], request["file"], request["path"])
        seen = await self.life.run_block(script, (), 30.0, shell="sh")
        outward = [(host, request["tcp"]) for host in GATEWAYS]
        up = {name: guest for name, guest in self.life.guests.items() if guest.running}
        reached = {name: await guest.reached(outward) for name, guest in up.items()}
        nets = {}
        for name, server in self.life.servers.items():
            if server.running and not server.outside:
                nets[name] = _interfaces(server.pid() or 0)
        return {
            "proofs": proofs,
            "seen": seen,
            "own": {"uid": os.getuid(), "interfaces": _interfaces(os.getpid())},
            "servers": nets,
            "guests": reached,
            "real": {name: server.real for name, server in self.life.servers.items()},
            "versions": {name: server.version() for name, server in self.life.servers.items()},
        }

    async def _adopt(self, _request: Message) -> Message:
        """Stop hanging on the life of the process that started us."""
        if self.boot["ephemeral"]:
            asyncio.get_running_loop().remove_reader(0)
        return {}

    async def _inject(self, request: Message) -> Message:
        return await self.life.inject(request["fault"])

    async def _reset(self, _request: Message) -> Message:
        await self.life.reset()
        return {}

    async def _stop(self, request: Message) -> Message:
        await self.life.end(keep=request["keep"])
        Path(SOCKET).unlink(missing_ok=True)
        self.stopping.set()
        return {}

    # ------------------------------------------------------------------ steps
    async def _start_step(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Run a step for as long as its connection lasts, then answer questions about it."""
        await self.life.identify()
        step = self.life.new_step()
        await step.start(request["action"])
        await _send(writer, {"started": True})
        finish = asyncio.create_task(
            step.finish(request["action"]["timeout"], request["action"]["types"])
        )
        asked = asyncio.create_task(reader.readline())
        await asyncio.wait({finish, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not finish.done():  # told to kill, or the client is gone
            step.kill()
        done = await finish
        await _send(writer, {"completed": done})
        while line := await asked:
            request = json.loads(line)
            if request["op"] == "keep":
                await _send(writer, self._keep(step, request))
            asked = asyncio.create_task(reader.readline())

    def _keep(self, step: StepRun, request: Message) -> Message:
        from kbtool.pattern import captured

        value = captured(request["pattern"], step.out.text())
        if value is None:
            return {"kept": False}
        self.life.site.keep(request["name"], value, step=True)
        return {"kept": True}

    async def _shell(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Give a person a confined bash: the connection becomes the terminal."""
        await self.life.identify()
        step = self.life.new_step()
        action = {"script": "exec bash --norc -i", "shell": "bash", "flags": [], "tty": True}
        action |= {"on": request.get("on", "")}
        env = {"TERM": request["term"], "PS1": f"{self.boot['name']}$ "}
        rest = {
            "env": env,
            "files": {},
            "types": [],
            "endpoints": None,
            "secrets": request["secrets"],
        }
        await step.start({**action, **rest, "size": request["size"]})
        await _send(writer, {"started": True})
        await _terminal(step, reader, writer)


async def _terminal(
    step: StepRun, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    master = step.master
    if master is None:
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        try:
            data = os.read(master, 4096)
        except OSError:
            data = b""
        if data:
            writer.write(data)
        elif not ended.done():
            loop.remove_reader(master)
            ended.set_result(None)

    async def typed() -> None:
        while data := await reader.read(4096):
            os.write(master, data)

    loop.add_reader(master, readable)
    typing = asyncio.ensure_future(typed())
    await asyncio.wait({ended, typing}, return_when=asyncio.FIRST_COMPLETED)
    typing.cancel()
    if not ended.done():
        loop.remove_reader(master)
    step.kill()
    os.close(master)
    await step.leave()


def _interfaces(pid: int) -> list[str]:
    """Return the network interfaces a process can see."""
    lines = Path(f"/proc/{pid}/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return [line.split(":")[0].strip() for line in lines]


async def _send(writer: asyncio.StreamWriter, message: Message) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()


def progress(text: str) -> None:
    """Tell whoever started the sandbox what is going on."""
    _tell({"progress": text})


def _tell(message: Message) -> None:
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


async def _live(supervisor: Supervisor) -> None:
    """Be up until told to stop, or until the owner of an ephemeral sandbox is gone."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stopping.set)
    if supervisor.boot["ephemeral"]:
        loop.add_reader(0, supervisor.stopping.set)  # nothing is ever written: readable is EOF
    await supervisor.up()
    _tell({"ready": True})
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    await supervisor.stopping.wait()


async def _main(boot: Mapping[str, Any]) -> None:
    supervisor = Supervisor(boot)
    live = asyncio.create_task(_live(supervisor))
    stopped = asyncio.create_task(supervisor.stopping.wait())
    await asyncio.wait({live, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if live.done():
        live.result()


def main() -> None:
    """Read the boot file, give up root, build or start, serve; leave by `_exit`."""
    boot = json.loads(Path(HOME, "boot.json").read_bytes())
    try:
        if os.getuid() == 0:
            give_up_root(boot["uid"])
        asyncio.run(_main(boot))
    except KbError as error:
        _tell({"error": error.message, "hint": error.hint, "type": type(error).__name__})
    os._exit(0)  # the process namespace ends with us: nothing is left to wait for


if __name__ == "__main__":
    main()
