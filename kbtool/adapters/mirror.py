"""A folder that holds exactly what it is told to: only changed bytes are written."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbtool.errors import KbError


class MirrorError(KbError):
    """The folder could not be written."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What had to be done."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    kept: int


def mirror(folder: Path, files: Mapping[str, bytes]) -> Mirrored:
    """Make `folder` hold these files (POSIX path → bytes) and nothing else.

    Raises:
        MirrorError: a file cannot be written or removed.
    """
    try:
        present = _present(folder)
        written = [path for path, data in files.items() if not _same(present.get(path), data)]
        gone = sorted(set(present) - set(files))
        for path in gone:
            os.unlink(folder / path)
        _prune(folder)  # before writing: a file may take an emptied folder's place
        for path in written:
            _write(folder / path, files[path])
    except OSError as error:
        raise MirrorError(
            f"{folder}: {error.strerror}", "is it a folder of somebody else?"
        ) from error
    return Mirrored(tuple(written), tuple(gone), len(files) - len(written))


def _present(folder: Path) -> dict[str, "os.DirEntry[str]"]:
    found: dict[str, os.DirEntry[str]] = {}
    waiting = [str(folder)] if folder.is_dir() else []
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    found[os.path.relpath(entry.path, folder).replace(os.sep, "/")] = entry
    return found


def _same(entry: "os.DirEntry[str] | None", data: bytes) -> bool:
    if entry is None or entry.is_symlink() or entry.stat().st_size != len(data):
        return False
    with open(entry.path, "rb") as file:
        return file.read() == data


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".kbtool-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def _prune(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if place != str(folder) and not os.listdir(place):
            os.rmdir(place)
