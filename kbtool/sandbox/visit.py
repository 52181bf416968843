"""A step on a guest: its folder and the host's are carried there, what it changed is carried back.

The models of a sandbox see a host's folders here, and the guest has them on a disk of its own. So a
step finds them as they were when it began, and who looks from here sees what it did when it ended.
No folder is shared: a mount could not show the holes of a sparse file, and would stay open.
"""

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kbtool.errors import SandboxError
from kbtool.sandbox.cell import SECRETS
from kbtool.sandbox.components.guest import GuestServer
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.site import Bind, Site
from kbtool.sandbox.snapshot import pack

_ENTER_WITHIN: Final = 60.0  # while the step before is cleared away
_OWNER: Final = "1000"  # the steps' user in the guest
# Nothing of the archive lands elsewhere: only the host's folders can be written in that cell.
_UNPACK: Final = """
xargs -0 -r -a /kb/in/deleted rm -rf --
[ ! -s /kb/in/archive ] ||
  tar --extract --touch --no-same-owner --no-same-permissions -f /kb/in/archive -C /kb/view
"""
Shown = tuple[list[str], list[Bind]]


class Visit:
    """One step on one guest."""

    def __init__(
        self, site: Site, guest: GuestServer, folders: Sequence[str], folder: Path
    ) -> None:
        """Take the host's folders, and the step's own: `step` and `work` are in it."""
        self.site = site
        self.guest = guest
        self.folders = folders
        self.folder = folder
        self.entered = False

    async def begin(
        self, action: Mapping[str, Any], block: Sequence[str], doors: Sequence[Server], *, tty: bool
    ) -> Shown:
        """Lay out the step in the guest; return what starts it from a cell, and that cell's binds.

        Raises:
            SandboxError: it wants secrets typed, another step is there, or it could not be done.
        """
        if action["types"]:
            raise SandboxError("nothing can be typed at a prompt in a guest", "use Secret")
        (self.folder / "step" / "argv.json").write_text(json.dumps(block), encoding="utf-8")
        self._files(action["secrets"], doors)
        archive = self.folder / "archive"
        await self._enter()
        await self._pack(archive)
        await self.guest.begin_step(archive, self.folders)
        archive.unlink()
        return self.guest.ssh("step", doors, tty=tty), self._cell(doors)

    async def _enter(self) -> None:
        try:
            await asyncio.wait_for(self.guest.visited.acquire(), _ENTER_WITHIN)
        except TimeoutError as error:
            raise SandboxError(f"another step is under way on {self.guest.name}") from error
        self.entered = True

    def _files(self, names: Sequence[str], doors: Sequence[Server]) -> None:
        """Gather the secrets a step names, and what clients of the servers need, by their place."""
        found = {f"{SECRETS}/{name}": self.site.step_secret(name) for name in names}
        for server in doors:
            for _, outside, inside in server.step_binds(admin=False):
                found[inside] = Path(outside)
        for place, source in found.items():
            copy = self.folder / "files" / place.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)

    async def _pack(self, archive: Path) -> None:
        (self.folder / "files").mkdir(exist_ok=True)
        here = ["-C", str(self.folder), "work", "step", "files"]
        view = self.site.hosts / self.guest.name
        shown = [each.lstrip("/") for each in self.folders]
        there = ["-C", str(view), *shown] if shown else []
        places = ["s,^\\(work\\|step\\)\\(/\\|$\\),kb/\\1\\2,", "s,^files\\(/\\|$\\),./,"]
        moved = [f"--transform=flags=r;{place}" for place in places]
        owned = [f"--owner={_OWNER}", f"--group={_OWNER}"]
        await pack(archive, *owned, *moved, *here, *there)

    def _cell(self, doors: Sequence[Server]) -> list[Bind]:
        """Show the ssh its keys and the doors; folder and environment of the step are elsewhere."""
        for name, text in {"env.json": '{"PATH": "/usr/bin"}', "argv.json": "[]"}.items():
            place = self.folder / "outside" / name
            place.parent.mkdir(exist_ok=True)
            place.write_text(text, encoding="ascii")
        outside = str(self.folder / "outside")
        shown: list[Bind] = [("--ro-bind", outside, "/kb/step"), ("--ro-bind", outside, "/kb/work")]
        shown += [door.door_bind() for door in doors]
        return [*shown, *self.guest.ssh_binds("step")]

    async def end(self) -> None:
        """End the step in the guest, and carry back what it changed on its host.

        Raises:
            SandboxError: it could not be carried back whole.
        """
        if not self.entered:
            return
        try:
            await self._carry_back(*await self.guest.end_step(self.folders))
        finally:
            self.guest.visited.release()

    async def _carry_back(self, archive: bytes, deleted: Sequence[str]) -> None:
        if not archive and not deleted:
            return
        place = self.folder / "back"
        place.mkdir()
        (place / "archive").write_bytes(archive)
        names = "".join(f"/kb/view{name}\0" for name in deleted)
        (place / "deleted").write_bytes(names.encode("utf-8", "surrogateescape"))
        host = self.guest.name
        shown: list[Bind] = [
            ("--bind", str(self.site.host(host, each)), f"/kb/view{each}") for each in self.folders
        ]
        binds: list[Bind] = [("--ro-bind", str(place), "/kb/in"), *shown]
        what = f"carrying back what a step changed on {host}"
        await self.site.run(["sh", "-ec", _UNPACK], binds, f"{host}.log", what)
