"""What kbtool runs inside a guest, with nothing but the standard library.

`agent.py line` answers on the connection of the supervisor alone: it takes what a step needs, and
gives back which files the step changed. `agent.py run` is what the connection of a step starts:
it becomes the step's shell, without rights and within limits. One step at a time.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

Message = dict[str, Any]
UID = 1000
KB = Path("/kb")
SECRETS = Path("/run/secrets")
OWN = Path("/run/kbtool")  # closed to steps
GROUP = Path("/sys/fs/cgroup/kbtool")
LIMITS = {
    resource.RLIMIT_NPROC: 256,
    resource.RLIMIT_FSIZE: 256 << 20,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_CORE: 0,
}
RESEED = 0x5207  # RNDRESEEDCRNG, random(4)


# ---------------------------------------------------------------------- the supervisor's line
def line() -> None:
    """Answer requests, one JSON object a line, each followed by as many bytes as it says."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    for text in source:
        request = json.loads(text)
        archive = Path(request.get("to", OWN / "archive"))
        try:
            OWN.mkdir(mode=0o700, exist_ok=True)
            archive.parent.mkdir(parents=True, exist_ok=True)
            take(source, archive, request.get("size", 0))
            answer = REQUESTS[request["op"]](request, archive)
        except (OSError, KeyError, StopIteration) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        size = archive.stat().st_size if answer.get("archive") else 0
        sink.write(json.dumps({**answer, "size": size}).encode() + b"\n")
        if size:
            with archive.open("rb") as file:
                shutil.copyfileobj(file, sink)
        sink.flush()
        if "to" not in request:
            archive.unlink(missing_ok=True)


def take(source: IO[bytes], archive: Path, size: int) -> None:
    """Write as many bytes as are announced to a file."""
    with archive.open("wb") as file:
        while size:
            data = source.read(min(size, 1 << 16))
            if not data:
                raise OSError("the connection ended")
            file.write(data)
            size -= len(data)


def enrol(request: Message, archive: Path) -> Message:
    """Become the guest of one sandbox: its keys in place of the image's, and its secret."""
    wake(request, archive)
    lay(request, archive)
    for path, text in request["open"].items():
        Path(path).write_text(text)
    socket.sethostname(Path("/etc/hostname").read_text().strip())
    if request["lan"]:
        plug_in(**request["lan"])
    tell(["systemctl", "restart", "ssh"])
    return {}


def plug_in(card: str, name: str, becomes: str, address: str) -> None:
    """Give the card between guests a name, and addresses of its own: all came with the image's."""
    cards = Path("/sys/class/net").iterdir()
    found = next(each.name for each in cards if (each / "address").read_text().strip() == card)
    tell(["ip", "link", "set", "dev", found, "name", name])
    tell(["ip", "link", "set", "dev", name, "address", becomes, "addrgenmode", "none"])
    tell(["ip", "address", "add", f"{address}/24", "dev", name])
    tell(["ip", "link", "set", "dev", name, "up"])


def put(request: Message, archive: Path) -> Message:
    """Have taken a file, and give it its mode."""
    archive.chmod(request["mode"])
    return {}


def lay(request: Message, _archive: Path) -> Message:
    """Write files that are closed to others."""
    for path, text in request["files"].items():
        write(Path(path), text)
    return {}


def do(request: Message, _archive: Path) -> Message:
    """Run a command as root, and give back what it prints."""
    return {"said": tell(request["command"])}


def tell(command: list[str], given: bytes = b"") -> str:
    """Run a command of the guest to a good end; return what it prints."""
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise OSError(f"{command[0]}: exit {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def write(path: Path, text: str) -> None:
    """Write a file that is closed to others, in place of what is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def wake(request: Message, _archive: Path) -> Message:
    """Learn what a machine cannot know that was kept and started again: the time, and chance."""
    time.clock_settime(time.CLOCK_REALTIME, request["now"])
    with open("/dev/urandom", "wb", buffering=0) as pool:
        pool.write(bytes.fromhex(request["entropy"]))
        fcntl.ioctl(pool, RESEED)
    return {}


def prove(_request: Message, _archive: Path) -> Message:
    """Tell what only this sandbox's guest knows, and what it is."""
    secret = Path("/root/identity").read_text()
    return {"secret": secret, "machine": os.uname().machine, "kernel": os.uname().release}


def reach(request: Message, _archive: Path) -> Message:
    """Try the addresses; tell which can be reached."""
    return {"reached": [each for each in request["addresses"] if connects(*each)]}


def connects(host: str, port: int) -> bool:
    """Return whether somebody answers."""
    with socket.socket() as tried:
        tried.settimeout(2)
        return tried.connect_ex((host, port)) == 0


def begin(request: Message, archive: Path) -> Message:
    """Lay out a step: its folder, its secrets, and the folders of the host it shows."""
    clear()
    for folder in request["folders"]:
        empty(Path(folder))
    for folder in (KB, SECRETS):
        folder.mkdir(mode=0o755, exist_ok=True)
    unpack = ["tar", "--extract", "--preserve-permissions", "--same-owner", "--numeric-owner"]
    tell([*unpack, "-f", str(archive), "-C", "/"])
    (KB / "home").mkdir(exist_ok=True)
    os.chown(KB / "home", UID, UID)
    for folder in request["folders"]:
        os.chown(folder, UID, UID)
    write(OWN / "before", json.dumps(seen(request["folders"])))
    make_group(request["memory"])
    return {}


def end(request: Message, archive: Path) -> Message:
    """End the step and all it started; give back what it changed below the host's folders."""
    kill_group()
    before, after = json.loads((OWN / "before").read_text()), seen(request["folders"])
    changed = [path for path, what in after.items() if before.get(path) != what]
    names = b"".join(os.fsencode(path.lstrip("/")) + b"\0" for path in changed)
    pack = ["tar", "--create", "--sparse", "--format=posix", "--no-recursion", "-f", str(archive)]
    pack += ["-C", "/", "--null", "--verbatim-files-from", "--files-from=-"]
    if names:
        tell(pack, names)
    clear()
    return {"archive": bool(changed), "deleted": [path for path in before if path not in after]}


def seen(folders: list[str]) -> dict[str, list[int]]:
    """Return every path below the folders with what would differ if it were changed."""
    found = {}
    for folder in folders:
        for parent, folders_in, files in os.walk(folder):
            for name in (*folders_in, *files):
                path = os.path.join(parent, name)
                what = os.lstat(path)
                is_folder = stat.S_ISDIR(what.st_mode)
                times = [] if is_folder else [what.st_size, what.st_mtime_ns, what.st_ctime_ns]
                found[path] = [what.st_ino, what.st_mode, *times]
    return found


def clear() -> None:
    """Remove what steps leave: their folder and their secrets."""
    for folder in (KB / "work", KB / "step", SECRETS):
        shutil.rmtree(folder, ignore_errors=True)


def empty(folder: Path) -> None:
    """Make a folder, and remove what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        else:
            inner.unlink()


REQUESTS: dict[str, Callable[[Message, Path], Message]] = {
    "enrol": enrol,
    "wake": wake,
    "prove": prove,
    "reach": reach,
    "put": put,
    "lay": lay,
    "do": do,
    "begin": begin,
    "end": end,
}


# ---------------------------------------------------------------------- a step's processes
def stepping() -> bool:
    """Return whether processes of a step run."""
    with contextlib.suppress(FileNotFoundError):
        return bool((GROUP / "cgroup.procs").read_text())
    return False


def make_group(memory: int) -> None:
    """Make the group of a step's processes, bounded together."""
    Path("/sys/fs/cgroup/cgroup.subtree_control").write_text("+memory +pids")
    GROUP.mkdir(exist_ok=True)
    (GROUP / "pids.max").write_text(str(LIMITS[resource.RLIMIT_NPROC]))
    (GROUP / "memory.max").write_text(str(memory))


def kill_group() -> None:
    """End every process of a step, wherever it went: none can leave its group."""
    limit = time.monotonic() + 30
    while stepping():
        (GROUP / "cgroup.kill").write_text("1")
        time.sleep(0.02)
        if time.monotonic() > limit:
            raise OSError("the step's processes do not end")
    with contextlib.suppress(FileNotFoundError):
        GROUP.rmdir()


def run() -> None:
    """Be the step: fork, give up every right, become the shell; exit as it does."""
    argv = json.loads((KB / "step" / "argv.json").read_text())
    environment = json.loads((KB / "step" / "env.json").read_text())
    child = os.fork()
    if child == 0:
        (GROUP / "cgroup.procs").write_text("0")
        for limit, value in LIMITS.items():
            resource.setrlimit(limit, (value, value))
        os.setgroups([])
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)
        no_new_privileges()
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and its children would
        os.chdir(KB / "work")
        os.umask(0o022)
        os.execve(argv[0], argv, environment)  # noqa: S606 - what the runbook says
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    kill_group()
    os._exit(code if code >= 0 else 128 - code)


def no_new_privileges() -> None:
    """Let no set-uid program give a right back, see prctl(2) PR_SET_NO_NEW_PRIVS."""
    if ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) != 0:
        os._exit(126)


if __name__ == "__main__":
    {"line": line, "run": run}[sys.argv[1]]()
