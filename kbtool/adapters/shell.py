"""The judge of shell syntax is the very shell that will run the block: `bash -n`.

A grammar library would judge another language than the one executed. `-n` reads and executes
nothing; the environment is empty, so that no start-up file is named.
"""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from kbtool.adapters.verdicts import Verdicts

_FOLDERS: Final = ("/bin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
_ERROR = re.compile(r"^[^\n]*?: line (\d+): (.+)$", re.MULTILINE)


@cache
def bash() -> str | None:
    """Return the bash of this machine, None where there is none."""
    return shutil.which("bash", path=":".join(_FOLDERS))


class Shell:
    """Judges `sh` and `bash` blocks; a verdict is kept as long as the same bash is installed."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder of kept verdicts, None to keep none."""
        self._verdicts = Verdicts(folder, f"shell-{_version()}")

    def fault(self, shell: str, text: str) -> tuple[int, str] | None:
        """Return (line from 1, what is wrong) of a block, None when it parses."""
        verdict = self._verdicts.of(f"{shell}\0{text}", lambda _: syntax_fault(shell, text))
        return (verdict[0], verdict[1]) if verdict else None

    def save(self) -> None:
        """Keep what was judged."""
        self._verdicts.save()

    @staticmethod
    def paths() -> tuple[str, ...]:
        """Return where bash is, or could be."""
        return tuple(f"{folder}/bash" for folder in _FOLDERS)


def _version() -> str:
    program = bash()
    if program is None:
        return "none"
    status = os.stat(program)
    return f"{status.st_size}-{status.st_mtime_ns}"


def syntax_fault(shell: str, text: str) -> tuple[int, str] | None:
    """Return (line from 1, what is wrong) of a `sh` or `bash` block, None when it parses."""
    program = bash()
    if program is None or "\0" in text:
        return (1, "a NUL character") if "\0" in text else None
    mode = ["--posix"] if shell == "sh" else []
    try:
        done = subprocess.run(
            [program, "--norc", "--noprofile", *mode, "-n"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            env={"LC_ALL": "C"},
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == 0:
        return None
    match = _ERROR.search(done.stderr.decode("utf-8", "replace"))
    return (int(match[1]), match[2]) if match else (1, "does not parse")
