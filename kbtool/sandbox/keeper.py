"""The one process of a sandbox that stands outside its cell: it holds the engine for a cluster.

Docker's socket never enters a cell. What is inside asks here, over two unix sockets in the
sandbox's folder: one leads to the cluster's API, the other takes a closed list of requests about
this one cluster, one JSON object a line. The other way it leads the cluster's nodes, and nobody
else, to the doors that the profile names. When the supervisor is gone, the cluster goes, and then
the keeper.
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from kbtool.errors import KbError, SandboxError
from kbtool.sandbox.door import pump
from kbtool.sandbox.engine import (
    Cluster,
    Engine,
    Network,
    cluster_name,
    containers,
    kill_command,
    laid_out,
    step_command,
)
from kbtool.sandbox.process import Proc
from kbtool.sandbox.profile import K3d, part_from_json

BOOT: Final = "keeper.json"  # in the sandbox's folder
FOLDER: Final = "keeper"  # below the cell's folder: what is seen inside
CONTROL: Final = "control.sock"
API: Final = "api.sock"
_LOOK_EVERY: Final = 0.5
Message = dict[str, Any]


class Keeper:
    """Serves one sandbox, for as long as its supervisor lives."""

    def __init__(self, boot: Mapping[str, Any]) -> None:
        self.sandbox: str = boot["id"]
        self.part = _cluster_part(boot["part"])
        self.reach: Mapping[str, tuple[int, str]] = boot["reach"]
        self.hosts: Mapping[str, tuple[str, ...]] = boot["hosts"]
        self.engine = Engine.found(Path(boot["home"]))
        self.nodes = containers(self.part, cluster_name(self.sandbox))
        self.cluster: Cluster | None = None
        self._steps = 0
        self._api: asyncio.Server | None = None
        self._outlets: list[asyncio.Server] = []
        self._peers: frozenset[str] = frozenset()  # who may use the outlets

    async def serve(self, supervisor: Callable[[], bool]) -> None:
        """Answer until the supervisor is gone; then remove the cluster."""
        server = await _listen(self._answer, CONTROL)
        os.write(1, b"ready\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            while supervisor():  # noqa: ASYNC110 - it is no child of ours
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            server.close()
            self.engine.remove(self.sandbox)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            if request["op"] == "exec":
                await self._exec(request, reader, writer)
                return
            answer = await self._operations()[request["op"]](request)
        except KbError as error:
            answer = {"error": error.message, "hint": error.hint}
        except (OSError, ValueError, KeyError) as error:
            answer = {"error": f"{type(error).__name__}: {error}", "hint": ""}
        with contextlib.suppress(OSError):
            await _send(writer, answer)
            writer.close()

    def _operations(self) -> Mapping[str, Callable[[Message], Awaitable[Message]]]:
        return {
            "create": self._create,
            "kill": self._kill,
            "start": self._start,
            "running": self._running,
        }

    # ------------------------------------------------------------------ the cluster
    async def _create(self, request: Message) -> Message:
        """Make the cluster anew."""
        await self._close_api()
        await asyncio.to_thread(self.engine.remove, self.sandbox)
        tokens = request["tokens"].encode()
        made = await asyncio.to_thread(self.engine.create, self.part, self.sandbox, tokens)
        await self._lay_out()
        self.cluster = made
        await self._open_api()
        return {"ca": made.ca.decode("ascii"), "gateway": await self._open_outlets()}

    async def _lay_out(self) -> None:
        for host, folders in self.hosts.items():
            await asyncio.to_thread(self.engine.lay_out, self.nodes[host], host, folders)

    # ------------------------------------------------------------------ the way out of the cluster
    async def _open_outlets(self) -> str:
        """Listen at the gateway of the cluster's network for what its pods may reach; return it."""
        for outlet in self._outlets:
            outlet.close()
        network = await self._learn_peers()
        self._outlets = [
            await self._outlet(network.gateway, port, door) for port, door in self.reach.values()
        ]
        return network.gateway

    async def _learn_peers(self) -> Network:
        nodes = list(self.nodes.values())
        network = await asyncio.to_thread(self.engine.network, self.sandbox, nodes)
        self._peers = network.nodes
        return network

    async def _outlet(self, gateway: str, port: int, door: str) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._to_door(door, reader, writer)

        try:
            return await asyncio.start_server(serve, gateway, port)
        except OSError as error:
            raise SandboxError(
                f"the gateway of the cluster's network is not this machine's: {error.strerror}",
                "the engine must run on this machine itself, not in a virtual one of its own",
            ) from error

    async def _to_door(
        self, door: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Lead a node to a door; nobody else, although others may reach the address."""
        if writer.get_extra_info("peername")[0] not in self._peers:
            writer.close()
            return
        try:
            there, back = await asyncio.open_unix_connection(door)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def _open_api(self) -> None:
        self._api = await _listen(self._to_api, API)

    async def _close_api(self) -> None:
        if self._api:
            self._api.close()
            self._api = None
        Path(API).unlink(missing_ok=True)

    async def _to_api(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cluster is None:
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.cluster.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    def _chosen(self, request: Message) -> list[str]:
        """Return the containers of the nodes a request names; all where it names none."""
        unknown = set(request.get("nodes", ())) - set(self.nodes)
        if unknown:
            raise SandboxError(f"this cluster has no node {', '.join(sorted(unknown))}")
        return [self.nodes[node] for node in request.get("nodes") or self.nodes]

    async def _kill(self, request: Message) -> Message:
        await asyncio.to_thread(self.engine.kill, *self._chosen(request))
        return {}

    async def _start(self, request: Message) -> Message:
        await asyncio.to_thread(self.engine.start, *self._chosen(request))
        await self._learn_peers()
        await self._lay_out()
        return {}

    async def _running(self, _request: Message) -> Message:
        found = await asyncio.to_thread(self.engine.running, *self.nodes.values())
        return {"nodes": [node for node, name in self.nodes.items() if name in found]}

    # ------------------------------------------------------------------ steps on nodes
    async def _exec(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Run a block on a node; who asked hangs up, or its time is up: it is ended there."""
        self._steps += 1
        number, container = self._steps, self._chosen({"nodes": [request["host"]]})[0]
        command = step_command(container, number, request["shell"], request["flags"])
        try:
            with laid_out(self.engine, container, number, request):
                process = await asyncio.create_subprocess_exec(
                    self.engine.docker,
                    *command,
                    stdin=DEVNULL,
                    stdout=PIPE,
                    stderr=PIPE,
                    env=self.engine.environment(),
                )
                streams = [
                    asyncio.create_task(_forward(process.stdout, "out", writer)),
                    asyncio.create_task(_forward(process.stderr, "err", writer)),
                ]
                ended = asyncio.create_task(process.wait())
                hung_up = asyncio.create_task(reader.read(1))
                limit = float(request["timeout"])
                await asyncio.wait(
                    {ended, hung_up}, timeout=limit, return_when=asyncio.FIRST_COMPLETED
                )
                if not ended.done():
                    kill = kill_command(container, number)
                    await asyncio.to_thread(self.engine.ask, self.engine.docker, *kill)
                code = await ended
                hung_up.cancel()
                await asyncio.gather(*streams)
            await _send(writer, {"exit": code})
        except KbError as error:
            await _send(writer, {"error": error.message, "hint": error.hint})
        finally:
            writer.close()


def _cluster_part(data: Mapping[str, Any]) -> K3d:
    part = part_from_json(data)
    if not isinstance(part, K3d):
        raise SandboxError(f"{part.name} is no cluster outside")
    return part


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _listen(answer: Handler, name: str) -> asyncio.Server:
    """Listen in the working folder: a socket's name has 107 bytes."""
    Path(name).unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, name, limit=64 << 20)
    Path(name).chmod(0o666)  # the cell's folder is closed to all but the sandbox's own uid
    return server


async def _forward(
    source: asyncio.StreamReader | None, name: str, writer: asyncio.StreamWriter
) -> None:
    while source and (data := await source.read(1 << 15)):
        with contextlib.suppress(OSError):
            await _send(writer, {name: base64.b64encode(data).decode()})


async def _send(writer: asyncio.StreamWriter, message: Message) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()


def supervisor_of(folder: Path, launcher: Proc) -> Callable[[], bool]:
    """Return what tells whether the sandbox is wanted: the launcher lives, or the supervisor."""

    def wanted() -> bool:
        try:
            record = json.loads((folder / "record.json").read_bytes())
            return Proc(**record["supervisor"]).alive()
        except (OSError, ValueError, KeyError, TypeError):
            return launcher.alive()

    return wanted


def main(folder: Path) -> None:
    """Serve the sandbox of a folder; say on stdout when it can be asked."""
    boot = json.loads((folder / BOOT).read_bytes())
    keeper = Keeper(boot)
    wanted = supervisor_of(folder, Proc(**boot["launcher"]))
    os.chdir(folder / "cell" / FOLDER)
    asyncio.run(keeper.serve(wanted))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
