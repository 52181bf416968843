"""A cluster outside of every cell, as the supervisor knows it: by its API, and by its keeper.

What proves it is no process, since none of it is ours to see: its authority, which the engine told
when the cluster was made, kube-system's UID, and a secret marker in it.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from kbtool.errors import SandboxError
from kbtool.sandbox.components.kubernetes import KubernetesApi
from kbtool.sandbox.components.server import Elsewhere
from kbtool.sandbox.door import Door
from kbtool.sandbox.keeper import API, CONTROL, FOLDER
from kbtool.sandbox.profile import K3d, Workload
from kbtool.sandbox.site import Bind, Site

_CLIENT: Final = str(Path(__file__).parent.parent / "hostexec.py")


class ClusterServer(Elsewhere, KubernetesApi):
    """k3s on nodes that are containers of an engine outside."""

    outside: ClassVar[bool] = True

    def __init__(self, part: K3d, site: Site, workloads: Iterable[Workload]) -> None:
        """Take the workloads that are applied with it."""
        super().__init__(part, site)
        self.nodes = part.nodes
        self.workloads = tuple(workloads)
        self.keeper = site.home / FOLDER
        self.socket = self.keeper / API
        self.door = Door(self.doors / self.socket_name, self.socket, self.pid)

    def pid(self) -> int:
        """Return how a process outside of our process namespace looks from inside: as nobody's."""
        return 0

    # ------------------------------------------------------------------ life
    @property
    def running(self) -> bool:
        """Whether it was started, and its keeper lives."""
        return self.wanted and _answers(self.keeper / CONTROL)

    @property
    def died(self) -> bool:
        """Whether its keeper ended although nobody told it to."""
        return self.wanted and not self.running

    async def create(self) -> None:
        """Have the cluster made, with a token for each user."""
        answer = await self._ask({"op": "create", "tokens": self.make_tokens()})
        self.write_kubeconfigs(answer["ca"].encode())
        self._keep("gateway", answer["gateway"].encode())

    async def launch(self) -> None:
        """Made, it runs."""
        self.wanted = True

    async def start(self) -> None:
        """Start every node, and wait until the API answers."""
        await self._ask({"op": "start"})
        await self.launch()
        await self.wait_for(self.ready, "ready")

    async def stop(self, with_signal: int | None = None) -> None:
        """End the server's node as a power cut does; when all ends the keeper removes it."""
        if self.wanted and self.running:
            servers = [node for node, role in self.nodes.items() if role == "server"]
            await self._ask({"op": "kill", "nodes": servers})
        self.wanted = False

    async def halt(self, node: str) -> None:
        """End one node."""
        await self._ask({"op": "kill", "nodes": [node]})

    async def state(self) -> str:
        """Return whether all nodes run."""
        if not self.running:
            return await super().state()
        up = (await self._ask({"op": "running"}))["nodes"]
        return "running" if len(up) == len(self.nodes) else f"{len(up)} of {len(self.nodes)} nodes"

    def manifests(self) -> Mapping[str, str]:
        """Return its own and its workloads'; `${gateway}` in them is where its pods leave it."""
        gateway = (self.data / "gateway").read_text(encoding="ascii")
        found = dict(self.part.manifests)
        for workload in self.workloads:
            found |= workload.manifests
        return gateway_of(found, gateway)

    async def settle(self, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Do what every API server does, and remember the version it tells."""
        told = await self.call("GET", "/version")
        (self.data / "version").write_text(told["gitVersion"], encoding="utf-8")
        return await super().settle(outputs)

    def version(self) -> str:
        """Return the version the API told."""
        try:
            return (self.data / "version").read_text(encoding="utf-8")
        except FileNotFoundError:
            return "unknown"

    # ------------------------------------------------------------------ the keeper
    def client(self, request: str) -> tuple[Sequence[str], Sequence[Bind]]:
        """Return the client of a step on a node, and that it sees the keeper's socket."""
        command = [os.path.realpath(sys.executable), "-I", "-S", _CLIENT]
        return [*command, f"/kb/keeper/{CONTROL}", request], [
            ("--ro-bind", str(self.keeper), "/kb/keeper")
        ]

    async def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the keeper.

        Raises:
            SandboxError: it refused, or is gone.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.keeper / CONTROL))
        except OSError as error:
            raise SandboxError(f"{self.name}: its keeper does not answer") from error
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
        writer.close()
        if not line:
            raise SandboxError(f"{self.name}: its keeper ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SandboxError(f"{self.name}: {answer['error']}", answer["hint"])
        return answer


def gateway_of(manifests: Mapping[str, str], gateway: str) -> Mapping[str, str]:
    """Return manifests with the address at which pods leave the cluster filled in."""
    return {file: text.replace("${gateway}", gateway) for file, text in manifests.items()}


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True
