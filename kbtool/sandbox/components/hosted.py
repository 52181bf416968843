"""What runs on guests: k3s with a guest for each node, and services in containers on one guest.

It has no process here. Its end is its guest's, its data is on the guest's disk and in its memory,
and a reset takes it back with the guest. What it takes was fetched ahead, and is brought in over
the guest's own line: nothing is fetched while a sandbox runs.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox.archives import file_name
from kbtool.sandbox.cell import BROUGHT
from kbtool.sandbox.components.guest import GuestServer
from kbtool.sandbox.components.kubernetes import KubernetesApi
from kbtool.sandbox.components.network import CARD
from kbtool.sandbox.components.server import Elsewhere, Server
from kbtool.sandbox.door import Door
from kbtool.sandbox.profile import Compose, K3s
from kbtool.sandbox.site import Site

UP_WITHIN: Final = 900.0  # seconds, emulated and beside other work
_ETC: Final = "/etc/kbtool"
_TOKENS: Final = f"{_ETC}/tokens.csv"
_JOIN: Final = f"{_ETC}/k3s-token"
_AUTHORITY: Final = "/var/lib/rancher/k3s/server/tls/server-ca.crt"
_PROGRAM: Final = "/usr/local/bin/k3s"
_AIRGAP: Final = "/var/lib/rancher/k3s/agent/images"  # k3s loads what is in there when it starts
# Nothing of the lab is asked of these, and an emulated node has enough to do.
_UNUSED: Final = ("servicelb", "traefik", "metrics-server")
# As k3s' own installation writes it, but that nothing starts it again.
_UNIT: Final = """\
[Unit]
After=network.target

[Service]
Type=notify
ExecStart={program} {role}
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
"""
_PROJECT: Final = "kb"
_PLACE: Final = f"/opt/{_PROJECT}"  # of the compose file


class OnGuests(Elsewhere):
    """What runs on guests, and is reached through the one it is mainly on."""

    waits: ClassVar[bool] = True
    host: GuestServer

    def live_on(self, host: GuestServer) -> None:
        """Say on which guest it is: behind its socket stands that guest's relay."""
        self.host = host
        self.on = host.name
        self.socket = host.sockets / self.socket_name
        self.door = Door(self.doors / self.socket_name, self.socket, self.pid)

    def pid(self) -> int | None:
        """Return the process that leads to it."""
        return self.host.pid()

    @property
    def running(self) -> bool:
        """Whether it was started, and its guest runs."""
        return self.wanted and self.host.running

    @property
    def died(self) -> bool:
        """Never by itself: the guest that ended is named."""
        return False

    async def start(self) -> None:
        """It came back with its guest; wait until it answers."""
        self.wanted = True
        await self.wait_for(self.ready, "ready")

    async def wait_for(
        self, condition: Callable[[], Awaitable[bool]], what: str, within: float = UP_WITHIN
    ) -> None:
        """Ask once a second, since each question costs an emulated processor."""

        async def seldom() -> bool:
            holds = await condition()
            if not holds:
                await asyncio.sleep(1)
            return holds

        await super().wait_for(seldom, what, within)

    async def stop(self, with_signal: int | None = None) -> None:
        """It ends with its guest."""
        self.wanted = False


class K3sServer(OnGuests, KubernetesApi):
    """k3s: the server on one guest, an agent on each of the others."""

    part: K3s

    def __init__(self, part: K3s, site: Site, guests: Mapping[str, GuestServer]) -> None:
        """Take the guests there are, its nodes among them."""
        super().__init__(part, site)
        self.nodes = {name: guests[name] for name in part.nodes}
        self.needs = tuple(self.nodes.values())
        self.live_on(self.nodes[part.server])

    async def create(self) -> None:
        """Make a token for each user, and the one by which an agent joins."""
        self.site.keep(f"{self.name}.tokens", self.make_tokens())
        self.site.new_secret(f"{self.name}.join")

    async def launch(self) -> None:
        """Bring it into its guests, and start the server."""
        await asyncio.gather(*(self._install(name) for name in self.nodes))
        await self.host.do("systemctl", "start", "--no-block", "k3s")
        self.wanted = True

    async def _install(self, name: str) -> None:
        guest = self.nodes[name]
        await guest.put(_PROGRAM, 0o755, Path(BROUGHT, self.part.program))
        await guest.put(f"{_AIRGAP}/{self.part.airgap}", 0o600, Path(BROUGHT, self.part.airgap))
        files = {
            "/etc/rancher/k3s/config.yaml": json.dumps(self.configuration(name), indent=2),
            "/etc/systemd/system/k3s.service": _UNIT.format(
                program=_PROGRAM, role=self.part.nodes[name]
            ),
            _JOIN: self.site.secret(f"{self.name}.join"),
        }
        if name == self.on:
            files[_TOKENS] = self.site.secret(f"{self.name}.tokens")
        await guest.lay(files)
        await guest.do("systemctl", "daemon-reload")

    def configuration(self, name: str) -> dict[str, object]:
        """Return a node's configuration: the options of `k3s server` and `k3s agent`, by name."""
        address = self.nodes[name].guest.address
        own: dict[str, object] = {
            "node-name": name,
            "node-ip": address,
            "flannel-iface": CARD,
            "token-file": _JOIN,
        }
        if name != self.on:
            return {**own, "server": f"https://{self.host.guest.address}:{self.port}"}
        return {
            **own,
            "advertise-address": address,
            "tls-san": ["127.0.0.1"],
            "disable": list(_UNUSED),
            "kube-apiserver-arg": [f"token-auth-file={_TOKENS}"],
            "write-kubeconfig-mode": "0600",
        }

    async def begin(self) -> None:
        """Wait for the server, then for its agents."""
        await self.wait_for(self._trusted, "making its authority")
        await self.wait_for(self.ready, "ready")
        agents = [guest for name, guest in self.nodes.items() if name != self.on]
        await asyncio.gather(
            *(guest.do("systemctl", "start", "--no-block", "k3s") for guest in agents)
        )
        await self.wait_for(self._joined, "with all its nodes")
        told = await self.call("GET", "/version")
        (self.data / "version").write_text(told["gitVersion"], encoding="utf-8")

    async def _trusted(self) -> bool:
        """Return whether the authority is there, and was believed: the guest is proven."""
        try:
            text = await self.host.do("cat", _AUTHORITY)
        except SandboxError:
            state = (await self.host.do("systemctl", "show", "-p", "ActiveState", "k3s")).strip()
            if state.endswith("=failed"):
                last = await self.host.do("journalctl", "-u", "k3s", "-n", "5", "-o", "cat")
                raise SandboxError(f"{self.name} ended while starting: {last.strip()}") from None
            return False
        self.write_kubeconfigs(text.encode("ascii"))
        return True

    async def _joined(self) -> bool:
        """Return whether every node is there, and ready."""
        found = await self.call("GET", "/api/v1/nodes")
        ready = {
            item["metadata"]["name"]
            for item in found["items"]
            for each in item["status"].get("conditions") or ()
            if each["type"] == "Ready" and each["status"] == "True"
        }
        return ready == set(self.nodes)

    def version(self) -> str:
        """Return the version it told."""
        try:
            return (self.data / "version").read_text(encoding="utf-8")
        except FileNotFoundError:
            return self.part.version


class ServiceServer(OnGuests):
    """One service of a compose file. Steps on guests reach it at its guest, others not at all."""

    port: ClassVar[int] = 0
    open_to_steps: ClassVar[bool] = False
    socket_name: ClassVar[str] = "service.sock"

    def __init__(
        self, part: Compose, name: str, site: Site, host: GuestServer, before: Sequence[Server]
    ) -> None:
        """Take the services that come before it in the file: they are started first."""
        super().__init__(name, site)
        self.part = part
        self.image = part.images[name]
        self.needs = (host, *before)
        self.live_on(host)

    async def create(self) -> None:
        """Make the one password the services share, for whoever is first."""
        if not (self.site.home / "secrets" / self._password).exists():
            self.site.new_secret(self._password)

    @property
    def _password(self) -> str:
        return f"{self.part.name}.password"

    async def launch(self) -> None:
        """Bring its image in, and start it."""
        password = self.site.secret(self._password)
        files = {"docker-compose.yml": self.part.text, ".env": f"PASSWORD={password}\n"}
        await self.host.lay({f"{_PLACE}/{name}": text for name, text in files.items()})
        await self.host.do("systemctl", "start", "docker", within=UP_WITHIN)
        archive = f"{_PLACE}/image.tar"
        await self.host.put(archive, 0o600, Path(BROUGHT, file_name(self.image)))
        await self.host.do("docker", "load", "--quiet", "--input", archive, within=UP_WITHIN)
        await self.host.do("rm", archive)
        await self._compose("up", "--detach", "--no-build", "--no-deps", self.name)
        self.wanted = True

    async def _compose(self, *arguments: str) -> str:
        where = ("--project-name", _PROJECT, "--project-directory", _PLACE)
        file = ("--file", f"{_PLACE}/docker-compose.yml")
        return await self.host.do("docker-compose", *where, *file, *arguments, within=UP_WITHIN)

    async def begin(self) -> None:
        """Wait until its container runs."""
        await self.wait_for(self.ready, "running")

    async def ready(self) -> bool:
        """Return whether its container runs."""
        return (await self._seen())[0] == "true"

    async def _seen(self) -> tuple[str, str]:
        """Return whether its container runs, and the image it is of."""
        form = ("--format", "{{.State.Running}} {{.Image}}")
        told = await self.host.do("docker", "inspect", *form, f"{_PROJECT}_{self.name}_1")
        running, image = told.split()
        return running, image

    async def state(self) -> str:
        """Return whether its container runs."""
        if not self.running:
            return await super().state()
        return "running" if await self.ready() else "stopped"

    async def identity(self) -> Mapping[str, str]:
        """Return the content of its image."""
        return {"image": (await self._seen())[1]}

    async def identify(self) -> str:
        """Ask its guest, which is proven, what its container is made of."""
        expected = self.site.state()["identity"][self.name]["image"]
        if (await self._seen())[1] != expected:
            raise BoundaryError(f"{self.name} is not the container this sandbox made")
        return "its guest, and the content of its image"

    def version(self) -> str:
        """Return what its image's tag says."""
        return self.image.rpartition(":")[2]

    def step_environment(self) -> dict[str, str]:
        """Return nothing: it has no door."""
        return {}
