"""What a lint saw and found of each page of a project, in a sealed file.

Imported by what must start fast: so it needs next to nothing.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from kbtool import cache
from kbtool.stamp import Stamp

_MOST: Final = 8  # projects


class Kept(NamedTuple):
    """What is on disk: plain values, paths from the root."""

    key: Any  # another one is another project's, another choice of rules', or another kbtool's
    made: int  # when; no two are of the same time
    files: frozenset[str]
    sites: Any  # that publish the pages, as plain values
    unreadable: Mapping[str, str]
    stamps: Mapping[str, Stamp]  # of pages
    surveys: Mapping[str, bytes]  # packed: most are never looked at
    sketches: Mapping[str, bytes]  # packed; of pages whose anchors anything was asked about
    shown: Mapping[str, frozenset[str]]  # of pages: what rules may find something about
    judged: Mapping[str, bytes]  # pages that were looked at: packed findings, `NOTHING` for none
    read: frozenset[str]  # absolute: what was read of other files, and kbtool's own
    settled: Mapping[str, tuple[int, str]]  # pages whose findings all stand in a beginning: which


class Recalled(NamedTuple):
    """Where a run's pages are kept, and what is needed to hold a page against them."""

    name: str
    made: int
    root: str
    sees: frozenset[str]  # what its rules see


NOTHING: Final = b""


def digest(beginning: str) -> str:
    """Return what stands for the beginning of a page."""
    from hashlib import sha256

    return sha256(beginning.encode("utf-8", "surrogatepass")).hexdigest()


def name_of(root: str, rules: object) -> str:
    """Return the name of the file for a project and a choice of rules."""
    named = repr((root, rules)).encode("utf-8", "replace")
    return f"pages/{zlib.crc32(named):08x}"


def read(name: str) -> Kept | None:
    """Return what is kept under a name, None where there is nothing to be believed."""
    kept = cache.read(name)
    fits = isinstance(kept, tuple) and len(kept) == len(Kept._fields)
    return Kept(*kept) if isinstance(kept, tuple) and fits else None


def write(name: str, kept: Kept) -> None:
    """Keep it; of all projects, the newest stay."""
    cache.write(name, tuple(kept), _MOST)
