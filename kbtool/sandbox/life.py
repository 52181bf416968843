"""The life of a sandbox: built from nothing, seeded, broken, taken back, ended."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kbtool.errors import KbError, SandboxError
from kbtool.runbook.expectation import parse_expectation
from kbtool.runbook.judge import judge, query_of
from kbtool.runbook.ports import Observation
from kbtool.sandbox import snapshot
from kbtool.sandbox.assembly import assembled
from kbtool.sandbox.cell import PROGRAMS
from kbtool.sandbox.components.cluster import ClusterServer
from kbtool.sandbox.components.guest import GuestServer
from kbtool.sandbox.components.openbao import program as bao_program
from kbtool.sandbox.components.postgres import programs as pg_programs
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.probing import Probing
from kbtool.sandbox.profile import Profile
from kbtool.sandbox.site import Site, tail
from kbtool.sandbox.steps import StepRun
from kbtool.sandbox.wire import query_json
from kbtool.text import Span

_CHECK_EVERY: Final = 0.1
Message = dict[str, Any]
Progress = Callable[[str], None]


class Life:
    """All servers of one sandbox, and what becomes of them."""

    def __init__(self, profile: Profile, boot: Mapping[str, Any], progress: Progress) -> None:
        """Assemble the servers; none of them is started."""
        self.profile = profile
        self.site = Site(boot["id"], boot["bwrap"])
        self.site.prepare()
        self.servers = assembled(profile, self.site, boot)
        self.probing = Probing(self.site, self.doors)
        self._kubectl = bool(boot["programs"])
        self._progress = progress
        self._steps = 0
        self._resetting = asyncio.Lock()

    @property
    def guests(self) -> dict[str, GuestServer]:
        """The hosts that are machines."""
        return {name: each for name, each in self.servers.items() if isinstance(each, GuestServer)}

    @property
    def doors(self) -> dict[str, Server]:
        """The servers that steps and checks may reach."""
        return {name: each for name, each in self.servers.items() if each.open_to_steps}

    @property
    def cluster(self) -> ClusterServer | None:
        """The cluster outside of the cells, None where there is none."""
        return next((s for s in self.servers.values() if isinstance(s, ClusterServer)), None)

    # ------------------------------------------------------------------ building
    async def up(self) -> None:
        """Start the sandbox, building it first when it is new.

        Raises:
            KbError: a part did not start; a part that ended is named, with the last of its log.
        """
        building = asyncio.create_task(self._up())
        try:
            while not building.done():
                await asyncio.wait({building}, timeout=_CHECK_EVERY)
                self._name_the_dead(None)
            building.result()
        except (KbError, OSError) as error:
            self._name_the_dead(error)
            raise
        finally:
            building.cancel()

    def _name_the_dead(self, error: Exception | None) -> None:
        """Say which part ended: what fails elsewhere because of that is no reason to show."""
        for name, server in self.servers.items():
            if server.died:
                raise SandboxError(f"{name} ended while starting: {tail(server.log)}") from error

    async def _up(self) -> None:
        self._tools()
        for server in self.servers.values():
            await server.door.open()
        if not self.site.state():
            await self._build()
        else:
            await self._load(self._kept if self._kept.exists() else self._seeded)
            self._kept.unlink(missing_ok=True)  # a sandbox that is killed starts from its seed
            await self._start(list(self.servers.values()))

    @property
    def _seeded(self) -> Path:
        return self.site.home / "seed.tar"

    @property
    def _kept(self) -> Path:
        return self.site.home / "kept.tar"

    async def _load(self, archive: Path) -> None:
        await snapshot.load(archive, self.site.home / "data")

    def _tools(self) -> None:
        """Write the commands of steps: wrappers, since a linked Python forgets its environment."""
        tools = {"bao": bao_program(), "vault": bao_program(), "python3": Path(sys.executable)}
        tools |= {name: pg_programs() / name for name in ("psql", "pg_isready", "pg_dump")}
        if self._kubectl:
            tools["kubectl"] = Path(PROGRAMS, "kubectl")
        for name, program in tools.items():
            path = self.site.home / "bin" / name
            path.write_text(f'#!/bin/sh\nexec "{program}" "$@"\n', encoding="utf-8")
            path.chmod(0o755)

    async def _build(self) -> None:
        """Make data, keys and seed; keep a copy to reset to."""
        outputs: dict[str, Mapping[str, str]] = {}
        identity: dict[str, Mapping[str, str]] = {}
        self._progress("creating and starting " + ", ".join(self.servers))
        self._make_hosts()
        created = {
            name: asyncio.create_task(server.create()) for name, server in self.servers.items()
        }

        async def raise_(server: Server, needed: Sequence[asyncio.Task[None]]) -> None:
            await asyncio.gather(*(created[each.name] for each in (server, *server.needs)))
            if server.waits:
                await asyncio.gather(*needed)
            await server.launch()
            await server.begin()
            await asyncio.gather(*needed)
            self._progress(f"seeding and configuring {server.name}")
            outputs[server.name] = await server.settle(outputs)

        await self._all(raise_)
        for name, server in self.servers.items():
            identity[name] = await server.identity()
        await self._make_step_secrets()
        self.site.remember({"identity": identity})
        await self._seed()
        await self._keep_seed()
        self._progress("proving identity")
        await self.identify()

    async def _all(
        self, do: Callable[[Server, Sequence[asyncio.Task[None]]], Coroutine[Any, Any, None]]
    ) -> None:
        """Do something to every server at once; each is told the tasks of those it needs."""
        tasks: dict[str, asyncio.Task[None]] = {}
        for name, server in self.servers.items():
            needed = [tasks[each.name] for each in server.needs]
            tasks[name] = asyncio.create_task(do(server, needed))
        await asyncio.gather(*tasks.values())

    async def _make_step_secrets(self) -> None:
        for name, source in self.profile.secrets.items():
            value = await self.servers[source.component].step_secret(source)
            self.site.keep(name, value, step=True)

    async def _seed(self) -> None:
        if not self.profile.seed:
            return
        self._progress("seeding as the application")
        done = await self.run_block(
            self.profile.seed, self.profile.seed_secrets, 120.0, admin=self.profile.seed_admin
        )
        if done["exit"] != 0:
            raise SandboxError(f"the seed failed: {done['stderr'].strip()[-400:]}")

    async def _keep_seed(self) -> None:
        """Copy the data while nobody moves: the models first, since they act on what they see."""
        self._progress("keeping the seed")
        models = [server for server in self.servers.values() if not server.real]
        real = [server for server in self.servers.values() if server.real]
        try:
            await asyncio.gather(*(server.hold() for server in models))
            await asyncio.gather(*(server.keep_seed() for server in real))
            await asyncio.gather(*(server.hold() for server in real))
            await snapshot.save(self.site.home / "data", self._seeded)
        finally:
            await asyncio.gather(*(server.release() for server in (*real, *models)))

    async def _start(self, servers: Sequence[Server]) -> None:
        """Start servers, and make all usable."""

        async def start(server: Server, needed: Sequence[asyncio.Task[None]]) -> None:
            if server.waits:
                await asyncio.gather(*needed)
            if server in servers:
                await server.start()

        await self._all(start)
        for server in self.servers.values():
            await server.resume()

    async def _stop_servers(self) -> None:
        await asyncio.gather(*(server.stop(server.stop_with) for server in self.servers.values()))

    async def identify(self) -> Mapping[str, str]:
        """Prove every running server; return how each was proven.

        Raises:
            BoundaryError: one is not what this sandbox made.
        """
        return {
            name: await server.identify() for name, server in self.servers.items() if server.running
        }

    # ------------------------------------------------------------------ faults
    async def inject(self, name: str) -> Message:
        """Do what a fault does; return whether its own observation saw it."""
        fault = self.profile.faults[name]
        for action in fault.do:
            words = action.split()
            if words[0] == "script":
                await self._run_script(fault.scripts[words[1]])
            else:
                await self._break(words)
        return await self._seen(fault.observe)

    async def _run_script(self, script: str) -> None:
        done = await self.run_block(script, (), 120.0, admin=True)
        if done["exit"] != 0:
            raise SandboxError(f"the fault's script failed: {done['stderr'].strip()[-400:]}")

    async def _break(self, words: list[str]) -> None:
        if words[0] == "halt":
            await self._halt(words[1])
            return
        server = self.servers[words[1]]
        if words[0] == "call":
            await server.call(words[2], words[3], {})
            return
        await server.stop()
        if words[0] == "restart":
            await server.start()

    async def _halt(self, host: str) -> None:
        """End a host as a power cut does."""
        if host in self.guests:
            await self.guests[host].stop()
        elif self.cluster:
            await self.cluster.halt(host)

    async def _seen(self, source: str) -> Message:
        """Poll a fault's own observation until it is green, or its time is up."""
        expectation = parse_expectation(source, Span(0, 0))
        loop = asyncio.get_running_loop()
        limit = loop.time() + expectation.within
        while True:
            query = query_of(expectation.check, {})
            answer = await self.observe({"query": query_json(query), "timeout": 5})
            verdict = judge(expectation.check, Observation(**answer), {})
            if verdict.color == "green" or loop.time() >= limit:
                return {"seen": verdict.color == "green", "detail": verdict.seen}
            await asyncio.sleep(_CHECK_EVERY)

    async def reset(self) -> None:
        """Go back to the seeded state: unpack it, start, unseal.

        A server that can be taken back while it runs is: starting an API server takes seconds. The
        models go first, since they would act on what they see meanwhile. What is outside of the
        cells cannot go back: with a cluster everything is built anew.
        """
        async with self._resetting:
            await self.probing.close()
            if self.cluster:
                await self._rebuild()
                return
            running = {each.name for each in self.servers.values() if each.can_restore()}
            others = [each for each in self.servers.values() if each.name not in running]
            ahead = [each for each in others if each.can_go_ahead()]
            await asyncio.gather(*(server.stop() for server in others))
            await asyncio.gather(*(server.launch() for server in ahead))
            kept = running | {each.name for each in ahead}
            for name in [name for name in reversed(self.servers) if name in running]:
                await self.servers[name].restore()
            await snapshot.load(self._seeded, self.site.home / "data", keep=kept)
            for name in ("home", "work"):
                shutil.rmtree(self.site.home / name, ignore_errors=True)
                (self.site.home / name).mkdir(mode=0o700)
            await self._start(others)
            await self.identify()

    async def _rebuild(self) -> None:
        """Make data, keys, cluster and seed once more."""
        await self._stop_servers()
        for name in ("home", "work", *(f"data/{name}" for name in self.servers)):
            shutil.rmtree(self.site.home / name, ignore_errors=True)
            (self.site.home / name).mkdir(mode=0o700)
        await self._build()

    async def observe(self, request: Message) -> Message:
        """Answer a check's question: a query, and how long it may take."""
        query, timeout = request["query"], float(request["timeout"])
        if query["kind"] != "run":
            return await self.probing.ask(query, timeout)
        secrets = (query["secret"],) if query["secret"] else ()
        done = await self.run_block(query["command"], secrets, timeout, env=query["env"])
        if done["timed_out"]:
            return {"status": "error", "detail": f"no end within {timeout:.0f} s"}
        return {"status": "value", "value": done["exit"], "detail": done["stderr"][-200:]}

    async def end(self, *, keep: bool) -> None:
        """Stop all; with `keep` the data stay for a quick start."""
        if keep:
            running = (guest for guest in self.guests.values() if guest.running)
            await asyncio.gather(*(guest.keep() for guest in running))
        await self._shut()
        if keep:
            await snapshot.save(self.site.home / "data", self._kept)

    async def _shut(self) -> None:
        """Stop the servers in good order, and remove the sockets."""
        await self.probing.close()
        await self._stop_servers()
        for server in self.servers.values():
            server.door.path.unlink(missing_ok=True)
            server.socket.unlink(missing_ok=True)

    # ------------------------------------------------------------------ steps
    def new_step(self) -> StepRun:
        """Return a step that was not started."""
        self._steps += 1
        hosts = self.profile.hosts
        return StepRun(self.site, self.doors, self._steps, hosts, self.guests, self.cluster)

    def _make_hosts(self) -> None:
        if self.cluster:
            return
        for host, folders in self.profile.hosts.items():
            for folder in folders:
                self.site.host(host, folder).mkdir(parents=True, exist_ok=True)

    async def run_block(
        self,
        script: str,
        secrets: tuple[str, ...],
        timeout: float,
        *,
        shell: str = "bash",
        env: Mapping[str, str] | None = None,
        admin: bool = False,
    ) -> Message:
        """Run a script as a step runs, to its end; return what became of it."""
        step = self.new_step()
        action: Message = {"script": script, "shell": shell, "flags": ["-eu"], "secrets": secrets}
        action |= {"on": "", "admin": admin}
        await step.start({**action, "env": env or {}, "files": {}, "types": [], "endpoints": None})
        return await step.finish(timeout, ())
