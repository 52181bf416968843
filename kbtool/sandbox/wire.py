"""The client's side of a supervisor's socket: one JSON object a line."""

import json
import os
import socket
from pathlib import Path
from typing import Any

from kbtool import errors
from kbtool.errors import KbError, SandboxError
from kbtool.runbook.ports import HttpQuery, K8sQuery, Query, SqlQuery


class Wire:
    """A connection to the supervisor whose folder is `cell`."""

    def __init__(self, cell: Path) -> None:
        """Connect.

        The folder is opened first and the socket named through it: a socket's name has 107 bytes.

        Raises:
            SandboxError: nobody answers there.
        """
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            folder = os.open(cell / "ctl", os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            raise SandboxError("the sandbox has no control socket", "kbtool sandbox up") from error
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/sock")
        except OSError as error:
            self.socket.close()
            raise SandboxError(f"the supervisor does not answer: {error.strerror}") from error
        finally:
            os.close(folder)
        self._buffer = b""

    def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            SandboxError: the supervisor is gone.
        """
        try:
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise SandboxError("the supervisor ended") from error

    def receive(self, timeout: float | None) -> dict[str, Any] | None:
        """Return the next message, None when none came in time (seconds; None: wait).

        Raises:
            KbError: the supervisor is gone, or answered with an error.
        """
        self.socket.settimeout(timeout)
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(1 << 16)
            except (TimeoutError, BlockingIOError):
                return None
            except OSError as error:
                raise SandboxError("the supervisor ended") from error
            if not data:
                raise SandboxError("the supervisor ended", "its log is in `kbtool sandbox status`")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return _checked(json.loads(line))

    def ask(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send, return the answer, close.

        Raises:
            KbError: as `receive`, and when no answer came in time.
        """
        try:
            self.send(message)
            return self.expect(timeout)
        finally:
            self.close()

    def expect(self, timeout: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            KbError: as `receive`, and when none came in time (seconds).
        """
        answer = self.receive(timeout)
        if answer is None:
            raise SandboxError(f"the supervisor did not answer within {timeout:.0f} s")
        return answer

    def close(self) -> None:
        """Hang up; a step that runs for this connection is ended."""
        self.socket.close()


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" not in answer:
        return answer
    kind = getattr(errors, answer.get("type", ""), SandboxError)
    is_error = isinstance(kind, type) and issubclass(kind, KbError)
    raise (kind if is_error else SandboxError)(answer["error"], answer.get("hint", ""))


def query_json(query: Query) -> dict[str, Any]:
    """Return a query as the protocol carries it."""
    if isinstance(query, HttpQuery):
        return {"kind": "http", "component": query.component, "target": query.target}
    if isinstance(query, SqlQuery):
        return {"kind": "sql", "component": query.component, "query": query.query}
    if isinstance(query, K8sQuery):
        return {"kind": "k8s", "resource": query.resource, "namespace": query.namespace}
    env = dict(query.env)
    return {"kind": "run", "command": query.command, "secret": query.secret, "env": env}
