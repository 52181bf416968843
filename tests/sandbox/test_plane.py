"""A control plane as its users meet it: identity, hostile objects, a broken start, clients."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from support.kubernetes import Api, administrator, kubeconfig, outside
from support.sandbox import Command, fresh, kbtool, run
from support.terminal import Terminal

from kbtool.errors import BoundaryError, SandboxError
from kbtool.runbook.ports import K8sQuery
from kbtool.sandbox import assets
from kbtool.sandbox.expose import listening
from kbtool.sandbox.launch import programs_of
from kbtool.sandbox.process import marked
from kbtool.sandbox.relay import pump

NODE = K8sQuery("nodes/pi1", None)
MARKER = "/api/v1/namespaces/kube-system/configmaps/kbtool-identity"


@pytest.fixture
def tidy(plane):
    """The shared control plane, as seeded again afterwards."""
    yield plane
    plane.reset()


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


# ---------------------------------------------------------------------- attack 14
FREE = """
kubectl -n argocd patch application apps --type merge -p '{"spec":{"syncPolicy":{"automated":null}}}'
kubectl -n argocd patch application erp --type merge -p '{"spec":{"syncPolicy":{"automated":null}}}'
kubectl apply -f - <<'YAML'
apiVersion: longhorn.io/v1beta2
kind: Volume
metadata: {name: spy, namespace: longhorn-system}
spec: {size: "65536", numberOfReplicas: 3}
YAML
until ls /var/lib/longhorn/replicas/spy-*/volume.meta 2> /dev/null; do sleep 0.2; done
cd /var/lib/longhorn/replicas/spy-*/
"""
ATTACH = """
kubectl -n longhorn-system patch volumeattachments.longhorn.io spy --type merge \
  -p '{"spec":{"attachmentTickets":{"x":{"id":"x","type":"longhorn-api","nodeID":"pi1"}}}}'
kubectl -n longhorn-system wait volumes.longhorn.io/spy --timeout=60s --for=jsonpath='{.status.robustness}'=WORD
"""
LEFT_IN_THE_VIEW = {
    "a head that is a link to the model's token": "ln -sf /kb/kubeconfig volume-head-000.img",
    "a head that is a link to another host's data": (
        "ln -sf /kb/hosts/pi2/var/lib/longhorn/replicas/erp-data-*/volume.meta volume-head-000.img"
    ),
    "volume.meta that names a file elsewhere": (
        """sed -i 's#"Head": "[^"]*"#"Head": "../../../../../../../kubeconfig"#' volume.meta"""
    ),
    "volume.meta that names a parent elsewhere": (
        """sed -i 's#"Parent": "[^"]*"#"Parent": "../../../../../../../kubeconfig"#' volume.meta"""
    ),
    "a pipe": "rm volume-head-000.img; mkfifo volume-head-000.img",
    "a folder that is a link": (
        'here=$(pwd); cd ..; mv "$here" aside; ln -s /kb/data "$here"; touch aside/moved'
    ),
    "volume.meta that is no JSON": "printf '[%.0s' $(seq 50000) > volume.meta",
}


@pytest.mark.parametrize("what", LEFT_IN_THE_VIEW)
def test_what_a_step_leaves_in_its_view_is_not_followed(tidy, what):
    plant = LEFT_IN_THE_VIEW[what]
    look = "cat /dev/longhorn/spy 2> /dev/null || true"
    script = FREE + plant + ATTACH.replace("WORD", "faulted") + look
    done = run(tidy, script, host="pi1", timeout=120)
    assert done.exit == 0, done.stderr
    assert "token" not in done.stdout
    assert "Dirty" not in done.stdout
    assert tidy.dead() == ()
    _the_lab_is_well(tidy)


def test_a_volume_that_nobody_touched_is_attached(tidy):
    """The control of the above: the same steps, nothing left."""
    script = FREE + ATTACH.replace("WORD", "healthy") + "stat -c %s /dev/longhorn/spy"
    done = run(tidy, script, host="pi1", timeout=120)
    assert done.exit == 0, done.stderr
    assert done.stdout.endswith("\n65536\n")


def _the_lab_is_well(plane):
    """Nobody else suffers: the volume of the ERP is served on."""
    wait = "kubectl -n longhorn-system wait volumes.longhorn.io/erp-data --timeout=60s "
    done = run(plane, wait + "--for=jsonpath='{.status.robustness}'=healthy", timeout=90)
    assert done.exit == 0, done.stderr


HOSTILE = {
    "a folder above": {"volumeName": "spy", "nodeID": "pi1", "dataDirectoryName": "../../x"},
    "an absolute folder": {"volumeName": "spy", "nodeID": "pi1", "dataDirectoryName": "/kb/data/x"},
    "a node that is a path": {
        "volumeName": "spy",
        "nodeID": "../../tmp/x",
        "dataDirectoryName": "x",
    },
    "no node": {"volumeName": "spy"},
    "nothing": {},
    "numbers": {"volumeName": "spy", "nodeID": 1, "dataDirectoryName": [1]},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_object_moves_no_model(tidy, what):
    """A replica that names what is no plain name; the model goes on, and makes no folder of it."""
    body = {
        "apiVersion": "longhorn.io/v1beta2",
        "kind": "Replica",
        "metadata": {"name": "zzz", "namespace": "longhorn-system"},
        "spec": HOSTILE[what],
    }
    script = FREE + f"kubectl create -f - <<< '{json.dumps(body)}'\nsleep 2\n"
    done = run(tidy, script, host="pi1", timeout=120)
    assert done.exit == 0, done.stderr
    inside = _view_of(tidy, "longhorn.py")
    assert not (inside / "tmp/x").exists()
    assert not (inside / "kb/data/x").exists()
    assert sorted(path.name for path in (inside / "kb/data").iterdir()) == ["ready"]
    assert sorted(path.name for path in (inside / "kb/hosts").iterdir()) == ["pi1", "pi2", "pi3"]
    assert tidy.dead() == ()
    _the_lab_is_well(tidy)


def _view_of(plane, program):
    """The root of the cell in which a program of the sandbox runs."""
    for process in marked(plane.record.id):
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        if words[-2:-1] == [f"/kb/models/{program}".encode()] and b"--server" not in words:
            return Path(f"/proc/{process.pid}/root")
    raise AssertionError(f"{program} does not run")


@pytest.mark.parametrize(
    "change",
    [
        {"mount": "sys/seal-status?x="},
        {"mount": "../sys"},
        {"role": "../../auth/token/lookup-self"},
        {"mount": 7},
        {"destination": None},
    ],
)
def test_a_hostile_path_reaches_no_other_part_of_the_vault(tidy, change):
    """A VaultDynamicSecret whose mount or role is a path: refused, and said in its conditions."""
    patch = json.dumps({"spec": change})
    script = (
        f"kubectl -n erp patch vds erp --type=merge -p '{patch}'\n"
        "kubectl -n erp wait vds/erp --for=condition=Ready=False --timeout=60s\n"
        "kubectl -n erp get vds erp -o jsonpath='{.status.conditions[0].message}'"
    )
    done = run(tidy, script, timeout=90)
    assert done.exit == 0, done.stderr
    assert "errors" not in done.stdout
    assert tidy.dead() == ()


# ---------------------------------------------------------------------- a broken start
def broken(profile, **manifests):
    part = profile.components["kubernetes"]
    changed = dataclasses.replace(part, manifests={**part.manifests, **manifests})
    components = {**profile.components, "kubernetes": changed}
    return dataclasses.replace(profile, components=components, digest="broken")


def test_a_broken_manifest_is_named_with_what_kubectl_said(plane_profile, programs, tmp_path):
    name = "controlplane/lab.yaml"
    profile = broken(
        plane_profile, **{name: "apiVersion: v1\nkind: Nonsense\nmetadata: {name: x}\n"}
    )
    with pytest.raises(SandboxError, match=rf"applying {name} failed: .*Nonsense"):
        start(profile, tmp_path)


def start(profile, folder):
    with fresh(profile, folder):
        raise AssertionError("it started")


@pytest.mark.parametrize("program", ["etcd", "kube-apiserver", "kube-controller-manager"])
def test_a_program_that_ends_while_starting_is_named(
    plane_profile, programs, tmp_path, monkeypatch, program
):
    """With a flag it does not know: the last lines of its own log are in the message."""
    folder = tmp_path / "programs"
    folder.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    for path in assets.PACKAGES:
        _linked(programs / path, folder / (f"real-{path}" if path == program else path))
    wrapper = folder / program
    wrapper.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || set -- "$@" --no-such-flag\n'
        f'exec "${{0%/*}}/real-{program}" "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("TEST_ASSET_ETCD", str(folder / "etcd"))
    assert assets.find(programs_of(plane_profile)).folder == folder
    name = {"kube-apiserver": "kubernetes", "kube-controller-manager": "controller-manager"}
    with pytest.raises(SandboxError) as caught:
        start(plane_profile, tmp_path / "state")
    assert f"{name.get(program, program)} ended while starting: " in caught.value.message
    assert "no-such-flag" in caught.value.message


def _linked(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def test_a_model_that_ends_while_starting_is_named(plane_profile, programs, tmp_path):
    model = plane_profile.models["vso"]
    files = {**model.files, "vso.py": "raise SystemExit('the model is broken')\n"}
    models = {**plane_profile.models, "vso": dataclasses.replace(model, files=files)}
    profile = dataclasses.replace(plane_profile, models=models, digest="broken")
    with pytest.raises(SandboxError, match=r"vso ended while starting: .*the model is broken"):
        start(profile, tmp_path)


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


def test_without_kubernetes_there_is_no_kubeconfig(box):
    state = box.entry.folder.parent.parent
    code, text = kbtool("sandbox", "kubeconfig", box.name, state=state)
    assert code == 3
    assert "has no Kubernetes" in text


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
