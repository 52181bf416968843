"""What a step leaves in its host's view, read by a model: nothing outside is reached.

Every attack has its control: the same files opened plainly, as a model without this layer would.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "sandbox" / "models"


@pytest.fixture
def models(monkeypatch, tmp_path):
    """The models' modules, with host views of their own: `models("longhorn")`."""
    for name in [name for name in sys.modules if (MODELS / f"{name}.py").exists()]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(MODELS))
    hosts = tmp_path / "hosts"
    (hosts / "pi1" / "replicas").mkdir(parents=True)
    monkeypatch.setattr(importlib.import_module("lab"), "HOSTS", hosts)
    yield importlib.import_module
    for name in [name for name in sys.modules if (MODELS / f"{name}.py").exists()]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def beneath(models):
    return models("beneath")


@pytest.fixture
def host(tmp_path):
    return tmp_path / "hosts" / "pi1" / "replicas"


@pytest.fixture
def token(tmp_path):
    """Beside the host views: what only the model may read."""
    path = tmp_path / "kubeconfig"
    path.write_text("token: CANARY")
    return path


def test_plain_files_are_read_written_moved_and_removed(beneath, host):
    beneath.make(host / "a" / "b")
    beneath.write(host / "a" / "b" / "meta", b"one")
    assert beneath.read(host / "a" / "b" / "meta") == b"one"
    assert beneath.exists(host / "a" / "b" / "meta")
    assert beneath.names(host / "a" / "b") == ["meta"]
    beneath.move(host / "a" / "b" / "meta", host / "a" / "b" / "other")
    assert beneath.names(host / "a" / "b") == ["other"]
    beneath.remove(host / "a" / "b" / "other")
    beneath.remove(host / "a" / "b" / "other")
    assert not beneath.exists(host / "a" / "b" / "other")
    beneath.remove_tree(host / "a")
    assert not (host / "a").exists()
    assert beneath.names(host / "a") == []


def test_a_link_to_a_file_is_not_followed(beneath, host, token):
    link = host / "volume.meta"
    link.symlink_to(token)
    assert link.read_text() == "token: CANARY"  # the control
    with pytest.raises(beneath.Refused):
        beneath.read(link)
    assert not beneath.exists(link)
    beneath.write(link, b"mine")  # replaced, not written through
    assert token.read_text() == "token: CANARY"
    assert beneath.read(link) == b"mine"


def test_writing_through_a_link_is_refused(beneath, host, token):
    link = host / "head.img"
    link.symlink_to(token)
    for mode in ("r+b", "wb"):
        with pytest.raises(beneath.Refused):
            beneath.open_file(link, mode)
    assert token.read_text() == "token: CANARY"
    link.write_text("gone")  # the control
    assert token.read_text() == "gone"


@pytest.mark.parametrize(
    "what", ["read", "write", "names", "make", "remove", "remove_tree", "move"]
)
def test_a_folder_that_is_a_link_is_not_entered(beneath, host, tmp_path, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("CANARY")
    (host / "replica").symlink_to(outside)
    inside = host / "replica" / "file"
    assert inside.read_text() == "CANARY"  # the control
    calls = {
        "read": lambda: beneath.read(inside),
        "write": lambda: beneath.write(inside, b"x"),
        "names": lambda: beneath.names(host / "replica"),
        "make": lambda: beneath.make(host / "replica" / "new"),
        "remove": lambda: beneath.remove(inside),
        "remove_tree": lambda: beneath.remove_tree(host / "replica" / "sub"),
        "move": lambda: beneath.move(inside, inside.with_name("other")),
    }
    with pytest.raises(beneath.Refused):
        calls[what]()
    assert (outside / "file").read_text() == "CANARY"
    assert os.listdir(outside) == ["file"]


def test_removing_a_tree_removes_links_and_not_what_they_name(beneath, host, token):
    (host / "replica").mkdir()
    (host / "replica" / "link").symlink_to(token.parent)
    beneath.remove_tree(host / "replica")
    assert token.read_text() == "token: CANARY"


def test_dots_do_not_leave_the_hosts(beneath, host, token):
    path = host / ".." / ".." / ".." / token.name
    assert path.read_text() == "token: CANARY"  # the control
    with pytest.raises(beneath.Refused):
        beneath.read(path)
    with pytest.raises(ValueError, match="subpath"):
        beneath.read(token)


def test_pipes_and_large_files_are_refused_at_once(beneath, host):
    os.mkfifo(host / "pipe")
    for mode in ("rb", "r+b", "wb"):
        with pytest.raises(beneath.Refused):
            beneath.open_file(host / "pipe", mode)
    (host / "large").write_bytes(b"x" * 70_000)
    with pytest.raises(beneath.Refused):
        beneath.read(host / "large")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\0b", "-x", ".hidden", "A", "a" * 300, 7, None]
)
def test_names_that_could_be_paths_are_refused(beneath, name):
    with pytest.raises(beneath.Refused):
        beneath.plain(name)


def test_honest_names_are_plain(beneath):
    for name in ("erp-data-9f3a", "volume-head-000.img", "volume-snap-monday.img", "pi1"):
        assert beneath.plain(name) == name


# ---------------------------------------------------------------------- the model of Longhorn
@pytest.fixture
def replica(models, host):
    longhorn = models("longhorn")
    made = longhorn.Replica(host / "erp-data-9f3a")
    made.create(8192)
    return made


def test_a_head_that_is_a_link_is_not_merged(models, replica, host, token):
    refused = models("beneath").Refused
    head = replica.folder / "volume-head-000.img"
    head.unlink()
    head.symlink_to(token)
    with pytest.raises(refused):
        replica.merged(host / "device")
    with pytest.raises(refused):
        replica.write(host / "device")
    assert b"CANARY" not in (host / "device").read_bytes()


@pytest.mark.parametrize(
    "meta",
    [
        {"Head": "../../../kubeconfig"},
        {"Head": None},
        {"Parent": "../../../kubeconfig"},
        {"Parent": "loop.img"},
        {"Size": 1 << 60},
        {"Size": "8192"},
        {"Size": -1},
    ],
)
def test_a_hostile_volume_meta_is_refused(models, replica, host, meta):
    (replica.folder / "loop.img").write_bytes(b"")
    (replica.folder / "loop.img.meta").write_text('{"Parent": "loop.img"}')
    now = json.loads((replica.folder / "volume.meta").read_text())
    (replica.folder / "volume.meta").write_text(json.dumps({**now, **meta}))
    with pytest.raises(models("beneath").Refused):
        replica.merged(host / "device")


@pytest.mark.parametrize("text", ["", "[" * 60_000, "[]", "{", "\x00"])
def test_a_volume_meta_that_is_no_object_is_refused(models, replica, text):
    (replica.folder / "volume.meta").write_text(text)
    with pytest.raises(models("beneath").Refused):
        replica.write_meta(Dirty=True)


def test_layers_hold_together_what_was_written(models, replica, host):
    device = host / "device"
    device.write_bytes(b"one".ljust(8192, b"\0"))
    replica.write(device)
    replica.merged(host / "again")
    assert (host / "again").read_bytes() == device.read_bytes()
    other = models("longhorn").Replica(host / "erp-data-0000")
    other.create(8192)
    other.rebuild_from(replica)
    other.merged(host / "copy")
    assert (host / "copy").read_bytes() == device.read_bytes()
    assert sorted(os.listdir(host)) == ["again", "copy", "device", "erp-data-0000", "erp-data-9f3a"]


class Pod:
    """A pod without a Secret, and with one volume."""

    volume = None

    def secret(self):
        return None

    def handles(self):
        return ["erp-data"]

    def device(self, _handle):
        return self.volume


def test_a_device_that_is_a_link_is_no_device(models, host, token):
    erp, pod = models("erp"), Pod()
    pod.volume = host / "erp-data"
    pod.volume.symlink_to(token)
    with pytest.raises(models("beneath").Refused):
        erp.fault(pod)
    blank = pod.volume = host / "blank"
    blank.write_bytes(bytes(128 * 1024))
    assert "the Secret has no" in erp.fault(pod)
    with blank.open("r+b") as volume:
        erp.mount(volume)
    assert blank.read_bytes().startswith(b"EMPTYFS1")
