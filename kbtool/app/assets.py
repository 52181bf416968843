"""What profiles need beside packages: found, or got once, by consent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from kbtool.app.sandbox import profiles_folder
from kbtool.errors import RequirementError
from kbtool.sandbox import assets, baking, building, image
from kbtool.sandbox.archives import acquire_archives
from kbtool.sandbox.downloads import File, acquire_files, write_files_lock
from kbtool.sandbox.images import Image, acquire_images, write_lock
from kbtool.sandbox.launch import Progress
from kbtool.sandbox.loader import load_profile, load_profiles
from kbtool.sandbox.needs import programs_of
from kbtool.sandbox.profile import Guest, Profile


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
    found: dict[Path, Asset] = {}
    for each in _chosen(profiles_folder(), profile):
        for asset in _acquire(each, consent, progress):
            found.setdefault(asset.folder, asset)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Images:
    """The images of a profile's containers, the lock just written; or `why` they are not here."""

    profile: str
    images: tuple[Image, ...] = ()
    lock: Path | None = None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        images = [asdict(image) for image in self.images]
        lock = str(self.lock) if self.lock else None
        return {"profile": self.profile, "images": images, "lock": lock, "why": self.why}


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a profile's publisher, the lock just written; or `why` they are not here."""

    profile: str
    files: tuple[File, ...] = ()
    lock: Path | None = None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        files = [{**asdict(file), "path": str(file.path)} for file in self.files]
        lock = str(self.lock) if self.lock else None
        return {"profile": self.profile, "files": files, "lock": lock, "why": self.why}


Agreement = Callable[[Sequence[str]], bool]  # asked with the names of what would be got
Got = TypeVar("Got", Images, Files)


def acquire_images_of(profile: str | None, consent: Agreement, progress: Progress) -> list[Images]:
    """Return the images of one profile's containers, or of all, pulled where they are missing.

    Of all profiles one whose images cannot be had is told, and does not stand in the others' way.

    Raises:
        RequirementError: those of the named profile cannot be had.
        ConfigError: there is no profile of that name.
    """

    def get(folder: Path, each: Profile) -> Images:
        images = acquire_images(each.cluster, consent, progress) if each.cluster else []
        for part in each.compositions:
            images += acquire_archives(part, consent, progress)
        return Images(each.name, tuple(images), write_lock(folder, each.name, images))

    return _of_each(profile, lambda each: bool(each.cluster or each.compositions), get, Images)


def acquire_files_of(profile: str | None, consent: Agreement, progress: Progress) -> list[Files]:
    """Return the files that one profile takes from a publisher, or all do, got where missing.

    As with images, one that cannot be had stands in the others' way only where it was named.

    Raises:
        RequirementError: those of the named profile cannot be had.
        ConfigError: there is no profile of that name.
    """

    def get(folder: Path, each: Profile) -> Files:
        files = acquire_files(each.downloads, consent, progress) if each.downloads else []
        return Files(each.name, tuple(files), write_files_lock(folder, each.name, files))

    return _of_each(profile, lambda each: each.downloads is not None, get, Files)


def _of_each(
    profile: str | None,
    wants: Callable[[Profile], bool],
    get: Callable[[Path, Profile], Got],
    kind: type[Got],
) -> list[Got]:
    """Get it for the profile, else for every one that wants it; of those a failure is told."""
    folder = profiles_folder()
    found: list[Got] = []
    for each in filter(wants, _chosen(folder, profile)):
        try:
            found.append(get(folder, each))
        except RequirementError as error:
            if profile:
                raise
            found.append(kind(each.name, why=f"{error.message}; {error.hint}"))
    return found


def _chosen(folder: Path, profile: str | None) -> Sequence[Profile]:
    return [load_profile(folder, profile)] if profile else load_profiles(folder)


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
        cost = "from Debian packages? It takes some minutes, and 800 MB in the shared store."
        agreed = consent(["the image of an arm64 guest"], cost)
        found = baking.bake(guest, progress) if agreed else image.require(guest)
    return Asset(profile, "the shared store", found.folder, found.versions, built)
