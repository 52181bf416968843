"""PID 1 of a step or server: relays between 127.0.0.1 and doors, starts it, reaps orphans.

Runs with nothing but the standard library (`python -I -S relay.py`). Arguments:
`PORT=SOCKET … [--serve SOCKET=PORT] [--tty | --server] -- COMMAND`. PORT=SOCKET listens on the port
and leads to the door SOCKET; `--serve` listens on the socket and leads to the port, for a server
that cannot listen on a socket. A step's environment is read from /kb/step/env.json, so that it
stands in no command line; a server has the cell's, and its own limits.
"""

import contextlib
import fcntl
import json
import os
import resource
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

LIMITS = {
    resource.RLIMIT_NPROC: 256,
    resource.RLIMIT_DATA: 1 << 30,  # not RLIMIT_AS: Go reserves far more than it uses
    resource.RLIMIT_FSIZE: 256 << 20,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_CORE: 0,
}


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until one side ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def serve(listener: socket.socket, target: str | tuple[str, int]) -> None:
    """Relay each connection to a door or a port; a closed one is a reset, as a dead server's is."""
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET)
        try:
            server.connect(target)
        except OSError:
            client.close()
            server.close()
            continue
        for ends in ((client, server), (server, client)):
            threading.Thread(target=pump, args=ends, daemon=True).start()


def limited() -> None:
    """Set the limits of the step, in its process."""
    for limit, value in LIMITS.items():
        resource.setrlimit(limit, (value, value))


def on_terminal() -> None:
    """Make the pty the controlling terminal, so that prompts find it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    limited()


def listening(options: list[str]) -> Iterator[tuple[socket.socket, str | tuple[str, int]]]:
    """Yield a listener for each relay that is asked for, and where it leads."""
    for before, option in zip(["", *options], options, strict=False):
        left, _, right = option.partition("=")
        if before == "--serve":
            listener = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(left)
            listener.bind(left)
            listener.listen(64)
            yield listener, ("127.0.0.1", int(right))
        elif right:
            yield socket.create_server(("127.0.0.1", int(left)), backlog=64), right


def main(arguments: list[str]) -> None:
    """Relay, run, reap; exit as the step does."""
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    listeners = list(listening(options))
    # Before the threads: preexec_fn is safe only while there are none.
    if "--server" in options:
        step = subprocess.Popen(command)
    else:
        with open("/kb/step/env.json", encoding="utf-8") as file:
            environment = json.load(file)
        before = on_terminal if "--tty" in options else limited
        step = subprocess.Popen(command, env=environment, cwd="/kb/work", preexec_fn=before)
    for listener in listeners:
        threading.Thread(target=serve, args=listener, daemon=True).start()
    while True:
        pid, status = os.wait()
        if pid == step.pid:
            code = os.waitstatus_to_exitcode(status)
            sys.stdout.flush()
            os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
