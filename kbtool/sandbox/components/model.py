"""A model: a program of the lab, a client of the API, in a cell like a server's."""

import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from kbtool.errors import BoundaryError
from kbtool.sandbox.components.kubernetes import KubernetesApi
from kbtool.sandbox.components.server import Server, relayed
from kbtool.sandbox.profile import Model
from kbtool.sandbox.site import Bind, Site


class ModelServer(Server):
    """One model. It says that it is ready by making the file /kb/data/ready."""

    port: ClassVar[int] = 0
    socket_name: ClassVar[str] = "model.sock"
    open_to_steps: ClassVar[bool] = False
    real: bool = False

    def __init__(self, model: Model, site: Site, servers: Mapping[str, Server]) -> None:
        """Take the servers made so far, of which it finds those it needs."""
        super().__init__(model.name, site)
        self.model = model
        self.api = [each for each in servers.values() if isinstance(each, KubernetesApi)]
        self.needs = [*self.api, *(servers[name] for name in model.needs)]
        self.code = site.folder("etc", f"models/{model.name}")

    def command(self) -> Sequence[str]:
        """Run its program; `-P` is left out so that it finds its siblings."""
        doors = [server.addresses() for server in self.needs]
        return (*relayed(*doors), sys.executable, "-s", "-E", f"/kb/models/{self.model.program}")

    def binds(self) -> Sequence[Bind]:
        """See its code, its data, its kubeconfig, its doors, and host views if it has some."""
        configs = [api.kubeconfig(self.model.user) for api in self.api]
        return (
            ("--bind", str(self.data), "/kb/data"),
            ("--ro-bind", str(self.code), "/kb/models"),
            *(("--ro-bind", str(config), "/kb/kubeconfig") for config in configs),
            *(server.door_bind() for server in self.needs),
            *((("--bind", str(self.site.hosts), "/kb/hosts"),) if self.model.hosts else ()),
        )

    def before_start(self) -> None:
        """Lay out its code, which may have changed; it is not ready."""
        for name, text in self.model.files.items():
            (self.code / name).write_text(text, encoding="utf-8")
        for flag in ("ready", "pause", "paused"):
            (self.data / flag).unlink(missing_ok=True)

    async def begin(self) -> None:
        """Alone it comes to nothing."""

    async def settle(self, _outputs: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Wait until it has looked at the world for the first time."""
        await self.wait_for(self.ready, "ready")
        return {}

    def can_restore(self) -> bool:
        """It keeps nothing in memory: standing still is enough, with or without the API."""
        return self.running

    async def restore(self) -> None:
        """Stand still until `resume`, so that it does not act on a world half restored."""
        await self.hold()

    async def hold(self) -> None:
        """Stand still between two looks at the world."""
        (self.data / "paused").unlink(missing_ok=True)
        (self.data / "pause").touch()
        await self.wait_for(self._paused, "paused")

    async def _paused(self) -> bool:
        return (self.data / "paused").exists()

    async def resume(self) -> None:
        """Go on."""
        await self.release()

    async def release(self) -> None:
        """Go on."""
        (self.data / "pause").unlink(missing_ok=True)

    async def ready(self) -> bool:
        """Return whether it says so."""
        return self.running and (self.data / "ready").exists()

    async def identify(self) -> str:
        """It has no door: only its process can be known."""
        if not self.running:
            raise BoundaryError(f"{self.name} does not run")
        return "process"

    def version(self) -> str:
        """Return the version its profile gives it."""
        return self.model.version

    def step_environment(self) -> dict[str, str]:
        """Return nothing: steps do not reach it."""
        return {}
