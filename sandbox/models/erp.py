"""A model of the ERP: it starts only with credentials that work and data that is whole.

Its data is one area at the beginning of its volume: a line of JSON with the records' number and
their digest, and the records. Where pods are simulated the nodes' model asks it; where they are
real it runs in one, with its Secret and its volume's device mounted.
"""

import base64
import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, Any

import beneath
import psycopg

MAGIC = b"ERPDATA1"
EMPTY = b"EMPTYFS1"
AREA = 64 * 1024


SECRET, DEVICE, READY = Path("/run/db"), Path("/data"), Path("/kb/ready")


def mount(volume: IO[bytes]) -> None:
    """Mount a volume: a blank one gets an empty file system first."""
    if not volume.read(AREA).strip(b"\0"):
        volume.seek(0)
        volume.write(EMPTY)


def fault(pod: Any) -> str:
    """Return why the program ends at its start, or "" when it runs."""
    secret = {key: base64.b64decode(text).decode() for key, text in (pod.secret() or {}).items()}
    found = _database(secret)
    for handle in pod.handles():
        with beneath.open_file(pod.device(handle), "rb") as volume:
            found = found or _data(volume)
    return found


def _database(login: dict[str, str]) -> str:
    missing = {"username", "password"} - set(login)
    if missing:
        return f"the Secret has no {', '.join(sorted(missing))}"
    try:
        with psycopg.connect(
            host=os.environ.get("PGHOST", "127.0.0.1"),
            dbname="erp",
            user=login["username"],
            password=login["password"],
            connect_timeout=10,
        ) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return f"the database refused the credentials: {str(error).strip().splitlines()[0]}"
    return ""


def _data(volume: IO[bytes]) -> str:
    start = volume.read(AREA)
    if start.startswith(EMPTY):
        return "no company is in this file system"
    head, _, rest = start.removeprefix(MAGIC).partition(b"\n")
    try:
        told = json.loads(head)
        body = rest[: told["bytes"]]
    except (ValueError, KeyError, TypeError):
        return "the volume's data cannot be read"
    if hashlib.sha256(body).hexdigest() != told["sha256"]:
        return "the volume's data is damaged"
    return ""


def main() -> None:
    """Run in a pod: end with the reason, or wait to be told to end."""
    # Else a first process, which a pod's is, is never sent it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with DEVICE.open("r+b", buffering=0) as volume:
        mount(volume)
    login = {path.name: path.read_text("utf-8") for path in SECRET.iterdir() if path.is_file()}
    with DEVICE.open("rb", buffering=0) as volume:
        reason = _database(login) or _data(volume)
    if reason:
        sys.exit(reason)
    READY.touch()
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
