"""A model of Longhorn: volumes, engines, replicas, and the directories that hold the data.

Specified in the guidebook page "Models of the lab". What matters for recovery is modelled: the
name of a replica's directory carries the engine ID; a directory of that name is adopted, no other
ever is; a volume that is attached finds its dirty replicas beside clean ones and rebuilds them from
a clean one; `healthy` holds only while attached; an attached volume shows its device on its node.

What stands in objects and in files may have been written by anybody: names are plain or refused,
and files are opened beneath the host views. A volume that has something hostile is left alone and
`faulted`; the others go on.
"""

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import beneath
from beneath import Refused, plain
from kubernetes import client
from lab import HOSTS, MALFORMED, Kind, Object, connect, run, tell
from tickets import LABEL

GROUP = ("longhorn.io", "v1beta2")
HEAD = "volume-head-000.img"
BLOCK = 4096
GRACE = 10  # seconds
MOST = 64 << 20  # bytes of a volume: all of it lies in memory
CHAIN = 32  # layers of a replica


class Replica:
    """One replica's directory: a chain of sparse layers, the head on top."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def meta(self) -> dict[str, Any]:
        """What stands in volume.meta.

        Raises:
            Refused: it is not what a replica has.
        """
        found = self._json("volume.meta")
        found["Size"], found["Dirty"] = sized(found.get("Size")), found.get("Dirty") is True
        return {**found, "Head": plain(found.get("Head"))}

    def _json(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(beneath.read(self.folder / name))
        except (ValueError, RecursionError) as error:
            raise Refused(f"{self.folder / name} cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise Refused(f"{self.folder / name} is no object")
        return found

    def write_meta(self, **changes: Any) -> None:
        """Change volume.meta, in one move."""
        text = json.dumps({**self.meta, **changes}) + "\n"
        beneath.write(self.folder / "volume.meta", text.encode())

    def create(self, size: int) -> None:
        """Make an empty replica, unless a directory of that name is there: that one is adopted."""
        if beneath.exists(self.folder / "volume.meta"):
            return
        beneath.make(self.folder)
        with beneath.open_file(self.folder / HEAD, "wb") as head:
            head.truncate(size)
        meta = {"Size": size, "Head": HEAD, "Dirty": False, "Rebuilding": False, "Parent": ""}
        beneath.write(self.folder / "volume.meta", (json.dumps(meta) + "\n").encode())

    def layers(self) -> list[Path]:
        """Return the chain from the head down."""
        meta = self.meta
        name, parent, found = meta["Head"], meta.get("Parent", ""), []
        while name:
            if len(found) == CHAIN:
                raise Refused(f"{self.folder} has more than {CHAIN} layers")
            found.append(self.folder / plain(name))
            if len(found) > 1:
                parent = self._json(f"{name}.meta").get("Parent", "")
            name = parent
        return found

    def merged(self, image: Path) -> None:
        """Write what the layers hold together into an image."""
        with beneath.open_file(image, "wb") as whole:
            whole.truncate(self.meta["Size"])
        for layer in reversed(self.layers()):
            overlay(layer, image)

    def write(self, image: Path) -> None:
        """Write into the head what an image holds otherwise than the layers do."""
        now = self.folder / ".merged"
        beneath.remove(now)
        self.merged(now)
        head = self.folder / self.meta["Head"]
        with (
            beneath.open_file(image, "rb") as new,
            beneath.open_file(now, "rb") as old,
            beneath.open_file(head, "r+b") as target,
        ):
            at = 0
            while at < MOST and (block := new.read(BLOCK)):
                if block != old.read(BLOCK):
                    target.seek(at)
                    target.write(block)
                at += len(block)
        beneath.remove(now)

    def rebuild_from(self, other: "Replica") -> None:
        """Become a copy of another replica; what was here is lost."""
        fresh = self.folder.with_name(f".rebuild-{self.folder.name}")
        beneath.remove_tree(fresh)
        beneath.make(fresh)
        for name in beneath.names(other.folder):
            with beneath.open_file(fresh / name, "wb") as copy:
                copy.truncate(sized(_length(other.folder / name)))
            overlay(other.folder / name, fresh / name)
        beneath.remove_tree(self.folder)
        beneath.move(fresh, self.folder)


def sized(size: Any) -> int:
    """Return a size that somebody else gave.

    Raises:
        Refused: it is none, or more than fits here.
    """
    if not isinstance(size, int) or not 0 <= size <= MOST:
        raise Refused(f"{str(size)[:40]} is no size of a volume here")
    return size


def _length(path: Path) -> int:
    with beneath.open_file(path, "rb") as file:
        return os.fstat(file.fileno()).st_size


def overlay(layer: Path, image: Path) -> None:
    """Copy the data of a sparse file over an image; its holes leave the image as it is."""
    with beneath.open_file(layer, "rb") as source, beneath.open_file(image, "r+b") as target:
        _overlay(source, target, sized(os.fstat(source.fileno()).st_size))


def _overlay(source: IO[bytes], target: IO[bytes], size: int) -> None:
    at = 0
    while at < size:
        try:
            start = os.lseek(source.fileno(), at, os.SEEK_DATA)
        except OSError:  # only a hole is left
            return
        at = os.lseek(source.fileno(), start, os.SEEK_HOLE)
        os.pwrite(target.fileno(), os.pread(source.fileno(), at - start, start), start)


class Longhorn:
    """The manager."""

    def __init__(self) -> None:
        self.volumes = Kind(*GROUP, "volumes")
        self.engines = Kind(*GROUP, "engines")
        self.replicas = Kind(*GROUP, "replicas")
        self.attachments = Kind(*GROUP, "volumeattachments")
        self.core = client.CoreV1Api()

    def reconcile(self) -> None:
        """Bring every volume nearer to what its objects ask."""
        volumes = {each["metadata"]["name"]: each for each in self.volumes.all()}
        engines, replicas = self._of(self.engines, volumes), self._of(self.replicas, volumes)
        tickets = {each["metadata"]["name"]: each for each in self.attachments.all()}
        ready = self._ready_nodes()
        self._drop_devices(volumes)
        for name, volume in volumes.items():
            try:
                self._bring(name, volume, engines, replicas, tickets, ready)
            except (OSError, *MALFORMED) as error:
                tell(name, repr(error))
                if not isinstance(error, FileNotFoundError):  # that is somebody moving a folder
                    self._report(volume, "detached", "", "faulted")

    def _bring(
        self,
        name: str,
        volume: Object,
        engines: dict[str, list[Object]],
        replicas: dict[str, list[Object]],
        tickets: dict[str, Object],
        ready: set[str],
    ) -> None:
        """Bring one volume nearer.

        Raises:
            OSError, LookupError, TypeError, ValueError: something of it is not as it should be.
        """
        engine = engines[name][0] if engines.get(name) else self._new_engine(volume)
        parts = self._replicas(volume, engine, replicas.get(name, []))
        attachment = tickets.get(name) or self._new_attachment(volume)
        self._attach(volume, attachment, parts, ready)

    def _of(self, kind: Kind, volumes: dict[str, Object]) -> dict[str, list[Object]]:
        """Return objects by their volume; those whose volume is gone go too, their data stays.

        New ones have some seconds' grace: a restore may bring the volume last.
        """
        found: dict[str, list[Object]] = {}
        for each in kind.all():
            name = (each.get("spec") or {}).get("volumeName")
            if name in volumes:
                found.setdefault(name, []).append(each)
            elif _age(each) > GRACE:
                kind.delete(each)
        return found

    def _ready_nodes(self) -> set[str]:
        nodes = self.core.list_node().items
        return {
            node.metadata.name
            for node in nodes
            for condition in node.status.conditions or ()
            if condition.type == "Ready" and condition.status == "True"
        }

    # ------------------------------------------------------------------ objects
    def _new_engine(self, volume: Object) -> Object:
        """Give the volume an engine with an ID that no directory has."""
        name = volume["metadata"]["name"]
        spec = {"volumeName": name, "engineID": secrets.token_hex(4)}
        return self._create(self.engines, volume, f"{name}-e-0", "Engine", spec)

    def _new_attachment(self, volume: Object) -> Object:
        name = volume["metadata"]["name"]
        spec = {"volume": name, "attachmentTickets": {}}
        return self._create(self.attachments, volume, name, "VolumeAttachment", spec)

    def _create(self, kind: Kind, volume: Object, name: str, what: str, spec: Object) -> Object:
        labels = {LABEL: volume["metadata"]["name"]}
        body = {"kind": what, "metadata": {"name": name, "labels": labels}, "spec": spec}
        return kind.create(volume["metadata"]["namespace"], body)

    def _replicas(self, volume: Object, engine: Object, known: list[Object]) -> dict[str, Replica]:
        """Return the replica on each node, made where it is missing."""
        name, wanted = volume["metadata"]["name"], int(volume["spec"].get("numberOfReplicas", 3))
        by_node = {plain(each["spec"]["nodeID"]): each for each in known}
        for node in sorted(path.name for path in HOSTS.iterdir())[:wanted]:
            if node not in by_node:
                directory = plain(f"{name}-{engine['spec']['engineID']}")
                spec = {
                    "volumeName": name,
                    "nodeID": node,
                    "engineName": engine["metadata"]["name"],
                }
                spec["dataDirectoryName"] = directory
                by_node[node] = self._create(
                    self.replicas, volume, f"{name}-r-{node}", "Replica", spec
                )
        parts = {}
        for node, each in by_node.items():
            directory = plain(each["spec"]["dataDirectoryName"])
            if not (HOSTS / node).is_dir():
                raise Refused(f"there is no node {node}")
            parts[node] = Replica(HOSTS / node / "var/lib/longhorn/replicas" / directory)
            parts[node].create(sized(int(volume["spec"]["size"])))
        return parts

    # ------------------------------------------------------------------ attaching
    def _attach(
        self, volume: Object, attachment: Object, parts: dict[str, Replica], ready: set[str]
    ) -> None:
        tickets = attachment["spec"].get("attachmentTickets") or {}
        wanted = [each["nodeID"] for _, each in sorted(tickets.items())]
        state = volume.get("status", {}).get("state", "")
        node = volume.get("status", {}).get("currentNodeID", "")
        alive = {name: part for name, part in parts.items() if name in ready}
        if state == "attached":
            device = self._device(node, volume)
            # Without its device its engine died: nothing was flushed.
            if not beneath.exists(device) or node not in ready:
                self._report(volume, "detached", "", "unknown")
                return
            self._flush(device, alive)
            if node not in wanted:
                beneath.remove(device)
                for part in alive.values():
                    part.write_meta(Dirty=False)
                self._report(volume, "detached", "", "unknown")
            else:
                self._report(volume, "attached", node, self._robustness(volume, alive))
        elif wanted and wanted[0] in ready and alive:
            self._rebuild(alive)
            self._expose(self._device(wanted[0], volume), alive)
            self._report(volume, "attached", wanted[0], self._robustness(volume, alive))
        else:
            self._report(volume, "detached", "", "unknown")

    def _report(self, volume: Object, state: str, node: str, robustness: str) -> None:
        status = {"state": state, "currentNodeID": node, "robustness": robustness}
        self.volumes.report(volume, status)

    def _robustness(self, volume: Object, alive: dict[str, Replica]) -> str:
        wanted = int(volume["spec"].get("numberOfReplicas", 3))
        return "healthy" if len(alive) >= wanted else "degraded"

    def _device(self, node: str, volume: Object) -> Path:
        return HOSTS / plain(node) / "dev/longhorn" / plain(volume["metadata"]["name"])

    def _rebuild(self, alive: dict[str, Replica]) -> None:
        """Make replicas agree before they serve: a clean one is believed, a dirty one is not."""
        clean = [part for _, part in sorted(alive.items()) if not part.meta["Dirty"]]
        if clean:
            for part in alive.values():
                if part.meta["Dirty"]:
                    part.rebuild_from(clean[0])

    def _expose(self, device: Path, alive: dict[str, Replica]) -> None:
        new = device.with_name(f".{device.name}")
        beneath.remove(new)
        alive[min(alive)].merged(new)
        for part in alive.values():
            part.write_meta(Dirty=True)
        beneath.write(_mark(device), _written(new))
        beneath.move(new, device)

    def _flush(self, device: Path, alive: dict[str, Replica]) -> None:
        """Write to the replicas what was written to the device since."""
        mark, written = _mark(device), _written(device)
        if not beneath.exists(mark) or beneath.read(mark) != written:
            for part in alive.values():
                part.write(device)
            beneath.write(mark, written)

    def _drop_devices(self, volumes: dict[str, Object]) -> None:
        """A device whose volume is gone goes with its engine."""
        for host in beneath.names(HOSTS):
            folder = HOSTS / host / "dev/longhorn"
            for name in beneath.names(folder):
                if not name.startswith(".") and name not in volumes:
                    beneath.remove(folder / name)


def _mark(device: Path) -> Path:
    return device.with_name(f".{device.name}.flushed")


def _written(device: Path) -> bytes:
    """Return when a device was last written to."""
    found = beneath.status(device)
    return str(found.st_mtime_ns if found else 0).encode()


def _age(each: Object) -> float:
    made = datetime.fromisoformat(each["metadata"]["creationTimestamp"])
    return (datetime.now(UTC) - made).total_seconds()


if __name__ == "__main__":
    connect()
    run(Longhorn().reconcile)
