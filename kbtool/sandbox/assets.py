"""Programs of the control plane: where they are found.

Looked for in this order: the files of `TEST_ASSET_*`, the folder `KUBEBUILDER_ASSETS`, the shared
store, where `building` puts them. A place counts only when it has every program; which versions
they are is for evidence and parity to say.
"""

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
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


@dataclass(frozen=True, slots=True)
class Found:
    """A folder that holds every program, and where it came from."""

    folder: Path
    origin: str


def shared(kind: str, digest: str) -> Path:
    """Return the folder in the shared store of what was made here from what has that digest.

    The store is $KBTOOL_STORE, else $XDG_DATA_HOME/kbtool, else ~/.local/share/kbtool.
    """
    own = os.environ.get("KBTOOL_STORE")
    share = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    machine = f"{platform.system()}-{platform.machine()}".lower()
    base = Path(own) if own else share / "kbtool"
    return base / kind / f"{digest[:16]}-{machine}"


def store(module: Path) -> Path:
    """Return the folder of the programs built from a module, by the digest of what it pins."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((module / name).read_bytes())
    return shared("controlplane", digest.hexdigest())


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
