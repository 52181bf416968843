"""The control plane with one host a real arm64 machine: what a step there reaches, and a recovery."""

import pytest
from support.recovery import accepted, drilled
from support.sandbox import ROOT, fresh, output, run

from kbtool.sandbox.loader import load_profile

pytestmark = pytest.mark.slow
GET = """python3 -c '
import socket, urllib.request
for port in (8200, 5432, 6443):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        print(port, "there")
    except OSError:
        print(port, "closed")
' """
SEALED = """python3 -c '
import json, os, urllib.request
print(json.load(urllib.request.urlopen(os.environ["VAULT_ADDR"] + "/v1/sys/seal-status"))["sealed"])' """


@pytest.fixture(scope="module")
def plane_vm(machine, programs, tmp_path_factory):
    profile = load_profile(ROOT / "sandbox" / "profiles", "controlplane-vm")
    with fresh(profile, tmp_path_factory.mktemp("vm")) as sandbox:
        yield sandbox


def test_the_servers_are_at_their_ports_for_a_step_that_may_have_them(plane_vm):
    assert output(plane_vm, SEALED, on="pi2") == "False"
    open_ = ["8200", "there", "5432", "there", "6443", "there"]
    assert output(plane_vm, GET, on="pi2").split() == open_
    only = run(plane_vm, GET, on="pi2", timeout=60.0, endpoints=("vault",))
    assert only.stdout.split() == ["8200", "there", "5432", "closed", "6443", "closed"]
    assert run(plane_vm, GET, on="pi2", timeout=60.0, endpoints=()).stdout.count("closed") == 3


def test_one_host_is_a_machine_and_the_others_are_views(plane_vm):
    machines = {on: output(plane_vm, "uname -m", on=on) for on in ("pi1", "pi2", "pi3")}
    assert machines == {"pi1": machines["pi3"], "pi2": "aarch64", "pi3": machines["pi1"]}
    parts = {part.name: part for part in plane_vm.describe().parts}
    assert parts["pi2"].real
    assert not parts["longhorn"].real
    assert [layer for layer in plane_vm.describe().layers if not layer.held] == []


def test_a_power_cut_is_recovered_from_in_the_guest(plane_vm):
    """The runbook as it stands: its steps on pi2 look at that machine's disk and write to it."""
    result, facts = drilled(plane_vm, scenario="engine-ids-lost")
    assert result.verdict == "green", result.reason
    captured = {fact["name"]: fact["value"] for fact in facts if fact["kind"] == "captured"}
    assert captured["RECOVERY"] == "inject"
    assert "S8" in result.outcome.ran
    assert accepted(plane_vm) == {}
