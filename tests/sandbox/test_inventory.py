"""The inventory of a sandbox and its guard: as text, and as the real Ansible takes them."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.profiles import PROFILES
from support.sandbox import kbtool

from kbtool.errors import BoundaryError
from kbtool.graph.conventions import Production
from kbtool.hosts import named
from kbtool.sandbox.inventory import guard, inventory

PRODUCTION = Production(("192.168.1.201", "192.168.1.202"), ("example.org",))
OWN = "0123456789ab"
# Where the real Ansible is: one of the development dependencies. Each run of it takes seconds.
ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def written(name="controlplane", production=PRODUCTION):
    return json.loads(inventory("default", OWN, PROFILES[name], production))


def test_there_is_one_group_and_a_view_leads_nowhere():
    found = written()
    assert list(found) == ["sandbox"]
    assert list(found["sandbox"]["hosts"]) == ["pi1", "pi2", "pi3"]
    kinds = {host["ansible_connection"] for host in found["sandbox"]["hosts"].values()}
    assert kinds == {"kbtool.host_view"}
    assert found["sandbox"]["vars"]["sandbox_id"] == OWN


def test_nodes_are_reached_in_their_containers():
    host = written("k3d")["sandbox"]["hosts"]["pi2"]
    assert host["ansible_connection"] == "community.docker.docker"
    assert host["ansible_host"] == f"k3d-kb-{OWN}-agent-0"


@pytest.mark.parametrize(
    ("value", "is_"),
    [
        ("192.168.1.201", "192.168.1.201"),
        ("3232235977", "192.168.1.201"),
        ("0xC0A801C9", "192.168.1.201"),
        ("192.168.457", "192.168.1.201"),
        ("0300.0250.01.0311", "192.168.1.201"),
        ("::ffff:192.168.1.201", "192.168.1.201"),
        ("example.org", "example.org"),
        ("git.example.org", "example.org"),
        ("192.168.1.20", ""),
        ("notexample.org", ""),
        ("pi1", ""),
        ("::1", ""),
    ],
)
def test_production_is_known_in_every_spelling(value, is_):
    assert named(value, PRODUCTION) == is_


@pytest.mark.parametrize("host", ["192.168.1.202", "3232235978", "pi.example.org"])
def test_an_inventory_that_names_production_is_not_written(host):
    profile = dataclasses.replace(PROFILES["controlplane"], hosts={host: ("/var",)})
    with pytest.raises(BoundaryError, match="that is production's"):
        inventory("default", OWN, profile, PRODUCTION)


# ---------------------------------------------------------------------- the command
def test_a_sandbox_without_hosts_says_so(box):
    state = box.entry.folder.parent.parent
    code, text = kbtool("sandbox", "inventory", box.name, state=state)
    assert code == 3
    assert "has no hosts: its profile is embedded" in text
    assert "profiles with hosts: controlplane, controlplane-vm, k3d, vm" in text


def test_the_command_writes_both_files(plane, tmp_path):
    state = plane.entry.folder.parent.parent
    code, text = kbtool("sandbox", "inventory", plane.name, state=state)
    assert code == 0
    assert list(json.loads(text)["sandbox"]["hosts"]) == ["pi1", "pi2", "pi3"]
    folder = tmp_path / "inventory"
    command = ("sandbox", "inventory", plane.name, "-o", str(folder))
    assert kbtool(*command, state=state) == (0, "")
    assert (folder / "hosts.yml").read_text() == text
    assert "192.168.1.201" in (folder / "guard.yml").read_text()  # as this project configures


# ---------------------------------------------------------------------- as Ansible takes them
def play(tmp_path, hosts, *options):
    """Run the guard, and after it a play that would show that it let pass."""
    (tmp_path / "hosts.yml").write_text(hosts if isinstance(hosts, str) else json.dumps(hosts))
    (tmp_path / "guard.yml").write_text(guard(PRODUCTION))
    (tmp_path / "site.yml").write_text(
        json.dumps(
            [
                {"name": "guard", "ansible.builtin.import_playbook": "guard.yml"},
                {
                    "name": "work",
                    "hosts": "all",
                    "gather_facts": False,
                    "vars": {"ansible_connection": "local"},
                    "tasks": [{"name": "reached", "ansible.builtin.debug": {"msg": "LET PASS"}}],
                },
            ]
        )
    )
    done = subprocess.run(
        ["ansible-playbook", "-i", "hosts.yml", "site.yml", *options],
        cwd=tmp_path,
        env=ENVIRONMENT | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["controlplane", "k3d"])
def test_the_sandbox_passes_its_guard(tmp_path, name):
    hosts = inventory("default", OWN, PROFILES[name], PRODUCTION)
    code, text = play(tmp_path, hosts, "--syntax-check")
    assert code == 0, text
    code, text = play(tmp_path, hosts)
    assert code == 0, text
    assert text.count("LET PASS") == 3


@pytest.mark.slow
def test_ansible_sees_the_one_group(tmp_path):
    (tmp_path / "hosts.yml").write_text(inventory("d", OWN, PROFILES["controlplane"], PRODUCTION))
    done = subprocess.run(
        ["ansible-inventory", "-i", str(tmp_path / "hosts.yml"), "--list"],
        env=ENVIRONMENT | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert set(seen) - {"_meta", "all"} == {"sandbox"}
    assert seen["sandbox"]["hosts"] == ["pi1", "pi2", "pi3"]


SANDBOX = {"ansible_connection": "kbtool.host_view"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        ({"production": {"hosts": {"pi1": SANDBOX}}}, "is not in the group of the sandbox"),
        (
            {"sandbox": {"hosts": {"pi1": SANDBOX}}, "more": {"hosts": {"pi9": SANDBOX}}},
            "pi9 is not in the group",
        ),
        (
            {"sandbox": {"hosts": {"pi1": {**SANDBOX, "ansible_host": "192.168.1.201"}}}},
            "has an address of production",
        ),
        ({"sandbox": {"hosts": {"192.168.1.202": SANDBOX}}}, "has an address of production"),
        (
            {"sandbox": {"hosts": {"pi1": {**SANDBOX, "ansible_host": "0xC0A801C9"}}}},
            "is an address, and none of loopback",
        ),
        (
            {"sandbox": {"hosts": {"pi1": {**SANDBOX, "ansible_host": "::ffff:192.168.1.201"}}}},
            "is an address, and none of loopback",
        ),
        (
            {"sandbox": {"hosts": {"pi1": {**SANDBOX, "ansible_host": "git.example.org"}}}},
            "has a name of production",
        ),
    ],
)
def test_the_guard_ends_a_playbook_before_its_first_task(tmp_path, hosts, why):
    code, text = play(tmp_path, hosts)
    assert code != 0
    assert why in text
    assert "LET PASS" not in text


@pytest.mark.slow
def test_a_guest_on_loopback_passes(tmp_path):
    code, text = play(
        tmp_path,
        {"sandbox": {"hosts": {"db1": {**SANDBOX, "ansible_host": "127.0.0.1"}, "fe2": SANDBOX}}},
    )
    assert code == 0, text


@pytest.mark.slow
def test_a_view_cannot_be_connected_to(tmp_path):
    """Else a play would run on the control node, and think it was a host."""
    (tmp_path / "hosts.yml").write_text(inventory("d", OWN, PROFILES["controlplane"], PRODUCTION))
    done = subprocess.run(
        ["ansible", "-i", "hosts.yml", "all", "-m", "ansible.builtin.raw", "-a", "id"],
        cwd=tmp_path,
        env=ENVIRONMENT | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "uid=" not in done.stdout
    assert "kbtool.host_view" in done.stdout + done.stderr
