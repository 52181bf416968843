"""The texts git keeps, asked of one long-lived `git cat-file --batch`."""

import os
import selectors
import subprocess
import time
from pathlib import Path
from typing import Final

from kbtool.adapters.git import PATIENCE, GitError, command, environment
from kbtool.source import MAX_PAGE_BYTES

_CHUNK: Final = 1 << 16


class Blobs:
    """The blobs of one repository, by object name."""

    def __init__(self, root: Path) -> None:
        """Start nothing yet."""
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def text(self, name: str) -> str | None:
        """Return a blob's text as a page's is read: UTF-8, line ends LF, no byte order mark.

        None for what is no blob, is not in this repository, or is larger than a page may be.

        Raises:
            GitError: git cannot be started, or does not answer.
        """
        try:
            raw = self._ask(name)
        except (OSError, ValueError) as error:
            self.close()
            raise GitError("git ended while it was asked for a text") from error
        except BaseException:
            self.close()
            raise
        return None if raw is None else unix(raw.decode("utf-8", "replace"))

    def close(self) -> None:
        """End git."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._rest = b""
            self._process = subprocess.Popen(
                command(self._root, "cat-file", "--batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
                bufsize=0,
            )
        return self._process

    def _ask(self, name: str) -> bytes | None:
        process = self._started()
        assert process.stdin
        process.stdin.write(f"{name}\n".encode())
        until = time.monotonic() + PATIENCE
        head = self._line(until).split()
        if len(head) != 3:
            return None  # "<name> missing"
        size = int(head[2])
        raw = self._take(size + 1, until)[:-1]
        return raw if head[1] == b"blob" and size <= MAX_PAGE_BYTES else None

    def _line(self, until: float) -> bytes:
        while b"\n" not in self._rest:
            self._rest += self._read(until)
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _take(self, size: int, until: float) -> bytes:
        """Return the next bytes; of what is too large for a page, only as many as tell so."""
        parts, left = [], size
        kept = 0
        while left:
            part = self._rest or self._read(until)
            self._rest = part[left:]
            part = part[:left]
            left -= len(part)
            if kept <= MAX_PAGE_BYTES:
                parts.append(part)
                kept += len(part)
        return b"".join(parts)

    def _read(self, until: float) -> bytes:
        process = self._started()
        assert process.stdout
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            if not waiting.select(max(0.0, until - time.monotonic())):
                raise GitError(f"git gave no answer within {PATIENCE:.0f} s")
        part = os.read(process.stdout.fileno(), _CHUNK)
        if not part:
            raise GitError("git ended while it was asked for a text")
        return part


def unix(text: str) -> str:
    """Return a text with LF line ends and without a byte order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
