"""A door: the one unix socket by which a server is reached.

Per new connection the server's own socket must belong to the process this supervisor started:
a port or socket somebody else took over answers nothing.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from pathlib import Path

_CHUNK = 64 * 1024


class Door:
    """Listens on `path` and relays to the server's socket at `server`."""

    def __init__(self, path: Path, server: Path, owner: Callable[[], int | None]) -> None:
        """Take where to listen, where the server listens, and which pid must own that."""
        self.path = path
        self.server = server
        self.owner = owner
        self.refused = 0
        self._listener: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen."""
        self.path.unlink(missing_ok=True)
        self._listener = await asyncio.start_unix_server(self._relay, str(self.path))

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(str(self.server))
        except OSError:
            writer.close()
            return
        if not self._proven(server_writer):
            self.refused += 1
            server_writer.close()
            writer.close()
            return
        await asyncio.gather(pump(reader, server_writer), pump(server_reader, writer))

    def _proven(self, writer: asyncio.StreamWriter) -> bool:
        owner = self.owner()
        return owner is not None and peer_pid(writer.get_extra_info("socket")) == owner


def peer_pid(connection: socket.socket) -> int:
    """Return the pid of the process at the other end of a unix socket; see unix(7)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", raw)[0]
    return pid


def peer_uid(connection: socket.socket) -> int:
    """Return the uid of the process at the other end of a unix socket."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", raw)[1]
    return uid


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()
