"""A part of the lab inside the cluster: pods of a deployment, in containers of the cluster's own.

What proves it is the cluster it runs in, and the UID its deployment had when it was made there.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox.components.cluster import ClusterServer
from kbtool.sandbox.components.server import Elsewhere
from kbtool.sandbox.profile import Workload
from kbtool.sandbox.site import Site

_WITHIN: Final = 180.0  # seconds, for images that are there
_LOOK_EVERY: Final = 0.5


class WorkloadServer(Elsewhere):
    """One workload. Its life is the cluster's."""

    port: ClassVar[int] = 0
    socket_name: ClassVar[str] = "workload.sock"
    open_to_steps: ClassVar[bool] = False
    outside: ClassVar[bool] = True

    def __init__(self, workload: Workload, site: Site, cluster: ClusterServer) -> None:
        super().__init__(workload.name, site)
        self.workload = workload
        self.cluster = cluster
        self.needs = [cluster]
        self.real = workload.real

    # ------------------------------------------------------------------ life
    @property
    def running(self) -> bool:
        """Whether the cluster it runs in does."""
        return self.cluster.running

    @property
    def died(self) -> bool:
        """It does not die before the cluster, which says so."""
        return False

    async def launch(self) -> None:
        """Applied with the cluster's manifests, it starts there."""
        self.wanted = True

    async def start(self) -> None:
        """Follow the cluster."""
        await self.launch()

    async def stop(self, with_signal: int | None = None) -> None:
        """End with the cluster."""
        self.wanted = False

    async def begin(self) -> None:
        """Alone it comes to nothing."""

    async def settle(self, _outputs: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Wait until its deployment is available.

        Raises:
            SandboxError: it is not in time; what its pods wait for is told.
        """
        limit = time.monotonic() + _WITHIN
        while not await self.ready():
            if time.monotonic() > limit:
                raise SandboxError(f"{self.name} is not there after {_WITHIN:.0f} s: {self._why()}")
            await asyncio.sleep(_LOOK_EVERY)
        return {}

    def _why(self) -> str:
        found = self.cluster.ask("GET", f"/api/v1/namespaces/{self.workload.namespace}/pods")
        statuses = [
            status
            for pod in found["items"]
            for status in pod["status"].get("containerStatuses") or ()
        ]
        waits = [(each["state"].get("waiting") or {}).get("message", "") for each in statuses]
        return next(filter(None, waits), "no pod says why")

    async def ready(self) -> bool:
        """Return whether its deployment has what it wants."""
        found = await self._deployment()
        return bool((found.get("status") or {}).get("availableReplicas"))

    async def state(self) -> str:
        """Return whether it is there."""
        if not self.running:
            return "stopped"
        try:
            return "running" if await self.ready() else "not available"
        except (OSError, SandboxError):
            return "unknown"

    async def _deployment(self) -> dict[str, Any]:
        path = f"/apis/apps/v1/namespaces/{self.workload.namespace}/deployments"
        found: dict[str, Any] = await self.cluster.call("GET", f"{path}/{self.workload.deployment}")
        return found

    # ------------------------------------------------------------------ identity
    async def identity(self) -> Mapping[str, str]:
        """Return its deployment's UID."""
        return {"uid": (await self._deployment())["metadata"]["uid"]}

    async def identify(self) -> str:
        """Compare the UID, over the proven cluster's own API."""
        expected = self.site.state()["identity"][self.name]["uid"]
        if (await self._deployment())["metadata"]["uid"] != expected:
            raise BoundaryError(f"{self.name} is not the deployment this sandbox made")
        return "its deployment's UID, in the proven cluster"

    def version(self) -> str:
        """Return the version its profile gives it."""
        return self.workload.version

    def step_environment(self) -> dict[str, str]:
        """Return nothing: steps do not reach it."""
        return {}
