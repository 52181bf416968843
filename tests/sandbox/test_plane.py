"""A control plane as its users meet it: identity, clients, reset."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from support.kubernetes import Api, administrator, kubeconfig, outside
from support.sandbox import Command, kbtool, run
from support.terminal import Terminal

from kbtool.errors import BoundaryError
from kbtool.runbook.ports import K8sQuery
from kbtool.sandbox.expose import listening
from kbtool.sandbox.relay import pump

NODE = K8sQuery("nodes/pi1", None)
MARKER = "/api/v1/namespaces/kube-system/configmaps/kbtool-identity"


def identity(api):
    """What a check that does not look at the process would compare."""
    system = api.read("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    return {"marker": api.read(MARKER)["data"]["value"], "system": system}


# ---------------------------------------------------------------------- attacks 18 to 20
@contextlib.contextmanager
def instead(plane, door):
    """Somebody else behind the API server's socket, who passes everything on to `door`."""
    folder = plane.entry.cell / "s" / "kubernetes"
    own, aside = folder / "k8s.sock", folder / "aside"
    own.rename(aside)
    number = os.open(folder, os.O_PATH)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(f"/proc/self/fd/{number}/k8s.sock")
        own.chmod(0o777)
        listener.listen()
        threading.Thread(target=_pass_on, args=(listener, door), daemon=True).start()
        yield Api(own, administrator(plane).ca, administrator(plane).token)
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        os.close(number)
        aside.rename(own)


def _pass_on(listener, door):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_both_ways, args=(client, door), daemon=True).start()


def _both_ways(client, door):
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(str(door))
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()


def test_a_copy_of_the_cluster_behind_the_socket_is_refused(plane, programs):
    """Attacks 18 and 19: the same authority, keys, tokens, UID and marker; another process."""
    mine = json.loads((plane.entry.cell / "state.json").read_bytes())["identity"]["kubernetes"]
    assert plane.observe(NODE, 20).status == "value"
    with outside(plane, programs) as copy, instead(plane, copy.api.door) as api:
        assert identity(api) == mine  # the control: whoever compares only these is satisfied
        with pytest.raises(BoundaryError, match="another process"):
            run(plane, "true")
        assert plane.observe(NODE, 20).status == "error"
    assert run(plane, "kubectl get nodes", timeout=60).exit == 0
    assert plane.observe(NODE, 20).status == "value"


def test_the_contents_of_another_cluster_are_refused(tidy):
    """Attack 20: what is restored into the sandbox's own server is not the sandbox."""
    administrator(tidy).merge(MARKER, {"data": {"value": "production"}})
    with pytest.raises(BoundaryError, match="not the cluster this sandbox made"):
        run(tidy, "true")


# ---------------------------------------------------------------------- clients of people
def test_steps_and_shells_have_kubectl(plane):
    state = plane.entry.folder.parent.parent
    shell = Terminal("sandbox", "shell", plane.name, state=state)
    shell.read_until("$ ")
    shell.type("kubectl get nodes -o name; echo config: $KUBECONFIG\n")
    seen = shell.read_until("config: /kb/kubeconfig\r\n")
    assert "node/pi3\r\n" in seen
    shell.type("kubectl auth whoami\n")
    assert "operator" in shell.read_until("system:authenticated")
    shell.type("exit\n")
    assert shell.end()[0] == 0


def test_kubeconfig_is_the_one_of_steps(plane, tmp_path):
    state = plane.entry.folder.parent.parent
    code, text = kbtool("sandbox", "kubeconfig", plane.name, state=state)
    assert code == 0
    assert text == kubeconfig(plane, "operator").read_text()
    assert run(plane, "cat $KUBECONFIG").stdout == text
    target = tmp_path / "config"
    target.write_text("old")
    target.chmod(0o644)
    code, text = kbtool("sandbox", "kubeconfig", plane.name, "-o", str(target), state=state)
    assert (code, text) == (0, "")
    assert target.read_text() == kubeconfig(plane, "operator").read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    code, text = kbtool("sandbox", "kubeconfig", plane.name, "-o", "/nonexistent/x", state=state)
    assert code == 2


def test_expose_opens_the_doors_until_it_is_told_to_end(plane, programs):
    """Nothing listens before and after; meanwhile kubectl, and only with the steps' rights."""
    state = plane.entry.folder.parent.parent
    before = set(_listening())
    command = Command("sandbox", "up", plane.name, "--expose", state=state)
    lines = _until_open(command)
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    try:
        opened = set(_listening()) - before
        assert len(opened) == 3
        assert all(address == "0100007F" for address, _ in opened)  # 127.0.0.1, nothing else
        config = Path(environment["KUBECONFIG"])
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
        names = _kubectl(programs, config, "get", "nodes", "-o", "name")
        assert "node/pi1" in names.stdout, names.stderr
        refused = _kubectl(programs, config, "create", "namespace", "x")
        assert "Forbidden" in refused.stderr
        sealed = subprocess.run(
            ["curl", "-sS", f"{environment['VAULT_ADDR']}/v1/sys/seal-status"],
            capture_output=True,
            check=True,
        )
        assert json.loads(sealed.stdout)["sealed"] is False
        assert environment["PGHOST"] == "127.0.0.1"
        with socket.create_connection(("127.0.0.1", int(environment["PGPORT"]))) as database:
            database.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")  # SSLRequest
            assert database.recv(1) == b"N"
    finally:
        os.kill(command.pid, signal.SIGINT)
        code, _ = command.end()
    assert code == 0
    assert not config.parent.exists()
    assert not set(_listening()) & opened
    assert plane.status()["parts"]


def _until_open(command):
    lines = [""]
    while "Ctrl-C" not in lines[-1]:
        lines.append(command.process.stdout.readline())
        assert lines[-1], lines
    return [line.strip() for line in lines]


def _kubectl(programs, config, *arguments):
    return subprocess.run(
        [programs / "kubectl", *arguments],
        env={"KUBECONFIG": str(config), "HOME": str(config.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def _listening():
    """(address, port) of what listens on IPv4, as /proc/net/tcp writes them."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        if state == "0A":
            yield tuple(local.split(":"))


def test_expose_ends_with_the_sandbox(profile, tmp_path):
    assert kbtool("sandbox", "up", "gone", state=tmp_path)[0] == 0
    command = Command("sandbox", "up", "gone", "--expose", state=tmp_path)
    _until_open(command)
    assert kbtool("sandbox", "down", "gone", state=tmp_path)[0] == 0
    code, text = command.end()
    assert code == 3
    assert "sandbox gone ended" in text


def test_a_port_whose_door_is_gone_hangs_up(tmp_path):
    with (
        listening(tmp_path / "nothing.sock") as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as client,
    ):
        assert client.recv(1) == b""


def test_a_control_plane_is_reset_within_seconds_and_leaves_nothing(tidy):
    administrator(tidy).make("/api/v1/namespaces", {"metadata": {"name": "left"}})
    began = time.monotonic()
    tidy.reset()
    assert time.monotonic() - began < 30  # one second when nobody else works here
    status, _ = administrator(tidy).ask("GET", "/api/v1/namespaces/left")
    assert status == 404
    states = {part["state"] for part in tidy.status()["parts"].values()}
    assert states == {"running", "unsealed"}


def test_secrets_of_the_control_plane_are_in_no_command_line(plane):
    """Tokens and keys of every user stand in files only."""
    configs = (plane.entry.cell / "etc" / "kube").glob("*.yaml")
    tokens = [path.read_text().split("token: ")[1].split("}")[0].encode() for path in configs]
    assert len(tokens) == 9
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            seen = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            assert not [token for token in tokens if token in seen], entry
