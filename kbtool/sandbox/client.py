"""`LiveSandbox`: the runner's view of a running sandbox. It talks to the supervisor only."""

import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from kbtool.errors import BoundaryError, SandboxError
from kbtool.runbook.ports import (
    Action,
    Completed,
    Description,
    FaultSeen,
    Observation,
    Part,
    Query,
    Running,
)
from kbtool.sandbox.launch import Progress, down, request, silent, sweep_ephemeral, up
from kbtool.sandbox.layers import measured
from kbtool.sandbox.profile import Profile
from kbtool.sandbox.registry import Entry, Record
from kbtool.sandbox.wire import Wire, query_json

_SHELL_FLAGS: Final = ("-eu",)
_PROVEN_WITHIN: Final = 60.0
OPERATOR: Final = "operator"  # the shell of the person's laptop: no host of the lab


class LiveRunning:
    """A step under way; it lives as long as this connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._done: Completed | None = None

    def poll(self) -> Completed | None:
        """Return how it ended, or None while it runs."""
        if self._done is None:
            message = self._wire.receive(0.02)
            if message is not None:
                self._done = Completed(
                    **{**message["completed"], "leaked": tuple(message["completed"]["leaked"])}
                )
        return self._done

    def kill(self) -> None:
        """End it and all it started; returns when nothing is left."""
        if self._done is None:
            with contextlib.suppress(SandboxError):
                self._wire.send({"op": "kill"})
                self._wire.receive(10)
        self.close()

    def keep_secret(self, name: str, pattern: str) -> bool:
        """Keep what the pattern captures of stdout as a secret of this sandbox."""
        self._wire.send({"op": "keep", "name": name, "pattern": pattern})
        answer = self._wire.receive(10)
        return bool(answer and answer["kept"])

    def close(self) -> None:
        """Hang up."""
        self._wire.close()


class LiveSandbox:
    """One running sandbox of the registry."""

    def __init__(self, entry: Entry, record: Record, profile: Profile) -> None:
        self.entry = entry
        self.record = record
        self.profile = profile

    @classmethod
    def open(cls, name: str, profile: Profile, *, progress: Progress = silent) -> "LiveSandbox":
        """Return the named sandbox, started when it is not running."""
        entry = Entry(name)
        return cls(entry, up(entry, profile, ephemeral=False, progress=progress), profile)

    @classmethod
    def fresh(cls, profile: Profile, *, progress: Progress = silent) -> "LiveSandbox":
        """Return a new sandbox of its own, which ends when this process does."""
        sweep_ephemeral()
        entry = Entry(f"drill-{secrets.token_hex(4)}")
        return cls(entry, up(entry, profile, ephemeral=True, progress=progress), profile)

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.entry.name

    def _ask(self, message: dict[str, Any], timeout: float = 60.0) -> dict[str, Any]:
        return request(self.entry, message, timeout)

    # ------------------------------------------------------------------ port
    def describe(self) -> Description:
        """Prove identity, measure the layers against a control outside, and return both."""
        with _control() as (questions, reached):
            answer = self._ask({"op": "describe", **questions})
            layers = tuple(measured(answer, reached))
        parts = tuple(
            Part(name, text, real=answer["real"][name]) for name, text in answer["versions"].items()
        )
        return Description(
            sandbox=self.record.id,
            profile=self.profile.name,
            parts=parts,
            layers=layers,
            components=(
                *self.profile.components,
                *self.profile.models,
                *self.profile.workloads,
            ),
            secrets=tuple(self.profile.secrets),
            faults=tuple(self.profile.faults),
            hosts=tuple(self.profile.hosts),
            environment=self.record.environment,
            boundary=self.profile.boundary,
        )

    def start(self, action: Action) -> Running:
        """Have identity proven again and the action started."""
        if action.on != OPERATOR and action.on not in self.profile.hosts:
            raise BoundaryError(f"profile {self.profile.name} has no host {action.on}")
        if not self.entry.alive():
            raise SandboxError(f"sandbox {self.name} is not running", "kbtool sandbox up")
        wire = Wire(self.entry.cell)
        try:
            wire.send({"op": "start", "action": _action_json(action)})
            wire.expect(_PROVEN_WITHIN)
        except BaseException:
            wire.close()
            raise
        return LiveRunning(wire)

    def observe(self, query: Query, timeout: float) -> Observation:
        """Make one check, confined."""
        message = {"op": "observe", "query": query_json(query), "timeout": timeout}
        return Observation(**self._ask(message, timeout + 30))

    def inject(self, fault: str) -> FaultSeen:
        """Break something, and look at it."""
        if fault not in self.profile.faults:
            known = ", ".join(self.profile.faults)
            raise SandboxError(
                f"profile {self.profile.name} has no fault {fault!r}", f"it has {known}"
            )
        answer = self._ask({"op": "inject", "fault": fault})
        return FaultSeen(fault, seen=answer["seen"], detail=answer["detail"])

    def dead(self) -> tuple[str, ...]:
        """Names of servers that ended although nobody told them to."""
        return tuple(self._ask({"op": "dead"}, 10)["dead"])

    # ------------------------------------------------------------------ life
    def status(self) -> dict[str, Any]:
        """Return state and version of each part."""
        return self._ask({"op": "status"}, 10)

    def doors(self) -> dict[str, Any]:
        """Return each door's socket and port, and what clients need; paths are below the cell."""
        found: dict[str, Any] = self._ask({"op": "doors"}, 10)["doors"]
        return found

    def reset(self) -> None:
        """Go back to the seeded state."""
        self._ask({"op": "reset"}, 600)  # a cluster is made anew

    def adopt(self) -> None:
        """Let it outlive this process."""
        self._ask({"op": "adopt"}, 10)
        self.record = replace(self.record, ephemeral=False)
        self.entry.write(self.record)

    def remove(self) -> None:
        """Stop it and remove its files."""
        down(self.entry, keep=False)


def _action_json(action: Action) -> dict[str, Any]:
    return {
        "script": action.script,
        "shell": action.shell,
        "flags": list(_SHELL_FLAGS),
        "env": dict(action.env),
        "secrets": list(action.secrets),
        "files": {path: data.hex() for path, data in action.files.items()},
        "types": list(action.types),
        "timeout": action.timeout,
        "endpoints": list(action.endpoints) if action.endpoints is not None else None,
        "on": "" if action.on == OPERATOR else action.on,
    }


@contextlib.contextmanager
def _control() -> Iterator[tuple[Mapping[str, Any], Mapping[str, bool]]]:
    """Offer, outside, what nobody inside may reach; say whether it can be reached outside."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kb-")))
        file = folder / "canary"
        file.write_text("canary", encoding="ascii")
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = f"kbtool-{secrets.token_hex(6)}"
        paths = {"abstract": f"\0{abstract}", "path": str(folder / "sock")}
        for address in paths.values():
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen()
        port = tcp.getsockname()[1]
        reached = {name: _reaches(socket.AF_UNIX, address) for name, address in paths.items()}
        reached |= {
            "tcp": _reaches(socket.AF_INET, ("127.0.0.1", port)),
            "file": os.path.exists(file),
        }
        questions = {"tcp": port, "abstract": abstract, "file": str(file), "path": paths["path"]}
        yield questions, reached


def _reaches(family: int, address: Any) -> bool:
    with socket.socket(family) as connection:
        connection.settimeout(2)
        try:
            connection.connect(address)
        except OSError:
            return False
        return True
