"""The one process that parents everything of a sandbox. Runs inside the outer cell.

It answers on a unix socket in the sandbox's folder, one JSON object a line. Its end is, by its
process namespace, the end of every server, step and check.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kbtool.errors import BoundaryError, KbError, SandboxError
from kbtool.runbook.expectation import parse_expectation
from kbtool.runbook.judge import judge, query_of
from kbtool.runbook.ports import Observation
from kbtool.sandbox import snapshot
from kbtool.sandbox.cell import HOME, PROGRAMS
from kbtool.sandbox.components.cluster import ClusterServer
from kbtool.sandbox.components.guest import GATEWAYS, GuestServer
from kbtool.sandbox.components.hosted import K3sServer, ServiceServer
from kbtool.sandbox.components.kubernetes import ApiServer, ControllerManager, EtcdServer
from kbtool.sandbox.components.model import ModelServer
from kbtool.sandbox.components.network import Network
from kbtool.sandbox.components.openbao import OpenBaoServer
from kbtool.sandbox.components.openbao import program as bao_program
from kbtool.sandbox.components.postgres import PostgresServer
from kbtool.sandbox.components.postgres import programs as pg_programs
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.components.workload import WorkloadServer
from kbtool.sandbox.door import peer_uid
from kbtool.sandbox.layers import inside_view
from kbtool.sandbox.probing import Probing
from kbtool.sandbox.profile import (
    Component,
    Compose,
    K3d,
    K3s,
    Kubernetes,
    Postgres,
    Profile,
    from_json,
)
from kbtool.sandbox.site import Site, tail
from kbtool.sandbox.steps import StepRun
from kbtool.sandbox.wire import query_json
from kbtool.text import Span

_CHECK_EVERY: Final = 0.1
Message = dict[str, Any]


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
    """Builds the sandbox of one profile and serves it."""

    def __init__(self, boot: Mapping[str, Any]) -> None:
        self.boot = boot
        self.profile: Profile = from_json(boot["profile"])
        self.site = Site(boot["id"], boot["bwrap"])
        self.site.prepare()
        self.servers = self._servers()
        self.probing = Probing(self.site, self.doors)
        self.stopping = asyncio.Event()
        self._steps = 0
        self._listener: asyncio.Server | None = None
        self._resetting = asyncio.Lock()

    def _servers(self) -> dict[str, Server]:
        servers: dict[str, Server] = {}
        for part in self.profile.components.values():
            servers |= {server.name: server for server in self._servers_of(part, servers)}
        for name, workload in self.profile.workloads.items():
            cluster = next(each for each in servers.values() if isinstance(each, ClusterServer))
            servers[name] = WorkloadServer(workload, self.site, cluster)
        for model in self.profile.models.values():
            servers[model.name] = ModelServer(model, self.site, servers)
        self._add_machines(servers)
        return servers

    def _add_machines(self, servers: dict[str, Server]) -> None:
        """Add the network between guests, the guests, and what runs on them."""
        guests, made = self.profile.guests, dict[str, GuestServer]()
        if on_it := {name: each for name, each in guests.items() if each.address}:
            servers["network"] = Network(on_it, self.site)
        for name in guests:
            versions = self.boot["guests"][name]
            made[name] = GuestServer(guests, name, self.site, versions, servers)
        servers |= made
        for part in self.profile.components.values():
            if isinstance(part, K3s):
                servers[part.name] = K3sServer(part, self.site, made)
            elif isinstance(part, Compose):
                before: list[Server] = []
                for service in part.images:
                    host = made[part.guest]
                    servers[service] = ServiceServer(part, service, self.site, host, before)
                    before.append(servers[service])

    def _servers_of(self, part: Component, others: Mapping[str, Server]) -> Sequence[Server]:
        """Return the servers of a component; those it needs come before it in the profile."""
        if isinstance(part, K3s | Compose):
            return []  # on guests, which come first
        if isinstance(part, Postgres):
            return [PostgresServer(part, self.site)]
        if isinstance(part, K3d):
            return [ClusterServer(part, self.site, self.profile.workloads.values())]
        if isinstance(part, Kubernetes):
            versions = self.boot["programs"]
            etcd = EtcdServer(self.site, versions)
            api = ApiServer(part, self.site, versions, etcd)
            return [etcd, api, ControllerManager(self.site, versions, api)]
        needed = [others[name] for name in (part.database, part.kubernetes) if name]
        return [OpenBaoServer(part, self.site, needed)]

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
        self._listener = await asyncio.start_unix_server(
            self._serve, f"{HOME}/ctl/sock", limit=64 << 20
        )

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
        if self.boot["programs"]:
            tools["kubectl"] = Path(PROGRAMS, "kubectl")
        for name, program in tools.items():
            path = self.site.home / "bin" / name
            path.write_text(f'#!/bin/sh\nexec "{program}" "$@"\n', encoding="utf-8")
            path.chmod(0o755)

    async def _build(self) -> None:
        """Make data, keys and seed; keep a copy to reset to."""
        outputs: dict[str, Mapping[str, str]] = {}
        identity: dict[str, Mapping[str, str]] = {}
        progress("creating and starting " + ", ".join(self.servers))
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
            progress(f"seeding and configuring {server.name}")
            outputs[server.name] = await server.settle(outputs)

        await self._all(raise_)
        for name, server in self.servers.items():
            identity[name] = await server.identity()
        await self._make_step_secrets()
        self.site.remember({"identity": identity})
        await self._seed()
        await self._keep_seed()
        progress("proving identity")
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
        progress("seeding as the application")
        done = await self._run_block(
            self.profile.seed, self.profile.seed_secrets, 120.0, admin=self.profile.seed_admin
        )
        if done["exit"] != 0:
            raise SandboxError(f"the seed failed: {done['stderr'].strip()[-400:]}")

    async def _keep_seed(self) -> None:
        """Copy the data while nobody moves: the models first, since they act on what they see."""
        progress("keeping the seed")
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
            "observe": self._observe,
            "inject": self._inject,
            "reset": self._reset,
            "dead": self._dead,
            "stop": self._stop,
            "adopt": self._adopt,
            "doors": self._doors,
        }

    async def _status(self, _request: Message) -> Message:
        parts = {}
        for name, server in self.servers.items():
            parts[name] = {"state": await server.state(), "version": server.version()}
        return {"parts": parts}

    async def _doors(self, _request: Message) -> Message:
        """Tell where the doors are, below the sandbox's folder, and what clients need there."""
        return {"doors": {name: self._door(server) for name, server in self.doors.items()}}

    def _door(self, server: Server) -> Message:
        home = self.site.home
        files = {
            inside: str(Path(outside).relative_to(home))
            for _, outside, inside in server.step_binds(admin=False)
        }
        socket = str(server.door.path.relative_to(home))
        environment = server.step_environment()
        return {"socket": socket, "port": server.port, "environment": environment, "files": files}

    async def _dead(self, _request: Message) -> Message:
        return {"dead": [name for name, server in self.servers.items() if server.died]}

    async def identify(self) -> Mapping[str, str]:
        """Prove every running server; return how each was proven.

        Raises:
            BoundaryError: one is not what this sandbox made.
        """
        return {
            name: await server.identify() for name, server in self.servers.items() if server.running
        }

    async def _describe(self, request: Message) -> Message:
        proofs = await self.identify()
        script = inside_view(request["tcp"], request["abstract"], request["file"], request["path"])
        seen = await self._run_block(script, (), 30.0, shell="sh")
        outward = [(host, request["tcp"]) for host in GATEWAYS]
        up = {name: guest for name, guest in self.guests.items() if guest.running}
        reached = {name: await guest.reached(outward) for name, guest in up.items()}
        nets = {}
        for name, server in self.servers.items():
            if server.running and not server.outside:
                nets[name] = _interfaces(server.pid() or 0)
        return {
            "proofs": proofs,
            "seen": seen,
            "own": {"uid": os.getuid(), "interfaces": _interfaces(os.getpid())},
            "servers": nets,
            "guests": reached,
            "real": {name: server.real for name, server in self.servers.items()},
            "versions": {name: server.version() for name, server in self.servers.items()},
        }

    async def _observe(self, request: Message) -> Message:
        query, timeout = request["query"], float(request["timeout"])
        if query["kind"] != "run":
            return await self.probing.ask(query, timeout)
        secrets = (query["secret"],) if query["secret"] else ()
        done = await self._run_block(query["command"], secrets, timeout, env=query["env"])
        if done["timed_out"]:
            return {"status": "error", "detail": f"no end within {timeout:.0f} s"}
        return {"status": "value", "value": done["exit"], "detail": done["stderr"][-200:]}

    # ------------------------------------------------------------------ faults
    async def _inject(self, request: Message) -> Message:
        fault = self.profile.faults[request["fault"]]
        for action in fault.do:
            words = action.split()
            if words[0] == "script":
                await self._run_script(fault.scripts[words[1]])
            else:
                await self._break(words)
        return await self._seen(fault.observe)

    async def _run_script(self, script: str) -> None:
        done = await self._run_block(script, (), 120.0, admin=True)
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
            answer = await self._observe({"query": query_json(query), "timeout": 5})
            verdict = judge(expectation.check, Observation(**answer), {})
            if verdict.color == "green" or loop.time() >= limit:
                return {"seen": verdict.color == "green", "detail": verdict.seen}
            await asyncio.sleep(_CHECK_EVERY)

    async def _reset(self, _request: Message) -> Message:
        """Go back to the seeded state: unpack it, start, unseal.

        A server that can be taken back while it runs is: starting an API server takes seconds. The
        models go first, since they would act on what they see meanwhile. What is outside of the
        cells cannot go back: with a cluster everything is built anew.
        """
        async with self._resetting:
            await self.probing.close()
            if self.cluster:
                await self._rebuild()
                return {}
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
        return {}

    async def _rebuild(self) -> None:
        """Make data, keys, cluster and seed once more."""
        await self._stop_servers()
        for name in ("home", "work", *(f"data/{name}" for name in self.servers)):
            shutil.rmtree(self.site.home / name, ignore_errors=True)
            (self.site.home / name).mkdir(mode=0o700)
        await self._build()

    async def _adopt(self, _request: Message) -> Message:
        """Stop hanging on the life of the process that started us."""
        if self.boot["ephemeral"]:
            asyncio.get_running_loop().remove_reader(0)
        return {}

    async def _stop(self, request: Message) -> Message:
        if request["keep"]:
            running = (guest for guest in self.guests.values() if guest.running)
            await asyncio.gather(*(guest.keep() for guest in running))
        await self.shut()
        if request["keep"]:
            await snapshot.save(self.site.home / "data", self._kept)
        self.stopping.set()
        return {}

    async def shut(self) -> None:
        """Stop the servers in good order, and remove the sockets."""
        await self.probing.close()
        await self._stop_servers()
        for server in self.servers.values():
            server.door.path.unlink(missing_ok=True)
            server.socket.unlink(missing_ok=True)
        Path(HOME, "ctl", "sock").unlink(missing_ok=True)

    # ------------------------------------------------------------------ steps
    def _new_step(self) -> StepRun:
        self._steps += 1
        hosts = self.profile.hosts
        return StepRun(self.site, self.doors, self._steps, hosts, self.guests, self.cluster)

    def _make_hosts(self) -> None:
        if self.cluster:
            return
        for host, folders in self.profile.hosts.items():
            for folder in folders:
                self.site.host(host, folder).mkdir(parents=True, exist_ok=True)

    async def _run_block(
        self,
        script: str,
        secrets: tuple[str, ...],
        timeout: float,
        *,
        shell: str = "bash",
        env: Mapping[str, str] | None = None,
        admin: bool = False,
    ) -> Message:
        step = self._new_step()
        action: Message = {"script": script, "shell": shell, "flags": ["-eu"], "secrets": secrets}
        action |= {"on": "", "admin": admin}
        await step.start({**action, "env": env or {}, "files": {}, "types": [], "endpoints": None})
        return await step.finish(timeout, ())

    async def _start_step(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Run a step for as long as its connection lasts, then answer questions about it."""
        await self.identify()
        step = self._new_step()
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
        self.site.keep(request["name"], value, step=True)
        return {"kept": True}

    async def _shell(
        self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Give a person a confined bash: the connection becomes the terminal."""
        await self.identify()
        step = self._new_step()
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
