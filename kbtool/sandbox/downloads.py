"""Files a profile takes from their publisher: got once, ahead of runs, and held to their content.

The content is the one written down in PROFILE.files.lock. Where nobody wrote it down yet, the
publisher's own list says it, in the format of sha256sum(1), and it is written down then: from the
first download on nobody gets anything else.
"""

import contextlib
import hashlib
import os
import re
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError
from kbtool.sandbox.assets import shared
from kbtool.sandbox.building import TELL_EVERY, Progress, locked
from kbtool.sandbox.images import keep_lock
from kbtool.sandbox.profile import K3s, files_lock

_HEAD: Final = """\
# Which content the files of profile {profile} must have. `kbtool sandbox assets` wrote it when it
# got them for the first time. Commit it: from then on no other content is taken.
[files]
"""
_LIST_MAX: Final = 1 << 20  # bytes of a list of checksums
_FILE_MAX: Final = 4 << 30
_CHUNK: Final = 1 << 20
_WITHIN: Final = 60.0  # seconds without a byte
_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](\S+)")


@dataclass(frozen=True, slots=True)
class File:
    """A file that is here, and its digest."""

    name: str
    digest: str
    path: Path
    fetched: bool  # just now


def stored(name: str, digest: str) -> Path:
    """Return where a file of that content is kept."""
    return shared("files", digest.removeprefix("sha256:")) / name


def missing(part: K3s) -> list[str]:
    """Return which of a part's files are not here, with the content they must have."""
    return [name for name in part.files if not _here(part, name)]


def _here(part: K3s, name: str) -> bool:
    digest = part.locked.get(name)
    return digest is not None and os.access(stored(name, digest), os.R_OK)


def require(part: K3s) -> dict[str, Path]:
    """Return where a part's files are, by name.

    Raises:
        RequirementError: some are not here.
    """
    if lacking := missing(part):
        raise RequirementError(f"not here: {', '.join(lacking)}", "kbtool sandbox assets gets them")
    return {name: stored(name, part.locked[name]) for name in part.files}


def acquire_files(
    part: K3s, consent: Callable[[Sequence[str]], bool], progress: Progress
) -> list[File]:
    """Return a part's files, got first where they are not here.

    Raises:
        RequirementError: nobody agreed, or one could not be had with the content it must have.
    """
    lacking = missing(part)
    if lacking and not consent([f"{part.source}/{name}" for name in lacking]):
        raise RequirementError(
            f"not here: {', '.join(lacking)}", "kbtool sandbox assets --yes gets them"
        )
    digests = _digests(part, lacking)
    return [
        _file(part, name, digests[name], progress, wanted=name in lacking) for name in part.files
    ]


def _digests(part: K3s, lacking: Sequence[str]) -> Mapping[str, str]:
    """Return which content each file must have: as it is locked, else as its publisher says."""
    found = dict(part.locked)
    if any(name not in found for name in lacking):
        published = _published(part)
        for name in lacking:
            if name not in found and name not in published:
                raise RequirementError(f"{part.checksums} of {part.source} knows no {name}")
            found.setdefault(name, published.get(name, ""))
    return found


def _published(part: K3s) -> dict[str, str]:
    with _answer(part, part.checksums) as answer:
        text = answer.read(_LIST_MAX).decode("utf-8", "replace")
    lines = filter(None, map(_LINE.fullmatch, text.splitlines()))
    return {line[2]: f"sha256:{line[1]}" for line in lines}


def _file(part: K3s, name: str, digest: str, progress: Progress, *, wanted: bool) -> File:
    path = stored(name, digest)
    if wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent.with_suffix(".lock"), progress):
            if not path.exists():
                _fetch(part, name, digest, path, progress)
    return File(name, digest, path, wanted)


def _fetch(part: K3s, name: str, digest: str, path: Path, progress: Progress) -> None:
    """Get a file beside its place, and put it there when its content is right."""
    progress(f"getting {name}")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".getting-") as scratch:
        found, size, told = hashlib.sha256(), 0, time.monotonic()
        with _answer(part, name) as answer:
            while data := _read(answer, name):
                found.update(data)
                scratch.write(data)
                size += len(data)
                if size > _FILE_MAX:
                    raise RequirementError(f"{name} is larger than {_FILE_MAX >> 30} GiB")
                if time.monotonic() - told > TELL_EVERY:
                    told = time.monotonic()
                    progress(f"getting {name}: {size >> 20} MiB so far")
        if digest != f"sha256:{found.hexdigest()}":
            raise RequirementError(
                f"{name} is sha256:{found.hexdigest()}, and must be {digest}",
                "it was cut short, or is not what it was",
            )
        scratch.flush()
        os.chmod(scratch.name, 0o644)  # a sandbox has a uid of its own
        os.link(scratch.name, path)


def _read(answer: HTTPResponse, name: str) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise RequirementError(f"{name} broke off: {error!r}", "try again") from error


@contextlib.contextmanager
def _answer(part: K3s, name: str) -> Iterator[HTTPResponse]:
    """Ask the publisher for a file.

    Raises:
        RequirementError: it does not give it, or sends us where the way is less safe.
    """
    address = f"{part.source}/{name}"
    hint = "is there a way to it? The profile says where it is"
    try:
        answer = urllib.request.urlopen(address, timeout=_WITHIN)  # noqa: S310 - the loader checked
    except (OSError, HTTPException, urllib.error.URLError) as error:
        raise RequirementError(f"{address} cannot be had: {error}", hint) from error
    with answer:
        if part.source.startswith("https:") and not answer.url.startswith("https:"):
            raise RequirementError(f"{address} leads to {answer.url}, which is not encrypted")
        yield answer


def write_files_lock(folder: Path, profile: str, files: Sequence[File]) -> Path | None:
    """Write down what was got, beside the profile; return the file, None if it says so already."""
    lines = "".join(f'"{each.name}" = "{each.digest}"\n' for each in files)
    return keep_lock(folder / files_lock(profile), _HEAD.format(profile=profile) + lines)
