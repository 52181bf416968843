"""The emulator's monitor: QMP, one JSON object a line (QEMU, docs/interop/qmp-spec)."""

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from kbtool.errors import SandboxError


async def tell(socket: Path, *commands: tuple[str, dict[str, Any]], within: float = 120.0) -> Any:
    """Give the emulator commands, one after the other; return what the last one gave.

    Raises:
        SandboxError: it does not answer, or refuses one.
    """
    try:
        return await asyncio.wait_for(_tell(socket, commands), within)
    except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as error:
        raise SandboxError(f"the emulator's monitor does not answer: {error!r}") from error


async def _tell(socket: Path, commands: tuple[tuple[str, dict[str, Any]], ...]) -> Any:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        await reader.readuntil(b"\n")  # its greeting
        answer: Any = None
        for name, arguments in (("qmp_capabilities", {}), *commands):
            message = {"execute": name, "arguments": arguments}
            writer.write(json.dumps(message).encode() + b"\n")
            answer = await _answer(reader, name)
        return answer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, name: str) -> Any:
    while True:
        message = json.loads(await reader.readuntil(b"\n"))
        if "error" in message:
            raise SandboxError(f"the emulator refuses {name}: {message['error'].get('desc')}")
        if "return" in message:  # everything else is an event
            return message["return"]


async def keep(socket: Path, tag: str) -> None:
    """Keep memory and disk in the disk's file, under a name.

    Raises:
        SandboxError: it was not kept.
    """
    command = {"command-line": f"savevm {tag}"}
    said = await tell(socket, ("human-monitor-command", command))
    if said:
        raise SandboxError(f"the guest could not be kept: {said.strip()}")


async def migrated(socket: Path, within: float) -> None:
    """Wait until memory was written, or read.

    Raises:
        SandboxError: it failed, or the time is up.
    """
    limit = time.monotonic() + within
    while True:
        status = (await tell(socket, ("query-migrate", {}))).get("status", "")
        if status == "completed":
            return
        if status == "failed" or time.monotonic() > limit:
            raise SandboxError(f"the guest's memory: {status or 'not begun'}")
        await asyncio.sleep(0.05)
