"""Sandboxes, listeners and commands for tests."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kbtool.runbook.ports import Action
from kbtool.sandbox.client import LiveSandbox
from kbtool.sandbox.process import marked

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534  # for servers a test starts without a cell, when the test itself is root


@contextlib.contextmanager
def fresh(profile, folder):
    """A sandbox with a registry of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KBTOOL_STATE", str(folder))
        sandbox = LiveSandbox.fresh(profile)
    try:
        yield sandbox
    finally:
        sandbox.remove()
        assert list(marked(sandbox.record.id)) == []


def run(sandbox, script, timeout=20.0, **action):
    """Run a block to its end, as the runner does."""
    shell, on = action.pop("shell", "bash"), action.pop("on", "operator")
    running = sandbox.start(Action("S1", shell, script, on, timeout, **action))
    try:
        while (done := running.poll()) is None:
            time.sleep(0.01)
    finally:
        running.close()
    return done


def output(sandbox, script, **action):
    """What a block prints; it must end well."""
    done = run(sandbox, script, **{"timeout": 120.0} | action)
    assert done.exit == 0, (script, done.stdout, done.stderr)
    return done.stdout.strip()


def eventually(see, wanted, within=60.0):
    """Look until what is seen is what is wanted (a value, or a condition on it)."""
    holds = wanted if callable(wanted) else lambda seen: seen == wanted
    limit = time.monotonic() + within
    while not holds(seen := see()):
        assert time.monotonic() < limit, f"still {seen!r}"
        time.sleep(0.1)
    return seen


def plant(sandbox, name, value):
    """Give steps a secret they could never name: what if they had it?"""
    path = sandbox.entry.cell / "secrets" / "step" / name
    path.write_text(value)
    os.chown(path, sandbox.record.uid, sandbox.record.uid) if os.geteuid() == 0 else None


def own_secret(sandbox, name):
    return (sandbox.entry.cell / "secrets" / name).read_text()


@dataclass
class Listener:
    """Something outside that counts who reaches it."""

    port: int
    server: socket.socket
    reached: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with self.lock:
                self.reached += 1
            with contextlib.suppress(OSError), connection:
                connection.settimeout(1)
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nREACHED\n")


def unprivileged(command, **kwargs):
    """Run something outside of every cell, as a user without rights."""
    if os.geteuid() == 0:
        kwargs |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, **kwargs)


class Command:
    """The command line, in a process of its own."""

    def __init__(self, *arguments, state, cwd=ROOT, env=None):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kbtool", *arguments],
            cwd=cwd,
            env={**os.environ, "KBTOOL_STATE": str(state), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A test run in the background ignores Ctrl-C, and its children would too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.pid = self.process.pid

    def end(self, timeout=60):
        """Return (exit code, all output)."""
        output = self.process.communicate(timeout=timeout)[0]
        return self.process.returncode, output


def kbtool(*arguments, timeout=60, **kwargs):
    """Run the command line to its end; return (exit code, all output)."""
    return Command(*arguments, **kwargs).end(timeout)
