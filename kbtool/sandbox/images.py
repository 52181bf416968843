"""Images of a cluster: got or made once, ahead of runs, and held to the content they had then."""

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError, SandboxError
from kbtool.sandbox.engine import Engine
from kbtool.sandbox.profile import Build, K3d, lock_name

_HEAD: Final = """\
# Which content the images of profile {profile} must have. `kbtool sandbox assets` wrote it when it
# pulled them for the first time. Commit it: from then on no other content is taken.
[images]
"""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is here, and the digest it was pulled by: "" if it was not."""

    name: str
    digest: str
    pulled: bool  # just now
    made: bool = False  # here, by a recipe of the profile


def acquire_images(
    part: K3d, consent: Callable[[Sequence[str]], bool], progress: Callable[[str], None]
) -> list[Image]:
    """Return a cluster's images, pulled first where they are not here, and made of those.

    Raises:
        RequirementError: there is no engine, nobody agreed, or one could not be had.
    """
    with tempfile.TemporaryDirectory(prefix="kbtool-") as folder:
        engine = Engine.found(Path(folder))
        missing = [image for image in part.images if not _right(engine, part, image)]
        unmade = [build for build in part.builds if missing or not is_made(engine, build)]
        wanted = [*missing, *(build.names[0] for build in unmade)]
        if wanted and not consent(wanted):
            raise RequirementError(
                f"not here: {', '.join(wanted)}", "kbtool sandbox assets --yes gets them"
            )
        try:
            for image in missing:
                progress(f"pulling {image}")
                engine.pull(image, part.locked.get(image, ""))
            digests = {image: engine.digest(image) for image in part.images}
            _refuse_others(part, digests)
            for build in unmade:
                progress(f"building {build.names[0]}")
                make(engine, build)
        except SandboxError as error:
            raise RequirementError(error.message, "is there a way to its registry?") from error
    pulled = [Image(name, digest, name in missing) for name, digest in digests.items()]
    return [*pulled, *(Image(each.names[0], "", each in unmade, made=True) for each in part.builds)]


def _refuse_others(part: K3d, digests: Mapping[str, str]) -> None:
    for image, digest in part.locked.items():
        if digests.get(image, digest) != digest:
            raise RequirementError(f"{image} is {digests[image]}, and {digest} is locked")


# ---------------------------------------------------------------------- images of our own
def content_of(engine: Engine, build: Build) -> str:
    """Return a digest of all that an image is made of: its files, and the bases that are here.

    Raises:
        SandboxError: a base is not here.
    """
    bases = {key: engine.identity(image) for key, image in sorted(build.bases.items())}
    return hashlib.sha256(repr((bases, sorted(build.files.items()))).encode()).hexdigest()


def is_made(engine: Engine, build: Build) -> bool:
    """Return whether an image is here under all its names, made of what it would be made of now."""
    try:
        wanted = content_of(engine, build)
        return all(engine.content(name) == wanted for name in build.names)
    except SandboxError:
        return False


def make(engine: Engine, build: Build) -> None:
    """Make an image.

    Raises:
        SandboxError: it could not be made.
    """
    content = content_of(engine, build)
    engine.build(_context(build), content, *build.names, arguments=build.bases)


def _context(build: Build) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, text in sorted(build.files.items()):
            entry, data = tarfile.TarInfo(name), text.encode()
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def _right(engine: Engine, part: K3d, image: str) -> bool:
    """Return whether an image is here, with the content it must have."""
    try:
        return engine.digest(image) == part.locked.get(image, engine.digest(image))
    except SandboxError:
        return False


def write_lock(folder: Path, profile: str, images: Sequence[Image]) -> Path | None:
    """Write down what was pulled, beside the profile; return the file, None if it says so already.

    An image that was loaded from a file has no digest that another machine could pull it by, and
    one that was made here is what its recipe and its bases are.
    """
    images = [image for image in images if not image.made]
    if not all(image.digest for image in images):
        return None
    path = folder / lock_name(profile)
    lines = "".join(f'"{image.name}" = "{image.digest}"\n' for image in images)
    return keep_lock(path, _HEAD.format(profile=profile) + lines)


def keep_lock(path: Path, text: str) -> Path | None:
    """Write a lock, whole or not at all; return it, None if it says so already."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return None
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path
