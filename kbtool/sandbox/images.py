"""Images of a cluster: got once, ahead of runs, and held to the content they had then."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError, SandboxError
from kbtool.sandbox.engine import Engine
from kbtool.sandbox.profile import K3d, lock_name

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


def acquire_images(
    part: K3d, consent: Callable[[Sequence[str]], bool], progress: Callable[[str], None]
) -> list[Image]:
    """Return a cluster's images, pulled first where they are not here.

    Raises:
        RequirementError: there is no engine, nobody agreed, or one could not be had.
    """
    with tempfile.TemporaryDirectory(prefix="kbtool-") as folder:
        engine = Engine.found(Path(folder))
        missing = [image for image in part.images if not _right(engine, part, image)]
        if missing and not consent(missing):
            raise RequirementError(
                f"not here: {', '.join(missing)}", "kbtool sandbox assets --yes pulls them"
            )
        try:
            for image in missing:
                progress(f"pulling {image}")
                engine.pull(image, part.locked.get(image, ""))
            digests = {image: engine.digest(image) for image in part.images}
        except SandboxError as error:
            raise RequirementError(error.message, "is there a way to its registry?") from error
    for image, digest in part.locked.items():
        if digests.get(image, digest) != digest:
            raise RequirementError(f"{image} is {digests[image]}, and {digest} is locked")
    return [Image(name, digest, name in missing) for name, digest in digests.items()]


def _right(engine: Engine, part: K3d, image: str) -> bool:
    """Return whether an image is here, with the content it must have."""
    try:
        return engine.digest(image) == part.locked.get(image, engine.digest(image))
    except SandboxError:
        return False


def write_lock(folder: Path, profile: str, images: Sequence[Image]) -> Path | None:
    """Write down what was pulled, beside the profile; return the file, None if it says so already.

    An image that was loaded from a file has no digest that another machine could pull it by.
    """
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
