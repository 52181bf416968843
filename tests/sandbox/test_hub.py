"""The switch between guests, as the process it is, with sockets in place of guests."""

import contextlib
import socket
import subprocess
import sys

import pytest
from support.sandbox import ROOT, eventually

from kbtool.sandbox import hub
from kbtool.sandbox.components.network import card, hosts
from kbtool.sandbox.loader import load_profile

NAMES = ["one", "two", "three"]
ALL = b"\xff" * 6
MAC = {name: bytes([2, 0, 0, 0, 0, number]) for number, name in enumerate(NAMES, 10)}


def frame(to, source, text=b"hello"):
    return to + MAC[source] + b"\x08\x00" + text


class Port:
    """A guest's end of the cable."""

    def __init__(self, folder, name):
        self.folder, self.name = folder / name, name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.folder / "guest"))
        self.socket.settimeout(0.3)

    def send(self, data):
        self.socket.sendto(data, str(self.folder / "hub"))

    def gets(self):
        try:
            return self.socket.recv(1 << 16)
        except TimeoutError:
            return None

    def end(self):
        self.socket.close()
        (self.folder / "guest").unlink()


@pytest.fixture
def plug(folder):
    """What makes a guest's end by its name."""
    with contextlib.ExitStack() as ends:

        def plugged(*names):
            found = [Port(folder, name) for name in names]
            for each in found:
                ends.callback(each.socket.close)
            return found

        yield plugged


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def switch(folder):
    command = [sys.executable, "-I", "-S", hub.__file__, str(folder), *NAMES]
    with subprocess.Popen(command) as process:
        eventually(lambda: all((folder / name / "hub").exists() for name in NAMES), True)
        yield process
        process.kill()


def test_a_frame_for_all_reaches_all_others_and_one_for_a_known_guest_only_that_one(plug, switch):
    one, two, three = plug(*NAMES)
    asked = frame(ALL, "one")
    one.send(asked)
    assert [port.gets() for port in (one, two, three)] == [None, asked, asked]
    answer = frame(MAC["one"], "two")
    two.send(answer)
    assert [port.gets() for port in (one, two, three)] == [answer, None, None]
    more = frame(MAC["two"], "one")
    one.send(more)
    assert [port.gets() for port in (one, two, three)] == [None, more, None]


def test_a_guest_that_is_not_there_or_does_not_listen_holds_up_nobody(plug, switch):
    one, two, asleep = plug(*NAMES)
    for number in range(50):  # more than its socket takes
        one.send(frame(ALL, "one", str(number).encode()))
        assert two.gets() == frame(ALL, "one", str(number).encode())
    asleep.end()
    two.end()
    one.send(frame(ALL, "one"))
    (two,) = plug("two")
    one.send(frame(ALL, "one", b"again"))
    assert frame(ALL, "one", b"again") in (two.gets(), two.gets())
    assert switch.poll() is None


def test_what_is_no_frame_is_dropped_and_nobody_can_have_what_is_for_all(plug, switch):
    one, two, three = plug(*NAMES)
    claim = MAC["two"] + ALL + b"\x08\x00me!"  # to be everybody
    for data in (b"", b"x", claim):
        one.send(data)
    three.send(frame(ALL, "three"))
    assert one.gets() == frame(ALL, "three")
    assert {two.gets(), two.gets()} == {claim, frame(ALL, "three")}


def test_a_guest_knows_itself_and_the_others_of_its_network():
    profile = load_profile(ROOT / "sandbox" / "profiles", "vm")
    known = hosts(profile.guests, "pi2").splitlines()
    assert known == ["127.0.0.1 localhost", "192.0.2.1 pi1", "192.0.2.2 pi2", "192.0.2.3 pi3"]
    alone = profile.only("pi2")
    assert hosts(alone.guests, "pi2").splitlines() == ["127.0.0.1 localhost", "127.0.1.1 pi2"]
    assert card("192.0.2.1") == "02:00:c0:00:02:01"
