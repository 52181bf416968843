"""A model of the ERP: it starts only with credentials that work and data that is whole.

Its data is one area at the beginning of its volume: a line of JSON with the records' number and
their digest, and the records.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import beneath
import psycopg

MAGIC = b"ERPDATA1"
EMPTY = b"EMPTYFS1"
AREA = 64 * 1024


def mount(device: Path) -> None:
    """Mount a volume: a blank one gets an empty file system first."""
    with beneath.open_file(device, "r+b") as volume:
        if not volume.read(AREA).strip(b"\0"):
            volume.seek(0)
            volume.write(EMPTY)


def fault(pod: Any) -> str:
    """Return why the program ends at its start, or "" when it runs."""
    return _database(pod.secret() or {}) or next(
        (reason for handle in pod.handles() if (reason := _data(pod.device(handle)))), ""
    )


def _database(secret: dict[str, str]) -> str:
    try:
        login = {key: base64.b64decode(secret[key]).decode() for key in ("username", "password")}
    except KeyError as error:
        return f"the Secret has no {error}"
    try:
        with psycopg.connect(
            host="127.0.0.1",
            dbname="erp",
            user=login["username"],
            password=login["password"],
            connect_timeout=10,
        ) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return f"the database refused the credentials: {str(error).strip().splitlines()[0]}"
    return ""


def _data(device: Path) -> str:
    with beneath.open_file(device, "rb") as volume:
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
