"""The network between guests: a switch in a cell of its own, and what each guest knows of it."""

import os
import sys
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar, Final

from kbtool.errors import BoundaryError
from kbtool.sandbox.components.server import Server, remove
from kbtool.sandbox.profile import Guest
from kbtool.sandbox.site import Bind, Site

CARD: Final = "lan"  # what a guest calls its card
PORT: Final = "/kb/lan"  # where a guest's cell has its port, and the switch's cell all of them
_HUB: Final = Path(__file__).parent.parent / "hub.py"


class Network(Server):
    """The switch. It has no door: only guests are on it."""

    port: ClassVar[int] = 0
    socket_name: ClassVar[str] = "network.sock"
    open_to_steps: ClassVar[bool] = False

    def __init__(self, guests: Mapping[str, Guest], site: Site) -> None:
        """Take those that are on it."""
        super().__init__("network", site)
        self.folders = {name: port_folder(site, name) for name in guests}

    def command(self) -> Sequence[str]:
        """Run the switch."""
        return (os.path.realpath(sys.executable), "-I", "-S", str(_HUB), PORT, *self.folders)

    def binds(self) -> Sequence[Bind]:
        """See every port."""
        return [("--bind", str(path), f"{PORT}/{name}") for name, path in self.folders.items()]

    def before_start(self) -> None:
        """Remove the sockets of a predecessor."""
        remove(*(folder / "hub" for folder in self.folders.values()))

    async def ready(self) -> bool:
        """Return whether every port listens."""
        return self.running and all((each / "hub").exists() for each in self.folders.values())

    def can_restore(self) -> bool:
        """It keeps nothing but where it saw whom, and guests come back to their ports."""
        return self.running

    async def identify(self) -> str:
        """It has no door: only its process can be known."""
        if not self.running:
            raise BoundaryError(f"{self.name} does not run")
        return "process"

    def version(self) -> str:
        """Return what it is."""
        return f"switch between {', '.join(self.folders)}"

    def step_environment(self) -> dict[str, str]:
        """Return nothing: steps do not reach it."""
        return {}


def port_folder(site: Site, guest: str) -> Path:
    """Return the folder of a guest's port: nothing else is in it."""
    return site.folder("lan", guest)


def card(address: str) -> str:
    """Return the hardware address of the card that has this address: 02 is nobody's, locally."""
    return ":".join(f"{byte:02x}" for byte in (2, 0, *ip_address(address).packed))


def hosts(guests: Mapping[str, Guest], own: str) -> str:
    """Return a guest's /etc/hosts: every guest of the network, or itself alone."""
    known = {name: each.address for name, each in guests.items() if each.address}
    known = known if own in known else {own: "127.0.1.1"}
    lines = (f"{address} {name}\n" for name, address in known.items())
    return "127.0.0.1 localhost\n" + "".join(lines)
