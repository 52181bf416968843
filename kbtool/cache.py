"""What can be made again, kept in sealed files. Nothing here is believed that is not intact.

A file is a line that says who wrote it, a checksum, and a marshalled value. One that is cut off,
altered, another kbtool's, another Python's or another user's is no file. Each appears in one move,
so two processes at once lose at most one another's; a folder that cannot be written costs time.
Imported before everything else: so it needs nothing that takes a millisecond to import.
"""

import marshal
import os
import sys
import time
import zlib

from kbtool import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SEAL = f"kbtool {__version__} cache 1 {sys.version}".replace("\n", " ").encode() + b"\n"


def folder() -> str:
    """Return the folder for what can be made again ($KBTOOL_CACHE, else XDG's)."""
    own = os.environ.get("KBTOOL_CACHE")
    if own:
        return own
    return os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kbtool"
    )


def read(name: str) -> object:
    """Return the value kept under a name, None where there is none, or none to be believed."""
    try:
        with open(os.path.join(folder(), name), "rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            raw = file.read()
    except (OSError, ValueError):
        return None
    body = raw[len(_SEAL) + 4 :]
    seal = _SEAL + zlib.crc32(body).to_bytes(4, "big")
    if not raw.startswith(seal):
        return None
    try:
        value: object = marshal.loads(body)  # noqa: S302 - sealed, and of the same user
    except (EOFError, ValueError, TypeError):
        return None
    return value


def write(name: str, value: tuple[object, ...], most: int) -> None:
    """Keep a value of plain types under a name; of its folder's files, the newest stay."""
    body = marshal.dumps(value)  # type: ignore[arg-type]
    target = os.path.join(folder(), name)
    try:
        put(target, _SEAL + zlib.crc32(body).to_bytes(4, "big") + body)
        for old in list(_by_age(os.path.dirname(target)))[most:]:
            os.unlink(old)
    except (OSError, ValueError):
        return  # it costs the next run its time


def put(target: str, data: bytes) -> None:
    """Write a file of the cache in one move, its folder with it.

    Raises:
        OSError: it could not be written; nothing of it is left.
    """
    folder = os.path.dirname(target)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    temporary = os.path.join(folder, f".new-{os.getpid()}-{time.time_ns()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb", 0) as file:
            file.write(data)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _by_age(where: str) -> "Iterator[str]":
    """Yield the files of a folder, the newest first."""
    with os.scandir(where) as entries:
        found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in entries]
    for _, path in sorted(found, reverse=True):
        yield path
