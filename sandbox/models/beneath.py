"""Files of host views, opened beneath them and never through a link.

A step owns its host's view: it may leave a link, a pipe or a strange name there, or write one into
an object, and a model that follows it would read its own token for that step. So every folder on
the way is opened by itself, without following, and what is not a plain file is refused.
"""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lab import HOSTS

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,200}")
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MODES = {"rb": os.O_RDONLY, "r+b": os.O_RDWR, "wb": os.O_WRONLY | os.O_CREAT | os.O_TRUNC}


class Refused(OSError):
    """A name, a link or a file that no honest host has."""


def plain(name: Any) -> str:
    """Return a name that somebody else gave.

    Raises:
        Refused: it could be a path.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused(f"{str(name)[:80]!r} is no plain name")
    return name


@contextlib.contextmanager
def _folder(path: Path, *, make: bool = False) -> Iterator[int]:
    """Open a folder of the host views step by step; `make` those that are missing."""
    names = path.relative_to(HOSTS).parts
    if ".." in names:
        raise Refused(f"{path} leaves its host")
    here = os.open(HOSTS, _FOLDER)
    try:
        for name in names:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=here)
            try:
                deeper = os.open(name, _FOLDER, dir_fd=here)
            except NotADirectoryError as error:  # what O_NOFOLLOW says of a link here
                raise Refused(f"{name} in {path} is no folder") from error
            os.close(here)
            here = deeper
        yield here
    finally:
        os.close(here)


def open_file(path: Path, mode: str) -> IO[bytes]:
    """Open a plain file, "rb", "r+b" or "wb".

    Raises:
        Refused: it is something else, or the way to it leads through a link.
    """
    flags = _MODES[mode] | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with _folder(path.parent) as folder:
        try:
            number = os.open(path.name, flags, 0o600, dir_fd=folder)
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise Refused(f"{path} cannot be opened as a plain file: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise Refused(f"{path} is no plain file")
    return os.fdopen(number, mode, buffering=0)


def read(path: Path, most: int = 1 << 16) -> bytes:
    """Return a small file."""
    with open_file(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Refused(f"{path} has more than {most} bytes")
    return data


def write(path: Path, data: bytes) -> None:
    """Write a small file, in one move."""
    new = path.with_name(f".{path.name}.new")
    remove(new)
    with open_file(new, "wb") as file:
        file.write(data)
    move(new, path)


def exists(path: Path) -> bool:
    """Return whether there is a plain file."""
    found = status(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def status(path: Path) -> os.stat_result | None:
    """Return what is known of a file, itself and not where it leads; None where there is none."""
    try:
        with _folder(path.parent) as folder:
            return os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def names(path: Path) -> list[str]:
    """Return the names in a folder; none where there is no such folder."""
    try:
        with _folder(path) as folder:
            listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
    except FileNotFoundError:
        return []
    try:
        return sorted(os.listdir(listed))
    finally:
        os.close(listed)


def make(path: Path) -> None:
    """Make a folder and those above it, where they are missing."""
    with _folder(path, make=True):
        return


def move(path: Path, target: Path) -> None:
    """Give a file or folder another name in its folder, over what is there."""
    with _folder(path.parent) as folder:
        os.replace(path.name, target.name, src_dir_fd=folder, dst_dir_fd=folder)


def remove(path: Path) -> None:
    """Remove a file, or the link that stands for it, if it is there."""
    with contextlib.suppress(FileNotFoundError), _folder(path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it, if it is there; links in it are removed, not followed."""
    with contextlib.suppress(FileNotFoundError), _folder(path.parent) as folder:
        shutil.rmtree(path.name, dir_fd=folder)
