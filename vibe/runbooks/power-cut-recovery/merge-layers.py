"""Merge the layers of one Longhorn replica directory into one image; the directory is only read.

A replica is a chain of sparse files: the head on top, snapshots below it, each named by the
`Parent` of the one above (`volume.meta` for the head, `<layer>.meta` for the rest). A block belongs
to the topmost layer that has data there; a hole means: look below.

    python3 merge-layers.py /var/lib/longhorn/replicas/erp-data-1a2b3c4d merged.img
"""

import errno
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def chain(folder: Path) -> Iterator[Path]:
    """Yield the layers from the head down."""
    meta = json.loads((folder / "volume.meta").read_text())
    name, parent, seen = meta["Head"], meta.get("Parent", ""), set()
    while name:
        if name in seen or Path(name).name != name or not (folder / name).is_file():
            sys.exit(f"{folder}: the chain of layers is broken at {name!r}")
        if seen:
            parent = json.loads((folder / f"{name}.meta").read_text())["Parent"]
        seen.add(name)
        yield folder / name
        name = parent


def extents(layer: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of every piece of a sparse file that holds data."""
    end = 0
    while end < size:
        try:
            start = os.lseek(layer, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = os.lseek(layer, start, os.SEEK_HOLE)
        yield start, end


def copy(layer: Path, merged: int) -> int:
    """Copy what a layer holds over the image; return how many bytes that was."""
    copied = 0
    with layer.open("rb", buffering=0) as opened:
        for start, end in extents(opened.fileno(), layer.stat().st_size):
            at = start
            while at < end:
                block = os.pread(opened.fileno(), min(end - at, 4 << 20), at)
                if not block:
                    sys.exit(f"{layer}: ends at {at}, before its data does")
                at += os.pwrite(merged, block, at)
            copied += end - start
    return copied


def main(folder: Path, image: Path) -> None:
    """Write the image: the lowest layer first, the head last."""
    layers = list(chain(folder))
    with image.open("xb") as opened:
        opened.truncate(json.loads((folder / "volume.meta").read_text())["Size"])
        for layer in reversed(layers):
            print(f"{layer.name}: {copy(layer, opened.fileno())} bytes")
        os.fsync(opened.fileno())
    print(f"merged {len(layers)} layers")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} REPLICA-DIRECTORY IMAGE")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
