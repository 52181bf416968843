"""Making a guest's image: packages fetched by apt, laid out here, configured in the guest itself.

Nothing of the guest's architecture runs on this machine but under the emulator, in a cell without
a network, and nothing asks for root. An image grows in a folder beside its target and is renamed
when it is whole.
"""

import asyncio
import contextlib
import gzip
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from kbtool.errors import SandboxError
from kbtool.sandbox import image
from kbtool.sandbox.bubblewrap import find_bwrap
from kbtool.sandbox.building import TELL_EVERY, Progress, locked
from kbtool.sandbox.cell import alone
from kbtool.sandbox.image import Image, NoGuest
from kbtool.sandbox.monitor import migrated, tell
from kbtool.sandbox.profile import Guest

PROGRAMS: Final = (*image.RUNNING, "apt-get", "cpio", "dpkg-deb", "mke2fs", "tar")
_LIMIT: Final = 1800.0  # seconds for one boot, on a busy machine
_READY: Final = "guest is ready"  # what the image's last service says on the console
_CONFIGURED: Final = "guest is configured"
# A package manager for another architecture that knows nothing of this machine but its sources.
_APT: Final = """
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Default-Release "/^{suite}(|-security|-updates)$/";
Acquire::Languages "none";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
"""
# What `dpkg --unpack` does, but for the packages' own scripts, which cannot run here.
_UNPACK: Final = """
set -o pipefail
keep="--keep-directory-symlink --no-same-owner --preserve-permissions"
for package in debs/archives/*.deb; do
  to="control/${package##*/}"
  mkdir -p "$to"
  dpkg-deb --control "$package" "$to"
  dpkg-deb --fsys-tarfile "$package" | tar --extract --directory tree $keep --verbose > "$to/list"
done
"""
# The first program of all: it loads what the disk needs, and hands over.
_INIT: Final = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
while read -r module; do /bin/busybox insmod "/modules/$module.ko"; done < /order
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 300 ]; do
  /bin/busybox sleep 0.1
  tries=$((tries + 1))
done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root "${start:-/sbin/init}"
"""
# What a package manager does after unpacking, where the packages' own programs can run. But for
# compiling Python's packages, which takes half of the time here: Python does it where one is used.
_CONFIGURE: Final = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -o remount,rw /
date -s "@$now"
ln -sf mawk /usr/bin/awk
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
mv /usr/bin/py3compile /usr/bin/py3compile.kept
ln -s true /usr/bin/py3compile
dpkg --configure --force-depends base-passwd base-files
dpkg --configure -a
mv /usr/bin/py3compile.kept /usr/bin/py3compile
rm /usr/sbin/policy-rc.d
left=$(dpkg --audit)
depmod
systemd-machine-id-setup
cp -a /overlay/. /
systemctl disable {unwanted}
systemctl enable {services}
useradd --uid 1000 --home-dir /kb/home --shell /bin/bash kb
rm -r /overlay /configure
[ -z "$left" ] && echo {configured}
sync
mount -o remount,ro /
echo o > /proc/sysrq-trigger
sleep 60
"""


def bake(guest: Guest, progress: Progress) -> Image:
    """Make a guest's image in the shared store, or find it made; one maker at a time.

    Raises:
        NoGuest: a program is missing, apt has not what the recipe wants, or the guest does not
            come up.
    """
    image.need(*PROGRAMS)
    folder = image.store(guest)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock", progress):
        found = image.find(guest)
        if found:
            return found
        prefix = f".baking-{folder.name}-"
        for left in folder.parent.glob(f"{prefix}*"):  # by a maker that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as scratch:
            _Oven(guest, Path(scratch), progress).bake()
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(folder)
            os.rename(Path(scratch, "image"), folder)
    return image.require(guest)


class _Oven:
    """One image in the making, in a folder that cells see as /w."""

    def __init__(self, guest: Guest, folder: Path, progress: Progress) -> None:
        self.guest = guest
        self.folder = folder
        self.progress = progress
        self.bwrap = find_bwrap()
        self.began = time.monotonic()
        for name in ("debs", "tree", "image"):
            (folder / name).mkdir(mode=0o755)

    def bake(self) -> None:
        self._tell(f"fetching packages of Debian {self.guest.suite} for {self.guest.architecture}")
        kernel = self._fetch()
        self._tell("laying out the disk")
        packages = self._unpack()
        self._boot_files(kernel)
        self._keys()
        self._disk()
        self._tell("configuring the packages in the guest")
        self._configure()
        self._tell("booting the guest once, to keep it running")
        asyncio.run(self._prepare())
        about = {"debian": packages["base-files"], "kernel": kernel.name.split("_")[1]}
        about |= {"emulator": image.emulator()}
        (self.folder / "image" / "about.json").write_text(json.dumps(about), encoding="utf-8")
        listed = "".join(f"{name} {version}\n" for name, version in sorted(packages.items()))
        (self.folder / "image" / "packages").write_text(listed, encoding="utf-8")
        for path in (self.folder / "image").iterdir():  # a sandbox has a uid of its own
            path.chmod(0o644)
        self._tell("made")

    def _tell(self, what: str) -> None:
        self.progress(f"guest image: {what} ({time.monotonic() - self.began:.0f} s)")

    # ------------------------------------------------------------------ packages
    def _fetch(self) -> Path:
        """Download every package; return the kernel's."""
        debs = self.folder / "debs"
        for name in ("lists/partial", "archives/partial"):
            (debs / name).mkdir(parents=True)
        (debs / "status").touch()
        text = _APT.format(
            architecture=self.guest.architecture, suite=self.guest.suite, folder=debs
        )
        (debs / "apt.conf").write_text(text, encoding="utf-8")
        self._apt("apt-get", "update", "-qq")
        self._apt("apt-get", "install", "-qq", "-y", "--download-only", *self._wanted())
        depends = self._apt("apt-cache", "show", "--no-all-versions", self.guest.kernel)
        kernel = re.search(r"^Depends: (linux-image-\S+)", depends, re.MULTILINE)
        if kernel is None:
            raise NoGuest(f"apt has no kernel {self.guest.kernel}")
        self._apt("apt-get", "download", "-qq", kernel[1].rstrip(","))
        return next(debs.glob("linux-image-*.deb"))

    def _wanted(self) -> list[str]:
        """Return Debian's essential packages and the recipe's."""
        listed = map(_fields, self._apt("apt-cache", "dumpavail").split("\n\n"))
        found = [each["Package"] for each in listed if each.get("Essential") == "yes"]
        if not found:
            hint = f"its sources have nothing for {self.guest.architecture}"
            raise NoGuest("apt knows no Debian packages for the guest", hint)
        return [*dict.fromkeys([*found, *self.guest.packages])]

    def _apt(self, *command: str) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self.folder / "debs" / "apt.conf")}
        environment |= {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        return _run(command, cwd=self.folder / "debs", env=environment)

    def _unpack(self) -> dict[str, str]:
        """Unpack as dpkg would, and write down that it is done; return each package's version."""
        tree, info = self.folder / "tree", self.folder / "tree/var/lib/dpkg/info"
        for name in ("bin", "lib", "sbin"):
            (tree / "usr" / name).mkdir(parents=True)
            (tree / name).symlink_to(f"usr/{name}")
        for path in (info, info.with_name("updates"), info.with_name("triggers")):
            path.mkdir(parents=True)
        self._cell("bash", "-ec", _UNPACK)
        paragraphs, versions = [], {}
        for package in sorted((self.folder / "control").iterdir()):
            control = (package / "control").read_text(encoding="utf-8").rstrip("\n")
            fields = _fields(control)
            versions[fields["Package"]] = fields["Version"]
            self._register(package, fields, info)
            paragraphs.append(f"{control}\nStatus: install ok unpacked\n")
        (info.parent / "status").write_text("\n".join(paragraphs), encoding="utf-8")
        (info.parent / "available").touch()
        return versions

    def _register(self, package: Path, fields: Mapping[str, str], info: Path) -> None:
        """Give dpkg what it keeps of a package: its scripts and lists, see deb(5)."""
        name = fields["Package"]
        if fields.get("Multi-Arch") == "same":
            name += f":{self.guest.architecture}"
        names = (package / "list").read_text(encoding="utf-8").splitlines()
        listed = [f"/{line.removeprefix('./').rstrip('/')}" for line in names]
        listed[0] = "/."
        (package / "list").write_text("\n".join(listed) + "\n", encoding="utf-8")
        for path in package.iterdir():
            if path.name != "control":
                path.rename(info / f"{name}.{path.name}")

    # ------------------------------------------------------------------ disk
    def _boot_files(self, kernel: Path) -> None:
        """Make the kernel and the first file system, and give the disk the kernel's modules."""
        self._cell("sh", "-ec", 'dpkg-deb --extract "$1" kernel', "sh", f"debs/{kernel.name}")
        unpacked = self.folder / "kernel"
        shutil.copy(next(unpacked.glob("boot/vmlinuz-*")), self.folder / "image" / "kernel")
        shutil.copytree(unpacked / "lib/modules", self.folder / "tree/usr/lib/modules")
        first = self.folder / "first"
        for name in ("bin", "dev", "modules", "proc", "root", "sys"):
            (first / name).mkdir(parents=True)
        shutil.copy(self.folder / "tree/usr/bin/busybox", first / "bin")
        modules = {path.stem: path for path in unpacked.rglob("*.ko")}
        for name in self.guest.modules:
            if name not in modules:
                raise NoGuest(f"kernel {kernel.name} has no module {name}")
            shutil.copy(modules[name], first / "modules")
        (first / "order").write_text("\n".join(self.guest.modules) + "\n", encoding="ascii")
        (first / "init").write_text(_INIT, encoding="ascii")
        (first / "init").chmod(0o755)
        pack = "cd first; find . | sort | cpio --quiet --create --format=newc > ../initrd"
        self._cell("sh", "-ec", pack)
        packed = gzip.compress((self.folder / "initrd").read_bytes(), 6, mtime=0)
        (self.folder / "image" / "initrd").write_bytes(packed)

    def _keys(self) -> None:
        """Make the keys of the image: good for the first login alone, which replaces them."""
        for name in ("key", "host"):
            command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "image")
            self._cell(*command, "-f", f"image/{name}")
        tree, made = self.folder / "tree", self.folder / "image"
        (tree / "root/.ssh").mkdir(mode=0o700, parents=True)
        shutil.move(made / "key.pub", tree / "root/.ssh/authorized_keys")
        (tree / "etc/ssh").mkdir(exist_ok=True)
        shutil.move(made / "host", tree / "etc/ssh/ssh_host_ed25519_key")
        shutil.copy(made / "host.pub", tree / "etc/ssh/ssh_host_ed25519_key.pub")

    def _disk(self) -> None:
        tree, guest = self.folder / "tree", self.guest
        shutil.copytree(guest.overlay, tree / "overlay", symlinks=True)
        script = _CONFIGURE.replace("{configured}", _CONFIGURED)
        script = script.replace("{services}", " ".join(guest.enable))
        script = script.replace("{unwanted}", " ".join(guest.disable))
        (tree / "configure").write_text(script, encoding="ascii")
        (tree / "configure").chmod(0o755)
        tree.chmod(0o755)
        make = "mke2fs -q -t ext4 -O ^has_journal -d tree disk.raw"
        self._cell("sh", "-ec", f"truncate -s {guest.disk}M disk.raw; {make}")
        convert = ("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "disk.raw")
        self._cell(*convert, "image/disk.qcow2")

    # ------------------------------------------------------------------ boots
    def _machine(self, *more: str) -> list[str]:
        command = image.machine(self.guest, "/w/image", "/w/image/disk.qcow2", "/w/monitor")
        return alone(self.bwrap, self.folder, [*command, *more])

    def _configure(self) -> None:
        command = self._machine()
        start = command.index("-append") + 1
        command[start] += f" start=/configure now={int(time.time())}"
        with (
            (self.folder / "configure.log").open("wb") as log,
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
        ):
            try:
                self._watch(process)
            finally:
                process.kill()
        self._said("configure.log", _CONFIGURED)

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for the end; tell now and then that it is under way."""
        limit = time.monotonic() + _LIMIT
        while time.monotonic() < limit:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TELL_EVERY)
                return
            self._tell("still configuring")
        raise NoGuest("the guest did not configure its packages in time")

    async def _prepare(self) -> None:
        """Boot, wait until all has started, and keep the memory beside the disk."""
        with (self.folder / "boot.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *self._machine(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            await asyncio.wait_for(self._until_ready(process), _LIMIT)
            await asyncio.sleep(2)  # the last of what starts in the background
            monitor = self.folder / "monitor"
            speed = {"max-bandwidth": 1 << 34}
            target = {"uri": "exec:cat > /w/image/memory"}
            await tell(
                monitor,
                ("stop", {}),
                ("migrate-set-parameters", speed),
                ("migrate", target),
            )
            await migrated(monitor, 600)
            await tell(monitor, ("quit", {}))
            await asyncio.wait_for(process.wait(), 60)
        except (TimeoutError, SandboxError) as error:
            raise NoGuest(f"the guest did not come up: {self._last('boot.log')}") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        log = self.folder / "boot.log"
        while _READY.encode() not in log.read_bytes():
            if process.returncode is not None:
                raise SandboxError("it ended")
            await asyncio.sleep(0.2)

    def _said(self, log: str, words: str) -> None:
        if words not in (self.folder / log).read_text(encoding="utf-8", errors="replace"):
            raise NoGuest(f"the guest did not configure its packages: {self._last(log)}")

    def _last(self, log: str) -> str:
        text = (self.folder / log).read_text(encoding="utf-8", errors="replace")
        return " | ".join(text.strip().splitlines()[-5:]) or "it said nothing"

    def _cell(self, *command: str) -> str:
        return _run(alone(self.bwrap, self.folder, command))


def _fields(paragraph: str) -> dict[str, str]:
    """Return the fields of a paragraph of control data, see deb-control(5), by name."""
    lines = (line.partition(": ") for line in paragraph.splitlines() if not line[:1].isspace())
    return {name: value for name, _, value in lines}


def _run(command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command to its end; return what it wrote.

    Raises:
        NoGuest: it failed; the end of what it said is in the message.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        name = command[command.index("--") + 1 if "--" in command else 0]
        said = " | ".join(done.stderr.strip().splitlines()[-3:]) or "it said nothing"
        raise NoGuest(f"making a guest's image: {Path(name).name} failed: {said}")
    return done.stdout
