"""A person's terminal joined to a shell in a sandbox."""

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator, Sequence

from kbtool.errors import SandboxError, UsageError
from kbtool.sandbox.registry import Entry
from kbtool.sandbox.wire import Wire


def open_shell(entry: Entry, secrets: Sequence[str]) -> None:
    """Give the person a confined bash until it ends; the terminal is restored whatever happens.

    Raises:
        UsageError: there is no terminal.
        SandboxError: the sandbox does not run.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("a shell needs a terminal", "kbtool run executes without one")
    if not entry.alive():
        raise SandboxError(
            f"sandbox {entry.name} is not running", f"kbtool sandbox up {entry.name}"
        )
    size = os.get_terminal_size()
    wire = Wire(entry.cell)
    try:
        wire.send(
            {
                "op": "shell",
                "term": os.environ.get("TERM", "xterm"),
                "size": [size.lines, size.columns],
                "secrets": list(secrets),
            }
        )
        wire.receive(30)
        with _raw():
            _join(wire)
    finally:
        wire.close()


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Hand every key through, and take it back."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setraw(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _join(wire: Wire) -> None:
    keys, connection = sys.stdin.fileno(), wire.socket
    connection.settimeout(None)
    while True:
        ready, _, _ = select.select([keys, connection], [], [])
        if connection in ready:
            data = connection.recv(65536)
            if not data:
                return
            os.write(sys.stdout.fileno(), data)
        if keys in ready:
            typed = os.read(keys, 1024)
            if not typed:
                return
            connection.sendall(typed)
