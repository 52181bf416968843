"""The layers of a replica become the image a pod would have read; the replica stays as it was."""

import json
import os
import subprocess
import sys

import pytest
from support.sandbox import ROOT

SCRIPT = ROOT / "vibe/runbooks/power-cut-recovery/merge-layers.py"
BLOCK = 4096
SIZE = 64 * BLOCK


def layer(path, **blocks):
    """A sparse layer: b3=b"x" is a block of x at block 3."""
    with path.open("wb") as opened:
        opened.truncate(SIZE)
        for name, byte in blocks.items():
            opened.seek(int(name[1:]) * BLOCK)
            opened.write(byte * BLOCK)


def merge(folder, image):
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(image)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def replica(tmp_path):
    """Two snapshots and a head; block 2 was set to zero on purpose in the head."""
    folder = tmp_path / "erp-data-1a2b3c4d"
    folder.mkdir()
    layer(folder / "volume-snap-a.img", b0=b"a", b1=b"a", b2=b"a")
    layer(folder / "volume-snap-b.img", b1=b"b", b63=b"b")
    layer(folder / "volume-head-002.img", b1=b"h", b2=b"\0")
    (folder / "volume-snap-a.img.meta").write_text(json.dumps({"Parent": ""}))
    (folder / "volume-snap-b.img.meta").write_text(json.dumps({"Parent": "volume-snap-a.img"}))
    (folder / "volume.meta").write_text(
        json.dumps({"Size": SIZE, "Head": "volume-head-002.img", "Parent": "volume-snap-b.img"})
    )
    return folder


def test_the_topmost_layer_that_has_data_wins(replica, tmp_path):
    before = {path.name: path.read_bytes() for path in replica.iterdir()}
    done = merge(replica, tmp_path / "merged.img")
    assert (done.returncode, done.stderr) == (0, "")
    assert "merged 3 layers" in done.stdout
    image = (tmp_path / "merged.img").read_bytes()
    blocks = [image[at : at + 1] for at in range(0, SIZE, BLOCK)]
    assert len(image) == SIZE
    assert blocks == [b"a", b"h", b"\0", *[b"\0"] * 60, b"b"]
    assert {path.name: path.read_bytes() for path in replica.iterdir()} == before


def test_holes_stay_holes(replica, tmp_path):
    merge(replica, tmp_path / "merged.img")
    assert os.stat(tmp_path / "merged.img").st_blocks * 512 < SIZE


@pytest.mark.parametrize("parent", ["volume-snap-b.img", "../erp-data/volume-snap-a.img"])
def test_a_broken_chain_is_refused(replica, tmp_path, parent):
    (replica / "volume-snap-b.img.meta").write_text(json.dumps({"Parent": parent}))
    done = merge(replica, tmp_path / "merged.img")
    assert done.returncode == 1
    assert "the chain of layers is broken" in done.stderr
    assert not (tmp_path / "merged.img").exists()


def test_nothing_is_overwritten(replica, tmp_path):
    (tmp_path / "merged.img").write_text("mine")
    assert merge(replica, tmp_path / "merged.img").returncode != 0
    assert (tmp_path / "merged.img").read_text() == "mine"
