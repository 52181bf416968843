"""The supervisor's side of the prober: one process, one question at a time, each bounded."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kbtool.errors import SandboxError
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.site import Bind, Site, Spawned

_PROBER: Final = str(Path(__file__).with_name("prober.py"))
_RELAY: Final = str(Path(__file__).with_name("relay.py"))


class Probing:
    """Asks the prober; replaces it when it did not answer in time."""

    def __init__(self, site: Site, servers: Mapping[str, Server]) -> None:
        self.site = site
        self.servers = servers
        self._spawned: Spawned | None = None
        self._lock = asyncio.Lock()

    async def ask(self, query: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Return the observation of an http, sql or k8s query as JSON data."""
        async with self._lock:
            try:
                return await asyncio.wait_for(self._ask(query, timeout), timeout + 2)
            except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as error:
                await self.close()
                detail = "no answer in time" if isinstance(error, TimeoutError) else str(error)
                return {"status": "error", "detail": detail}

    async def _ask(self, query: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        spawned = self._spawned or await self._start()
        stdin, stdout = spawned.process.stdin, spawned.process.stdout
        if stdin is None or stdout is None:
            raise OSError("the prober has no streams")
        stdin.write(json.dumps(self._question(query, timeout)).encode() + b"\n")
        await stdin.drain()
        answer: dict[str, Any] = json.loads(await stdout.readuntil(b"\n"))
        return answer

    def _question(self, query: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        return {**query, **self._asked(query).question(), "timeout": timeout}

    def _asked(self, query: Mapping[str, Any]) -> Server:
        if query["kind"] != "k8s":
            return self.servers[query["component"]]
        found = [each for each in self.servers.values() if "kubectl" in each.question()]
        if not found:
            raise SandboxError("this profile has no Kubernetes", "it takes another profile")
        return found[0]

    async def _start(self) -> Spawned:
        folder = self.site.folder("work", "prober")
        (folder / "step").mkdir(exist_ok=True)
        (folder / "step" / "env.json").write_text("{}", encoding="ascii")
        binds: list[Bind] = [
            ("--ro-bind", str(folder / "step"), "/kb/step"),
            ("--ro-bind", str(folder / "step"), "/kb/work"),
        ]
        for server in self.servers.values():
            binds += [server.door_bind(), *server.check_binds()]
        command = [sys.executable, "-I", "-S", _RELAY]
        command += [server.addresses() for server in self.servers.values()]
        command += ["--", sys.executable, "-I", _PROBER]
        self._spawned = await self.site.spawn(
            command, binds, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
        return self._spawned

    async def close(self) -> None:
        """End the prober; the next question starts another."""
        spawned, self._spawned = self._spawned, None
        if spawned:
            spawned.kill()
            await spawned.process.wait()
