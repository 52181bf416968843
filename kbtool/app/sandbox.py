"""Sandboxes by name: start, look, stop; and what the machine has for them."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbtool.app.runbooks import DEFAULT_PROFILE
from kbtool.errors import (
    CannotStart,
    ConfigError,
    KbError,
    SandboxError,
    UsageError,
)
from kbtool.sandbox import vmhost
from kbtool.sandbox.client import LiveSandbox
from kbtool.sandbox.expose import exposed
from kbtool.sandbox.inventory import guard, inventory
from kbtool.sandbox.launch import Progress, down
from kbtool.sandbox.loader import load_profile, load_profiles
from kbtool.sandbox.needs import confinement, lacking, requirements
from kbtool.sandbox.profile import Profile
from kbtool.sandbox.registry import Entry, entries, remove_leftovers
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
    folder = profiles_folder()
    with or_another(folder):
        live = LiveSandbox.open(name, load_profile(folder, chosen), progress=progress)
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
    if name is None:
        remove_leftovers()
    return [entry.name for entry in chosen]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that sandboxes need: `found` is empty where it is missing, then `fix` says more."""

    profile: str  # "" for every profile
    what: str
    found: str
    fix: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a profile can start here, and by name what it lacks for that."""

    name: str
    lacks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"name": self.name, "can_start": not self.lacks, "lacks": list(self.lacks)}


def doctor(profile: str | None) -> tuple[list[Check], list[Readiness]]:
    """Return what all profiles need here, or what one does, and which of them can start.

    Raises:
        ConfigError: there is no profile of that name.
    """
    checks = [Check("", *confinement())]
    folder = profiles_folder()
    if profile:
        checks += _checks(folder, load_profile(folder, profile))
        return checks, [_readiness(profile, checks)]
    sound, faults = _loadable(folder)
    for each in sound:
        checks += _checks(folder, each)
    checks += faults
    names = dict.fromkeys(check.profile for check in checks if check.profile)
    return checks, [_readiness(name, checks) for name in names]


def _loadable(folder: Path) -> tuple[list[Profile], list[Check]]:
    """Return the profiles without faults, the weakest first, and what is wrong with the others."""
    sound: list[Profile] = []
    faults: list[Check] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            sound.append(load_profile(folder, path.stem))
        except ConfigError as error:
            faults.append(Check(path.stem, "profile", "", f"{error.message}; {error.hint}"))
    return sorted(sound, key=lambda each: (each.strength, each.name)), faults


def _checks(folder: Path, profile: Profile) -> Iterator[Check]:
    yield Check(profile.name, "profile", f"{folder.name}/{profile.name}.toml", "")
    for row in requirements(profile):
        yield Check(profile.name, *row)


def _readiness(name: str, checks: Sequence[Check]) -> Readiness:
    missing = [each for each in checks if each.profile in ("", name) and not each.found]
    return Readiness(name, tuple(each.what for each in missing))


@contextlib.contextmanager
def or_another(folder: Path) -> Iterator[None]:
    """Where a profile cannot start here, say which of the folder's can.

    Raises:
        CannotStart: with that in its hint.
    """
    try:
        yield
    except CannotStart as error:
        can = [each.name for each in _loadable(folder)[0] if not lacking(each)]
        instead = f"what can start here: {', '.join(can) or 'no profile'}"
        raise CannotStart(error.message, f"{error.hint}; {instead}") from error


# ---------------------------------------------------------------------- clients outside
def kubeconfig(name: str) -> str:
    """Return the kubeconfig of the steps' user, as a shell in the sandbox sees it.

    Raises:
        SandboxError: the sandbox does not run, or has no Kubernetes.
    """
    live = open_box(name, None, lambda _: None, running=True).live
    for door in live.doors().values():
        inside = door["environment"].get("KUBECONFIG")
        if inside:
            return Path(live.entry.cell, door["files"][inside]).read_text(encoding="utf-8")
    raise SandboxError(
        f"{name} has no Kubernetes", f"kbtool sandbox up NAME --profile P, not {live.profile.name}"
    )


def inventory_of(name: str) -> tuple[str, str]:
    """Return the inventory of a running sandbox for Ansible, and the playbook that guards it.

    Raises:
        SandboxError: the sandbox does not run, or has no hosts.
        BoundaryError: a host would be production's.
    """
    live = open_box(name, None, lambda _: None, running=True).live
    if not live.profile.hosts:
        can = [each.name for each in load_profiles(profiles_folder()) if each.hosts]
        hint = f"profiles with hosts: {', '.join(can) or 'none'}"
        raise SandboxError(f"{name} has no hosts: its profile is {live.profile.name}", hint)
    production = open_workspace().root.config.production
    return inventory(name, live.record.id, live.profile, production), guard(production)


def in_vm(arguments: Sequence[str]) -> int:
    """Run kbtool in the machine that sandboxes run in on macOS; return its exit code.

    Raises:
        RequirementError: there is no Lima.
    """
    return vmhost.run(arguments)


@contextlib.contextmanager
def exposing(box: Box) -> Iterator[Mapping[str, str]]:
    """Yield the environment of clients on this machine, for as long as the doors are open."""
    with exposed(box.live.entry.cell, box.live.doors()) as environment:
        yield environment
