"""What an interrupt at the wrong moment leaves is found and removed; what is in use is not."""

import threading
import time

import pytest

from kbtool.sandbox.registry import Entry, remove_leftovers, sandboxes_folder


@pytest.fixture
def entry(tmp_path, monkeypatch):
    monkeypatch.setenv("KBTOOL_STATE", str(tmp_path / "state"))
    return Entry("one")


def test_an_idle_lock_and_half_removed_files_go(entry, monkeypatch):
    entry.cell.mkdir(parents=True)
    with monkeypatch.context() as patch, entry.locked():
        patch.setattr("kbtool.sandbox.registry.shutil.rmtree", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            entry.forget()
    assert len(list(sandboxes_folder().iterdir())) == 2
    remove_leftovers()
    assert not list(sandboxes_folder().iterdir())


def _interrupted(*_args, **_options):
    raise KeyboardInterrupt


def test_a_held_lock_and_a_sandbox_stay(entry):
    other = Entry("other")
    other.cell.mkdir(parents=True)
    with other.locked():
        pass
    with entry.locked():
        remove_leftovers()
        assert {path.name for path in sandboxes_folder().iterdir()} == {
            ".one.lock",
            ".other.lock",
            "other",
        }


def test_who_waits_for_a_lock_that_goes_takes_a_new_one(entry):
    held = []

    def wait():
        with entry.locked():
            held.append(entry._lock.exists())

    with entry.locked():
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)
        entry._lock.unlink()
    waiting.join(10)
    assert held == [True]
