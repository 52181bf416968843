"""A command at a terminal of its own, and somebody who types."""

import contextlib
import os
import pty
import select
import signal
import sys
import time

from support.sandbox import ROOT


class Terminal:
    """Runs `kbtool ARGUMENTS` with a pty as its controlling terminal."""

    def __init__(self, *arguments, state, cwd=ROOT, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run may ignore it
            os.chdir(cwd)
            merged = {**os.environ, "KBTOOL_STATE": str(state), "TERM": "xterm", **(env or {})}
            os.execve(sys.executable, [sys.executable, "-m", "kbtool", *arguments], merged)
        self.seen = ""

    def read_until(self, text, timeout=30):
        """Read until `text` was written; return everything since the last time."""
        begin = len(self.seen)
        limit = time.monotonic() + timeout
        while text not in self.seen[begin:]:
            assert time.monotonic() < limit, f"{text!r} did not come: {self.seen[begin:]!r}"
            if not self._read(0.1):
                break
        assert text in self.seen[begin:], self.seen[begin:]
        return self.seen[begin:]

    def _read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: everybody at the other side is gone
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def type(self, text):
        os.write(self.fd, text.encode())

    def type_hidden(self, text):
        """Type as a person does: a program writes its prompt first and hides what follows then."""
        time.sleep(0.5)
        self.type(text)

    def interrupt(self):
        """Press Ctrl-C."""
        self.type("\x03")

    def end(self, timeout=60):
        """Return (exit code, everything that was written)."""
        limit = time.monotonic() + timeout
        while self._read(0.1):
            if time.monotonic() > limit:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"no end: {self.seen[-500:]!r}")
        _, status = os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.seen
