"""Three guests and the network between them: what they reach, and what one's end is to the others."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.sandbox import ROOT, eventually, fresh, output

from kbtool.sandbox.process import end, marked
from kbtool.sandbox.profile import Fault, load_profile

pytestmark = pytest.mark.slow
NAMES = ("pi1", "pi2", "pi3")
LOST = Fault("pi3 loses its power", ("halt pi3",), "`run false` exit 1 within 1s", {})
CONNECTS = """python3 -c '
import socket, sys
for each in sys.argv[1:]:
    host, port = each.rsplit(":", 1)
    tried = socket.socket(); tried.settimeout(3)
    print(each, tried.connect_ex((host, int(port))) == 0)
' """


@pytest.fixture(scope="module")
def lab(machine, tmp_path_factory):
    """The machines of the profile vm, with nothing on them."""
    whole = load_profile(ROOT / "sandbox" / "profiles", "vm")
    bare = replace(whole, components={}, faults={"pi3-lost": LOST})
    with fresh(bare, tmp_path_factory.mktemp("lab")) as sandbox:
        yield sandbox


def reached(lab, source, *places):
    """Which of the places a step on a guest reaches."""
    lines = output(lab, CONNECTS + " ".join(places), on=source).splitlines()
    assert [line.split()[0] for line in lines] == list(places)
    return [line.split()[0] for line in lines if line.endswith(" True")]


def ssh_of(*names):
    return [f"{name}:22" for name in names]


def emulators(lab):
    """How many machines run."""
    running = (os.readlink(f"/proc/{each.pid}/exe") for each in marked(lab.record.id))
    return sum(path.endswith("/qemu-system-aarch64") for path in running)


def test_each_guest_is_itself_and_reaches_the_others_by_name(lab):
    assert emulators(lab) == 3
    cards = set()
    for name in NAMES:
        seen = output(
            lab,
            f"uname -n; cat /sys/class/net/lan/address; {CONNECTS} pi1:22 pi2:22 pi3:22",
            on=name,
        )
        own, card, *places = seen.splitlines()
        assert own == name
        assert places == [f"{place} True" for place in ssh_of(*NAMES)]
        cards.add(card)
    assert len(cards) == 3


def test_it_reaches_nothing_else(lab, box, listener):
    """The listener is at every address of this machine's loopback, and the way between is open."""
    others = ("10.0.2.2", "10.0.2.3", "192.0.2.254", "198.18.0.1")
    places = [f"{host}:{listener.port}" for host in (*others, "pi1")]
    assert reached(lab, "pi2", "pi1:22", *places) == ["pi1:22"]
    assert listener.reached == 0


def test_every_layer_holds_for_the_switch_and_for_each_guest(lab):
    layers = {layer.name: layer for layer in lab.describe().layers}
    assert [layer for layer in layers.values() if not layer.held] == []
    assert layers["no route from network"].held
    assert {f"no network in {name}" for name in NAMES} <= set(layers)


def test_one_guest_that_ends_leaves_the_others_and_reset_brings_it_back(lab):
    output(lab, "echo changed > /var/tmp/mark", on="pi1")
    assert lab.inject("pi3-lost").seen
    assert emulators(lab) == 2
    assert lab.dead() == ()  # a fault's own end is no death
    assert reached(lab, "pi1", *ssh_of(*NAMES)) == ssh_of("pi1", "pi2")
    assert [layer for layer in lab.describe().layers if not layer.held] == []
    lab.reset()
    assert emulators(lab) == 3
    for source in ("pi1", "pi3"):
        assert reached(lab, source, *ssh_of(*NAMES)) == ssh_of(*NAMES)
    assert output(lab, "ls /var/tmp", on="pi1") == ""


def test_a_switch_that_ends_is_named_and_another_one_takes_its_place(lab):
    hubs = [each for each in marked(lab.record.id) if b"/hub.py" in cmdline(each)]
    try:
        for each in hubs:
            end(each)
        assert eventually(lab.dead, ("network",)) == ("network",)
        assert reached(lab, "pi1", *ssh_of(*NAMES)) == ssh_of("pi1")
    finally:
        lab.reset()
    assert reached(lab, "pi1", *ssh_of(*NAMES)) == ssh_of(*NAMES)


def cmdline(process):
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()
