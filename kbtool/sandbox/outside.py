"""What of a sandbox stands outside of its cell, its keeper and its cluster: start and end."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from kbtool.errors import SandboxError
from kbtool.sandbox.components.openbao import OpenBaoServer
from kbtool.sandbox.components.postgres import PostgresServer
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.engine import Engine
from kbtool.sandbox.keeper import BOOT, FOLDER
from kbtool.sandbox.process import MARK, proc
from kbtool.sandbox.profile import Profile
from kbtool.sandbox.registry import Entry

_HOME: Final = "engine"  # of docker and k3d, in the sandbox's folder


def has_cluster(entry: Entry) -> bool:
    """Return whether something of the sandbox may stand outside."""
    return (entry.folder / BOOT).exists()


def start_keeper(entry: Entry, profile: Profile, identifier: str) -> None:
    """Start the keeper of a sandbox; it ends by itself when the supervisor has.

    Raises:
        SandboxError: it did not start.
    """
    if profile.cluster is None:
        return
    home = entry.folder / _HOME
    home.mkdir(mode=0o700, exist_ok=True)
    folder = entry.cell / FOLDER
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    part, launcher = asdict(profile.cluster), proc(os.getpid())
    boot = {"id": identifier, "part": part, "hosts": profile.hosts, "home": str(home)}
    boot |= {"reach": {name: _door(profile, name) for name in profile.cluster.reach}}
    boot |= {"launcher": asdict(launcher) if launcher else {}}
    (entry.folder / BOOT).write_text(json.dumps(boot), encoding="utf-8")
    environment = Engine.found(home).environment() | {MARK: identifier}
    with (entry.folder / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-m", "kbtool.sandbox.keeper", str(entry.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    if keeper.stdout is None or keeper.stdout.readline() != b"ready\n":
        keeper.kill()
        keeper.wait()
        raise SandboxError(f"the keeper of {entry.name} did not start: {_last(entry)}")
    keeper.stdout.close()
    _KEEPERS[entry.name] = keeper


def _door(profile: Profile, name: str) -> tuple[int, str]:
    """Return a component's port, and its door as the keeper finds it from its folder."""
    server = _SERVERS[profile.components[name].kind]
    return server.port, f"../d/{name}/{server.socket_name}"


_SERVERS: Final[Mapping[str, type[Server]]] = {"openbao": OpenBaoServer, "postgres": PostgresServer}
_KEEPERS: Final[dict[str, "subprocess.Popen[bytes]"]] = {}  # our own children, to take leave of


def _last(entry: Entry) -> str:
    lines = (entry.folder / "keeper.log").read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def remove_cluster(entry: Entry) -> None:
    """Remove a sandbox's cluster, whatever became of its keeper, which has ended.

    Raises:
        SandboxError: the engine refused; the files that say what is left stay.
    """
    keeper = _KEEPERS.pop(entry.name, None)
    if keeper:
        keeper.wait()
    if not has_cluster(entry):
        return
    boot = json.loads((entry.folder / BOOT).read_bytes())
    Engine.found(Path(boot["home"])).remove(boot["id"])
    (entry.folder / BOOT).unlink()
