"""Images of containers on guests, each as an archive in the shared store: got once, ahead of runs.

Docker here pulls them for the guests' platform, by the digest in PROFILE.images.lock, and saves
them. A sandbox loads the archive in its guest, and needs neither Docker here nor a registry then.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError, SandboxError
from kbtool.sandbox.assets import shared
from kbtool.sandbox.building import Progress, locked
from kbtool.sandbox.engine import FIXES, Engine
from kbtool.sandbox.images import Image
from kbtool.sandbox.profile import Compose

_NAME: Final = "image.tar"


def stored(digest: str) -> Path:
    """Return where the archive of an image of that content is kept."""
    return shared("images", digest.removeprefix("sha256:")) / _NAME


def missing(part: Compose) -> list[str]:
    """Return which images are not here, with the content they must have."""
    names = dict.fromkeys(part.images.values())
    return [name for name in names if not _here(part, name)]


def _here(part: Compose, name: str) -> bool:
    digest = part.locked.get(name)
    return digest is not None and os.access(stored(digest), os.R_OK)


def require(part: Compose) -> dict[str, Path]:
    """Return where the archive of each image is.

    Raises:
        RequirementError: some are not here.
    """
    if lacking := missing(part):
        raise RequirementError(f"not here: {', '.join(lacking)}", "kbtool sandbox assets gets them")
    return {name: stored(part.locked[name]) for name in part.images.values()}


def file_name(image: str) -> str:
    """Return the file of an image's archive where there are several: a name has slashes."""
    return f"{image.replace('/', '_').replace(':', '_')}.tar"


def acquire_archives(
    part: Compose, consent: Callable[[Sequence[str]], bool], progress: Progress
) -> list[Image]:
    """Return a part's images, pulled and saved first where they are not here.

    Raises:
        RequirementError: there is no engine, nobody agreed, or one could not be had.
    """
    lacking = missing(part)
    if lacking and not consent(lacking):
        raise RequirementError(
            f"not here: {', '.join(lacking)}", "kbtool sandbox assets --yes pulls them"
        )
    found = []
    with tempfile.TemporaryDirectory(prefix="kbtool-") as home:
        for name in dict.fromkeys(part.images.values()):
            if name in lacking:
                found.append(Image(name, _save(part, name, Path(home), progress), pulled=True))
            else:
                found.append(Image(name, part.locked[name], pulled=False))
    return found


def _save(part: Compose, name: str, home: Path, progress: Progress) -> str:
    """Pull an image, and keep its archive; return its digest."""
    docker = shutil.which("docker")
    if docker is None:
        raise RequirementError("no docker on the PATH", FIXES["docker"])
    engine = Engine(docker, "", home)
    try:
        progress(f"pulling {name} for {part.platform}")
        engine.pull(name, part.locked.get(name, ""), part.platform)
        digest = engine.digest(name)
        if not digest or digest != part.locked.get(name, digest):
            raise RequirementError(f"{name} is {digest or 'from a file'}, not what was asked for")
        path = stored(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent.with_suffix(".lock"), progress):
            scratch = path.with_suffix(".new")
            engine.ask(docker, "save", "--output", str(scratch), name, timeout=1800)
            scratch.chmod(0o644)  # a sandbox has a uid of its own
            scratch.replace(path)
    except SandboxError as error:
        raise RequirementError(error.message, "is there a way to its registry?") from error
    return digest
