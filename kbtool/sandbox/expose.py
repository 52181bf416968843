"""The doors of a sandbox on ports of this machine, for as long as somebody asks for it.

Nothing listens on the host otherwise. What comes through a port is an ordinary client: it needs the
credentials that a step needs, and gets those of the steps' user.
"""

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kbtool.sandbox.relay import pump

_HOST = "127.0.0.1"


@contextlib.contextmanager
def exposed(cell: Path, doors: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    """Listen on a free port for each door; yield what clients need in their environment.

    Files they need are copied, closed to others, and removed in the end with the listeners.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kbtool-")))
        environment: dict[str, str] = {}
        for door in doors.values():
            port = stack.enter_context(listening(cell / door["socket"]))
            files = dict(_copied(cell, door, folder, port))
            for name, value in door["environment"].items():
                environment[name] = files.get(value) or _moved(value, door["port"], port)
        yield environment


def _copied(
    cell: Path, door: Mapping[str, Any], folder: Path, port: int
) -> Iterator[tuple[str, str]]:
    """Yield where a file stands inside, and where its copy stands that leads to the port."""
    for inside, source in door["files"].items():
        copy = folder / Path(inside).name
        text = (cell / source).read_text(encoding="utf-8")
        with open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(_moved(text, door["port"], port))
        yield inside, str(copy)


def _moved(text: str, port: int, new: int) -> str:
    """Return a text that names the new port: as an address, or alone."""
    return str(new) if text == str(port) else text.replace(f"{_HOST}:{port}", f"{_HOST}:{new}")


@contextlib.contextmanager
def listening(door: Path) -> Iterator[int]:
    """Relay a free port of 127.0.0.1 to a door; yield the port.

    The door's folder is opened and the socket named through it: a socket's name has 107 bytes.
    """
    folder = os.open(door.parent, os.O_PATH | os.O_DIRECTORY)
    listener = socket.create_server((_HOST, 0))
    try:
        arguments = (listener, f"/proc/self/fd/{folder}/{door.name}")
        threading.Thread(target=_serve, args=arguments, daemon=True).start()
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        listener.close()
        os.close(folder)


def _serve(listener: socket.socket, door: str) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # it was closed
            return
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(door)
        except OSError:  # the sandbox is gone, or the server is
            client.close()
            server.close()
            continue
        threading.Thread(target=_join, args=(client, server), daemon=True).start()


def _join(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until both sides have ended."""
    with client, server:
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()
