"""PID 1 of a step: listens on 127.0.0.1, relays to doors, starts the step, reaps orphans.

Runs with nothing but the standard library (`python -I -S relay.py`). Arguments:
`PORT=SOCKET … [--tty] -- COMMAND`. The step's environment is read from /kb/step/env.json, so
that it stands in no command line.
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


def serve(listener: socket.socket, door: str) -> None:
    """Relay each connection to the door; a closed door is a reset, as a dead server's is."""
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(door)
        except OSError:
            client.close()
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


def main(arguments: list[str]) -> None:
    """Relay, run, reap; exit as the step does."""
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    tty = "--tty" in options
    doors = [spec.partition("=") for spec in options if spec != "--tty"]
    listeners = [(socket.create_server(("127.0.0.1", int(port))), door) for port, _, door in doors]
    with open("/kb/step/env.json", encoding="utf-8") as file:
        environment = json.load(file)
    # Before the threads: preexec_fn is safe only while there are none.
    step = subprocess.Popen(
        command, env=environment, cwd="/kb/work", preexec_fn=on_terminal if tty else limited
    )
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
