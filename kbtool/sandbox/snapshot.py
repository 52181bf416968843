"""Snapshots of the servers' data.

The data lives in memory (a tmpfs of the outer cell): flushing costs nothing there, a server cannot
fill the disk, and going back is unpacking one file. What must outlive the sandbox is a snapshot.
"""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import Set as AbstractSet
from pathlib import Path

from kbtool.errors import SandboxError


async def save(data: Path, archive: Path) -> None:
    """Pack a folder into a file, atomically.

    Raises:
        SandboxError: it could not be written.
    """
    new = archive.with_suffix(".new")
    names = sorted(path.name for path in data.iterdir())
    await pack(new, "-C", str(data), "--", *names)
    new.replace(archive)


async def pack(archive: Path, *arguments: str) -> None:
    """Pack what the arguments name, holes as holes.

    Raises:
        SandboxError: it could not be written.
    """
    await _tar("--create", "--sparse", "--format=posix", "--file", str(archive), *arguments)


async def load(archive: Path, data: Path, keep: AbstractSet[str] = frozenset()) -> None:
    """Make folders hold exactly what was packed; what is in the folders `keep` stays as it is.

    The folders themselves stay, since cells that go on running see them.

    Raises:
        SandboxError: it could not be unpacked.
    """
    for old in data.iterdir():
        if old.name not in keep:
            await asyncio.to_thread(_empty, old)
    excluded = [f"--exclude={name}" for name in sorted(keep)]
    options = ["--anchored", "--no-wildcards", *excluded]
    await _tar(
        "--extract", "--preserve-permissions", *options, "--file", str(archive), "-C", str(data)
    )


def _empty(folder: Path) -> None:
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        else:
            inner.unlink()


async def _tar(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "/bin/tar", *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode != 0:
        raise SandboxError(f"tar: {errors.decode(errors='replace').strip()[-300:]}")
