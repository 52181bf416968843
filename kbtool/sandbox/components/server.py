"""What all servers share: one cell, one door, one watcher that notices when it ends."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox.door import Door
from kbtool.sandbox.process import end, freeze, thaw
from kbtool.sandbox.profile import SecretSource
from kbtool.sandbox.site import Bind, Site, Spawned, tail

READY_WITHIN: Final = 60.0  # on a busy machine
_RELAY: Final = str(Path(__file__).parent.parent / "relay.py")


class Server(ABC):
    """One server in its own cell."""

    port: ClassVar[int]
    socket_name: ClassVar[str]
    open_to_steps: ClassVar[bool] = True  # whether steps and checks find its door
    real: bool = True  # not a model
    outside: ClassVar[bool] = False  # of every cell: its process is not ours to look at
    waits: ClassVar[bool] = False  # started only when those it needs are there: else it gives up
    stop_with: ClassVar[int] = signal.SIGKILL  # for data that survives it

    def __init__(self, name: str, site: Site) -> None:
        self.name = name
        self.site = site
        self.data = site.folder("data", name)
        self.sockets = site.folder("s", name)
        self.doors = site.folder("d", name)
        self.socket = self.sockets / self.socket_name
        self.door = Door(self.doors / self.socket_name, self.socket, self.pid)
        self.log = site.home / "log" / f"{name}.log"
        self.on = ""  # the guest it runs on, if it does
        self.needs: Sequence[Server] = ()  # it is a client of these
        self.wanted = False  # whether it should be running
        self._spawned: Spawned | None = None
        self._watcher: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ what each kind says
    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return what runs in the cell."""

    @abstractmethod
    def binds(self) -> Sequence[Bind]:
        """Return the folders it may see beside the shared view."""

    @abstractmethod
    async def ready(self) -> bool:
        """Return whether it answers."""

    @abstractmethod
    async def identify(self) -> str:
        """Prove that this is the server this sandbox made; return how it was proven.

        Raises:
            BoundaryError: it is not.
        """

    @abstractmethod
    def version(self) -> str:
        """Return its version."""

    @abstractmethod
    def before_start(self) -> None:
        """Remove what a killed predecessor left."""

    @abstractmethod
    def step_environment(self) -> dict[str, str]:
        """Return what clients in a step need to find the door."""

    # ------------------------------------------------------------------ what a kind may add
    async def create(self) -> None:  # noqa: B027 - not every kind has something to make
        """Make its data, before it starts for the first time."""

    async def begin(self) -> None:
        """Bring it, started for the first time, as far as it comes alone."""
        await self.wait_for(self.ready, "ready")

    async def settle(self, _outputs: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Seed and configure it once, those it needs being settled.

        Returns what the setup of servers that need it may name.
        """
        return {}

    async def identity(self) -> Mapping[str, str]:
        """Make and return what only this server can know."""
        return {}

    async def resume(self) -> None:  # noqa: B027 - most are usable once they answer
        """Make it usable again after a start."""

    async def keep_seed(self) -> None:  # noqa: B027 - for those that have something to do for it
        """Remember the seeded state, running, or make it quick to start from."""

    async def hold(self) -> None:
        """Stand still, so that its data can be copied: what is copied is what a kill would leave.

        Raises:
            SandboxError: it does not stand still.
        """
        init = self._spawned.init if self._spawned else None
        if init and not await asyncio.to_thread(freeze, init):
            raise SandboxError(f"{self.name} does not stand still")

    async def release(self) -> None:
        """Go on."""
        init = self._spawned.init if self._spawned else None
        if init:
            await asyncio.to_thread(thaw, init)

    def can_restore(self) -> bool:
        """Return whether it can go back to the seeded state while it runs."""
        return False

    async def restore(self) -> None:  # noqa: B027 - see above
        """Go back to the seeded state, running."""

    def can_go_ahead(self) -> bool:
        """Return whether it may start before the seeded data is back: its own never changes."""
        return False

    async def state(self) -> str:
        """Return its state in a word."""
        return "running" if self.running else "died" if self.died else "stopped"

    def step_binds(self, *, admin: bool) -> Sequence[Bind]:
        """Return what clients in a step must see beside the door, the profile's own or others."""
        return ()

    def check_binds(self) -> Sequence[Bind]:
        """Return what kbtool's own checks must see beside the door."""
        return ()

    def question(self) -> Mapping[str, Any]:
        """Return what the prober must know to ask it."""
        return {"port": self.port}

    async def step_secret(self, source: SecretSource) -> str:
        """Return a secret made for steps.

        Raises:
            SandboxError: it gives none.
        """
        raise SandboxError(f"{self.name} gives no secrets: {source}")

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call its API as its administrator.

        Raises:
            SandboxError: it has none, or it refused.
        """
        raise SandboxError(f"{self.name} cannot be called: {method} {path} {body}")

    # ------------------------------------------------------------------ life
    def pid(self) -> int | None:
        """Return the pid of the server itself, None when it does not run."""
        spawned = self._spawned
        return spawned.init.pid if spawned and spawned.init else None

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._spawned is not None and self._spawned.process.returncode is None

    @property
    def died(self) -> bool:
        """Whether it ended although nobody told it to."""
        return self.wanted and not self.running

    async def start(self) -> None:
        """Start it, unless it was launched ahead, and wait until it answers.

        Raises:
            SandboxError: it ended, or did not answer in time.
        """
        if not self.running:
            await self.launch()
        await self.wait_for(self.ready, "ready")

    async def launch(self) -> None:
        """Start it."""
        self.before_start()
        with self.log.open("ab") as log:
            self._spawned = await self.site.spawn(
                self.command(), self.binds(), stdout=log.fileno(), stderr=log.fileno()
            )
        self.wanted = True

    async def wait_for(
        self,
        condition: Callable[[], Awaitable[bool]],
        what: str,
        within: float = READY_WITHIN,
    ) -> None:
        """Poll until the condition holds.

        Raises:
            SandboxError: the server ended, or the time is up.
        """
        limit, pause = time.monotonic() + within, 0.005
        while not await condition():
            if not self.running:
                raise SandboxError(f"{self.name} ended while starting: {tail(self.log)}")
            if time.monotonic() > limit:
                raise SandboxError(
                    f"{self.name} is not {what} after {within:.0f} s: {tail(self.log)}"
                )
            await asyncio.sleep(pause)
            pause = min(0.05, pause * 1.5)

    async def stop(self, with_signal: int | None = None) -> None:
        """End it, at once unless a signal is given; one that ignores the signal is killed."""
        self.wanted = False
        spawned = self._spawned
        if spawned is None:
            return
        wanted = with_signal or signal.SIGKILL
        if spawned.init and not await asyncio.to_thread(end, spawned.init, wanted, 5.0):
            await asyncio.to_thread(end, spawned.init)
        with contextlib.suppress(ProcessLookupError):
            await spawned.process.wait()
        self._spawned = None

    def prove_peer(self, pid: int) -> None:
        """Check that a connection ends at the process this supervisor started.

        Raises:
            BoundaryError: it does not.
        """
        if pid != self.pid():
            raise BoundaryError(f"{self.name}: the socket belongs to another process ({pid})")

    def addresses(self) -> str:
        """Return what the relay of a step listens for: PORT=DOOR."""
        return f"{self.port}=/kb/d/{self.name}/{self.socket_name}"

    def door_bind(self) -> Bind:
        """Return the bind that shows a cell this server's door: its folder, read-only.

        The folder, because a restarted server makes a new socket; read-only, because otherwise a
        step could put another socket in its place.
        """
        return ("--ro-bind", str(self.doors), f"/kb/d/{self.name}")


class Elsewhere(Server):
    """A server whose process is in no cell of its own: somebody else starts it, and its socket."""

    def command(self) -> Sequence[str]:
        """Return nothing to run."""
        return ()

    def binds(self) -> Sequence[Bind]:
        """Return nothing to see."""
        return ()

    def before_start(self) -> None:
        """Leave the socket to who makes it."""


def relayed(*options: str) -> list[str]:
    """Return the beginning of a server's command line that puts the relay before it."""
    return [os.path.realpath(sys.executable), "-I", "-S", _RELAY, "--server", *options, "--"]


def remove(*paths: Path) -> None:
    """Remove files that may be there."""
    for path in paths:
        path.unlink(missing_ok=True)
