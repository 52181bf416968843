"""A guest's image: where it is, what it takes, and the machine that runs it.

An image is a disk and the memory of a machine that has already booted from it, so that a sandbox
has a running guest within seconds. `baking` makes it; it is kept in the shared store by the digest
of its recipe and of the QEMU whose memory it is.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kbtool.errors import RequirementError
from kbtool.sandbox.assets import shared
from kbtool.sandbox.profile import Guest

EMULATOR: Final = "qemu-system-aarch64"
RUNNING: Final = (EMULATOR, "qemu-img", "ssh", "ssh-keygen")
FILES: Final = ("disk.qcow2", "memory", "kernel", "initrd", "key", "host.pub", "about.json")
SSH_PORT: Final = 2222  # on the loopback of the emulator's own cell
_FORMAT: Final = "2"  # of an image: a new one is made when `baking` changes what it holds
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_DEBIAN: Final[Mapping[str, str]] = {  # program → the Debian package that has it
    EMULATOR: "qemu-system-arm",
    "qemu-img": "qemu-utils",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "apt-get": "apt",
    "cpio": "cpio",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "tar": "tar",
}


class NoGuest(RequirementError):
    """A guest cannot be had here."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Image:
    """A prepared image, whole."""

    folder: Path
    versions: Mapping[str, str]


def program(name: str) -> str:
    """Return the path of a program of this machine, "" where it is missing."""
    return shutil.which(name, path=_PATH) or ""


def lacking(*names: str) -> list[str]:
    """Return the Debian packages that would bring what is missing of these programs."""
    return list(dict.fromkeys(_DEBIAN[name] for name in names if not program(name)))


def need(*names: str) -> None:
    """Check that programs are here.

    Raises:
        NoGuest: some are not; says which packages have them.
    """
    packages = lacking(*names)
    if packages:
        raise NoGuest(
            f"guests need {', '.join(name for name in names if not program(name))}",
            f"apt-get install {' '.join(packages)}; a profile without guests needs none of it",
        )


def store(guest: Guest) -> Path:
    """Return the folder of a guest's image, by the digest of its recipe and of the emulator."""
    digest = hashlib.sha256(f"{_FORMAT} {emulator()}".encode())
    digest.update(Path(guest.image).read_bytes())
    overlay = Path(guest.overlay)
    for path in sorted(path for path in overlay.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(overlay)}\0".encode() + path.read_bytes())
    return shared("guests", digest.hexdigest())


def emulator() -> str:
    """Return the emulator's version, "" where there is none."""
    path = program(EMULATOR)
    if not path:
        return ""
    done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60)
    match = re.search(rb"version (\S+)", done.stdout)
    return match[1].decode("ascii", "replace") if match else "unknown"


def find(guest: Guest) -> Image | None:
    """Return a guest's image, None where it was not made."""
    folder = store(guest)
    if not all(os.access(folder / name, os.R_OK) for name in FILES):
        return None
    return Image(folder, json.loads((folder / "about.json").read_bytes()))


def require(guest: Guest) -> Image:
    """Return a guest's image.

    Raises:
        NoGuest: it was not made, or what runs it is missing.
    """
    need(*RUNNING)
    found = find(guest)
    if found is None:
        raise NoGuest(
            f"the image of guest {guest.name} is not here",
            "kbtool sandbox assets makes it once, in some minutes",
        )
    return found


# ---------------------------------------------------------------------- the machine
def machine(
    guest: Guest, image: str, disk: str, monitor: str, lan: str = "", ports: Sequence[int] = ()
) -> list[str]:
    """Return the emulator's command line: no device but these, no way out but in by ssh.

    `lan` is the folder with the guest's port of the network between guests; without it the second
    card has no cable. It is there all the same, and the processor is emulated everywhere: memory
    that was prepared so can be loaded by nothing else. `ports` are further ways in, to the same.
    """
    start = "console=ttyAMA0 quiet panic=-1 systemd.show_status=0 systemd.firstboot=off"
    start += " systemd.mask=serial-getty@ttyAMA0.service"
    ways = {SSH_PORT: 22, **{port: port for port in ports}}
    forward = ",".join(f"hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in ways.items())
    return [
        *(EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "virt", "-cpu", "cortex-a57", "-accel", "tcg,thread=multi"),
        *("-smp", str(guest.cpus), "-m", str(guest.memory)),
        *("-kernel", f"{image}/kernel", "-initrd", f"{image}/initrd", "-append", start),
        *("-drive", f"if=none,id=disk,file={disk},format=qcow2,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci"),
        *("-netdev", f"user,id=net,{RESTRICTION},ipv6=off,{forward}"),
        *("-device", f"virtio-net-pci,netdev=net,mac={CARDS[0]},romfile="),
        *(("-netdev", _CABLE.format(lan)) if lan else ()),
        *("-device", f"virtio-net-pci,{'netdev=lan,' if lan else ''}mac={CARDS[1]},romfile="),
        *("-chardev", "stdio,id=log,signal=off", "-serial", "chardev:log"),
        *("-qmp", f"unix:{monitor},server=on,wait=off"),
    ]


# Datagrams: whoever ends and comes again at either end finds the other one as it was.
_CABLE: Final = (
    "dgram,id=lan,local.type=unix,local.path={0}/guest,remote.type=unix,remote.path={0}/hub"
)
CARDS: Final = ("02:00:00:00:00:01", "02:00:00:00:00:02")  # as the image knows them
RESTRICTION: Final = "restrict=on"  # the guest reaches nothing, the cell's own loopback included


def rows(guests: Mapping[str, Guest], baking: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield what guests need here: (what, where it is or "", fix)."""
    for name in RUNNING if guests else ():
        yield (name, program(name), f"apt-get install {_DEBIAN[name]}")
    for guest in guests.values():
        found = find(guest) if program(EMULATOR) else None
        where = str(found.folder) if found else ""
        yield (f"image of {guest.name}", where, "kbtool sandbox assets")
        if found is None:
            for name in baking:
                yield (name, program(name), f"apt-get install {_DEBIAN[name]}")
