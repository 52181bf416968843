"""Sandboxes by name: start, look, stop; and what the machine has for them."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbtool.app.runbooks import DEFAULT_PROFILE
from kbtool.errors import ConfigError, KbError, SandboxError, UsageError
from kbtool.sandbox import assets, baking, building, image
from kbtool.sandbox.client import LiveSandbox
from kbtool.sandbox.expose import exposed
from kbtool.sandbox.launch import Progress, confinement, down, programs_of, requirements
from kbtool.sandbox.profile import Guest, Profile, load_profile, load_profiles
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


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that sandboxes need: `found` is empty where it is missing, then `fix` says more."""

    profile: str  # "" for every profile
    what: str
    found: str
    fix: str


def doctor(profile: str | None) -> list[Check]:
    """Return what all profiles need here, or what one does.

    Raises:
        ConfigError: there is no profile of that name.
    """
    checks = [Check("", *confinement())]
    folder = profiles_folder()
    names = [profile] if profile else sorted(path.stem for path in folder.glob("*.toml"))
    for name in names:
        try:
            found = load_profile(folder, name)
        except ConfigError as error:
            if profile:
                raise
            checks.append(Check(name, "profile", "", f"{error.message}; {error.hint}"))
            continue
        checks.append(Check(name, "profile", f"{folder.name}/{name}.toml", ""))
        checks += [Check(name, *row) for row in requirements(found)]
    return checks


# ---------------------------------------------------------------------- programs and images
@dataclass(frozen=True, slots=True)
class Asset:
    """The programs of a profile's control plane, or the image of its guests; where it came from."""

    profile: str
    origin: str
    folder: Path
    versions: Mapping[str, str]
    built: bool  # just now

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        rest = {"folder": str(self.folder), "programs": dict(self.versions), "built": self.built}
        return {"profile": self.profile, "origin": self.origin, **rest}


Consent = Callable[[Sequence[str], str], bool]  # asked with what would be made, and at what cost


def acquire(profile: str | None, consent: Consent, progress: Progress) -> list[Asset]:
    """Return what one profile, or all, must have here, made first where it is missing.

    Raises:
        RequirementError: it is missing, and nobody agreed, or it could not be made.
        ConfigError: there is no profile of that name.
    """
    folder = profiles_folder()
    chosen = [load_profile(folder, profile)] if profile else load_profiles(folder)
    found: dict[Path, Asset] = {}
    for each in chosen:
        for asset in _acquire(each, consent, progress):
            found.setdefault(asset.folder, asset)
    return list(found.values())


def _acquire(profile: Profile, consent: Consent, progress: Progress) -> Iterator[Asset]:
    module = programs_of(profile)
    if module:
        yield _programs(profile.name, module, consent, progress)
    for guest in profile.guests.values():
        yield _image(profile.name, guest, consent, progress)


def _programs(profile: str, module: Path, consent: Consent, progress: Progress) -> Asset:
    found = assets.find(module)
    built = found is None
    if found is None:
        cost = (
            f"with Go {building.find_go(module).version}? It takes some minutes, 300 MB in the "
            "shared store, and 2 GB of sources and objects in Go's own caches."
        )
        agreed = consent(list(assets.PACKAGES), cost)
        found = building.build(module, progress) if agreed else assets.require(module)
    return Asset(profile, found.origin, found.folder, assets.versions(found.folder), built)


def _image(profile: str, guest: Guest, consent: Consent, progress: Progress) -> Asset:
    image.need(*baking.PROGRAMS)
    found = image.find(guest)
    built = found is None
    if found is None:
        cost = "from Debian packages? It takes some minutes, and 500 MB in the shared store."
        agreed = consent(["the image of an arm64 guest"], cost)
        found = baking.bake(guest, progress) if agreed else image.require(guest)
    return Asset(profile, "the shared store", found.folder, found.versions, built)


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


@contextlib.contextmanager
def exposing(box: Box) -> Iterator[Mapping[str, str]]:
    """Yield the environment of clients on this machine, for as long as the doors are open."""
    with exposed(box.live.entry.cell, box.live.doors()) as environment:
        yield environment
