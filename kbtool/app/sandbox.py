"""Sandboxes by name: start, look, stop; and what the machine has for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbtool.app.runbooks import DEFAULT_PROFILE
from kbtool.errors import ConfigError, KbError, SandboxError, UsageError
from kbtool.sandbox.client import LiveSandbox
from kbtool.sandbox.launch import Progress, down, requirements
from kbtool.sandbox.profile import load_profile
from kbtool.sandbox.registry import Entry, entries
from kbtool.workspace import open_workspace


@dataclass(frozen=True, slots=True)
class Box:
    """One sandbox as `status` shows it."""

    name: str
    profile: str
    state: str  # running, stopped, or what is wrong
    parts: Mapping[str, Mapping[str, str]]
    client: LiveSandbox | None = None

    @property
    def live(self) -> LiveSandbox:
        """The running sandbox.

        Raises:
            SandboxError: it does not run.
        """
        if self.client is None:
            raise SandboxError(f"{self.name} is not running", f"kbtool sandbox up {self.name}")
        return self.client

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        parts = {name: dict(part) for name, part in self.parts.items()}
        return {"name": self.name, "profile": self.profile, "state": self.state, "parts": parts}


def profiles_folder() -> Path:
    """Return where the profiles of the project around us stand."""
    root = open_workspace().root
    return root.path / root.config.profiles


def open_box(name: str, profile: str | None, progress: Progress, *, running: bool = False) -> Box:
    """Return a sandbox, started unless it must be `running` already.

    Raises:
        KbError: it could not be started, or does not run.
    """
    entry = Entry(name)
    record = entry.record()
    if running and not entry.alive():
        raise SandboxError(f"sandbox {name} is not running", f"kbtool sandbox up {name}")
    chosen = profile or (record.profile if record else DEFAULT_PROFILE)
    live = LiveSandbox.open(name, load_profile(profiles_folder(), chosen), progress=progress)
    return Box(name, chosen, "running", live.status()["parts"], live)


def statuses() -> list[Box]:
    """Return every sandbox of the registry."""
    return [_status(entry) for entry in entries()]


def _status(entry: Entry) -> Box:
    from kbtool.sandbox.launch import request

    try:
        record = entry.record()
        if record is None:
            return Box(entry.name, "?", "never completed: kbtool sandbox down", {})
        if not record.supervisor.alive():
            return Box(entry.name, record.profile, "stopped", {})
        parts = request(entry, {"op": "status"}, 10)["parts"]
        return Box(entry.name, record.profile, "running", parts)
    except KbError as error:
        return Box(entry.name, "?", error.message, {})


def stop(name: str | None, *, keep: bool) -> list[str]:
    """Stop one sandbox, or all; return the names.

    Raises:
        UsageError: there is none of that name.
        SandboxError: something of it could not be ended.
    """
    if name is not None and not Entry(name).folder.exists():
        raise UsageError(f"no sandbox {name!r}", "kbtool sandbox status")
    chosen = entries() if name is None else [Entry(name)]
    for entry in chosen:
        down(entry, keep=keep)
    return [entry.name for entry in chosen]


def doctor(folder: Path | None) -> list[dict[str, str]]:
    """Return what sandboxes need here: {what, found, fix}, `found` empty where it is missing."""
    rows = [{"what": w, "found": found, "fix": fix} for w, found, fix in requirements()]
    try:
        profile = load_profile(folder or profiles_folder(), DEFAULT_PROFILE)
        rows.append({"what": "profile", "found": profile.name, "fix": ""})
    except ConfigError as error:
        rows.append({"what": "profile", "found": "", "fix": f"{error.message}; {error.hint}"})
    return rows
