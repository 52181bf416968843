"""Cells: bubblewrap command lines. What is not listed here does not exist inside.

Outer cell: the supervisor and all it starts; no route, its own process tree, a real unprivileged
uid. Inner cells: one per server, step and check; no nested user namespace, no capability.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

from kbtool.errors import MissingExtra
from kbtool.sandbox.process import MARK

HOME: Final = "/sb"  # the sandbox's folder inside the outer cell
UID: Final = 1000  # inside the inner cells
DATA_MAX: Final = 1 << 30  # bytes all servers of a sandbox can hold, in memory
SECRETS: Final = "/run/secrets"  # inside the cells of steps
PROGRAMS: Final = "/opt/kb"  # inside all cells: the control plane's programs, where there are some
IMAGES: Final = "/opt/guests"  # inside the outer cell: a folder for each guest
BROUGHT: Final = "/opt/brought"  # inside the outer cell: files that guests are to have, by name
_LINKED: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_ETC: Final = ("/etc/alternatives",)

LINKER: Final = "/etc/ld.so.cache"

Argv = list[str]


def package_folder(module: str, extra: str = "sandbox") -> Path:
    """Return the folder of an installed package.

    Raises:
        MissingExtra: it is not installed.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtra(
            f"{module.replace('_', '-')} is not installed", f"pip install 'kbtool[{extra}]'"
        )
    return Path(spec.origin).parent


def _roots() -> list[str]:
    """Return the folders Python needs: its prefixes, and this package where it is elsewhere."""
    package = str(Path(__file__).resolve().parent.parent)
    roots: list[str] = []
    for root in (os.path.realpath(sys.base_prefix), os.path.realpath(sys.prefix), package):
        if not any(_below(root, other) for other in ("/usr", *roots)):
            roots.append(root)
    return roots


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _parents(paths: Iterable[str]) -> Iterator[str]:
    """Yield `--dir` for each parent, readable: bubblewrap would make them for its own uid only."""
    seen: set[str] = set()
    for path in paths:
        for parent in reversed(Path(path).parents):
            if str(parent) != "/" and str(parent) not in seen:
                seen.add(str(parent))
                yield from ("--perms", "0755", "--dir", str(parent))


def _view(*files: str) -> Argv:
    """The read-only allow list that all cells share, and `files` with it.

    Never `/`, never a folder above HOME.
    """
    home = os.path.realpath(os.environ.get("HOME") or "/nonexistent")
    roots = _roots()
    for root in roots:
        if _below(home, root):
            raise MissingExtra(
                f"Python's folder {root} contains HOME", "use a virtual environment of its own"
            )
    argv: Argv = ["--ro-bind", "/usr", "/usr"]
    for top in _LINKED:
        if os.path.islink(top):
            argv += ["--symlink", os.readlink(top), top]
        elif os.path.isdir(top):
            argv += ["--ro-bind", top, top]
    shown = [*roots, *(path for path in (*_ETC, *files) if os.path.exists(path))]
    argv += _parents(shown)
    for path in shown:
        argv += ["--ro-bind", path, path]
    return argv


def _programs(folder: str) -> Argv:
    return [*_parents([PROGRAMS]), "--ro-bind", folder, PROGRAMS]


def outer(
    bwrap: str,
    folder: Path,
    command: Sequence[str],
    sandbox: str,
    info_fd: int,
    programs: Path | None = None,
    shown: Mapping[str, Path] = MappingProxyType({}),
) -> Argv:
    """Return the command line of the supervisor's cell.

    `folder` appears as /sb, `programs` as /opt/kb, in all cells within too; `shown` (inside →
    outside) where it says.

    A user gets a user namespace. Root keeps the real one, so that the supervisor can give up to a
    real unprivileged uid, and gets its process namespace from unshare(1): bubblewrap as root
    covers parts of /proc, and a nested cell could not mount its own.
    """
    shared = ["--unshare-net", "--unshare-ipc", "--unshare-uts", "--hostname", "kbtool"]
    environment = ["--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8"]
    environment += ["--setenv", MARK, sandbox, "--info-fd", str(info_fd)]
    if os.geteuid() == 0:
        prefix = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", bwrap]
        own = ["--bind", "/proc", "/proc", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        prefix = [bwrap, "--unshare-user", "--unshare-pid"]
        own = ["--proc", "/proc"]
    mounts = ["--dev", "/dev", *own, "--perms", "1777", "--size", str(16 << 20), "--tmpfs", "/tmp"]  # noqa: S108
    binds = _programs(str(programs)) if programs else []
    for inside, outside in shown.items():
        binds += [*_parents([inside]), "--ro-bind", str(outside), inside]
    binds += ["--bind", str(folder), HOME, "--chdir", "/"]
    # Open to all, in a folder open to the sandbox's own uid alone.
    binds += ["--perms", "1777", "--size", str(DATA_MAX), "--tmpfs", f"{HOME}/data"]
    return [*prefix, *shared, *environment, *mounts, *_view(LINKER), *binds, "--", *command]


def inner(
    bwrap: str,
    sandbox: str,
    *,
    binds: Sequence[tuple[str, str, str]],
    command: Sequence[str],
    info_fd: int,
    tmp: int = 64 << 20,
) -> Argv:
    """Return the command line of a cell for one server, step or check.

    Args:
        bwrap: the program.
        sandbox: id, for the mark.
        binds: (`--bind` or `--ro-bind`, outside, inside), in this order.
        command: what becomes PID 1 inside; it must reap orphans or have none.
        info_fd: where bubblewrap tells the pid of that command.
        tmp: bytes of /tmp, and of /dev/shm.
    """
    argv = [bwrap, "--unshare-all", "--unshare-user", "--uid", str(UID), "--gid", str(UID)]
    argv += ["--disable-userns", "--cap-drop", "ALL", "--new-session", "--die-with-parent"]
    argv += ["--as-pid-1", "--info-fd", str(info_fd), "--hostname", "kb", "--clearenv"]
    argv += ["--setenv", "PATH", "/kb/bin:/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8"]
    argv += ["--setenv", MARK, sandbox, "--setenv", "HOME", "/tmp"]  # noqa: S108
    argv += ["--dev", "/dev", "--proc", "/proc"]
    for scratch in ("/dev/shm", "/tmp"):  # noqa: S108
        argv += ["--perms", "1777", "--size", str(tmp), "--tmpfs", scratch]
    argv += [*_view(), *_parents([f"{SECRETS}/NAME"])]
    argv += _programs(PROGRAMS) if os.path.isdir(PROGRAMS) else []
    for name in ("passwd", "group", "hosts"):
        argv += ["--ro-bind", f"{HOME}/etc/{name}", f"/etc/{name}"]
    argv += ["--ro-bind-try", f"{HOME}{LINKER}", LINKER]  # not every system has one
    for how, outside, inside in binds:
        argv += [how, outside, inside]
    # Last: what bubblewrap made for mount points is a tmpfs without a limit.
    return [*argv, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--", *command]


def alone(bwrap: str, folder: Path, command: Sequence[str]) -> Argv:
    """Return the command line of a cell for a tool that makes something of files.

    It is root in its own view, sees `folder` as /w and works there, and nothing else.
    """
    argv = [bwrap, "--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0", "--new-session"]
    argv += ["--die-with-parent", "--clearenv", "--setenv", "PATH", "/usr/sbin:/usr/bin"]
    argv += ["--setenv", "LANG", "C.UTF-8", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108
    argv += [*_view(), "--ro-bind", "/etc/passwd", "/etc/passwd"]  # ssh-keygen wants a name
    return [*argv, "--bind", str(folder), "/w", "--chdir", "/w", "--", *command]


def read_info(reader: int) -> bytes:
    """Return bubblewrap's JSON, which arrives in several writes; empty when it failed."""
    info = b""
    try:
        while b"}" not in info and (data := os.read(reader, 4096)):
            info += data
    finally:
        os.close(reader)
    return info
