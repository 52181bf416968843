"""The profile `k3d` on a real engine, with a stand-in for k3d: keeper, nodes, identity, reset, end.

Skipped where no engine answers. A privileged container is not needed, and nothing is pulled.
"""

import base64
import dataclasses
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import pytest
from support.profiles import PROFILES, shows
from support.sandbox import ROOT, eventually, fresh, output, own_secret, run

from kbtool.errors import BoundaryError, SandboxError, UsageError
from kbtool.runbook.drill import confined
from kbtool.runbook.ports import K8sQuery
from kbtool.sandbox.engine import Engine, cluster_name
from kbtool.sandbox.images import make
from kbtool.sandbox.launch import down
from kbtool.sandbox.process import end, marked

IMAGE = "localhost/kbtool/node:1"
STANDIN = ROOT / "tests" / "support" / "standin_k3d.py"
PROFILE = PROFILES["k3d"]


def answers():
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not answers(), reason="no container engine answers"),
]


@pytest.fixture(scope="module")
def image(programs):
    """A node's image: a shell, etcd and kube-apiserver, all linked statically."""
    busybox = os.environ.get("KBTOOL_TEST_BUSYBOX") or shutil.which("busybox")
    if not busybox:
        pytest.skip("no static busybox for the nodes")
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for folder in ("bin", "tmp", "data", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        tar.add(busybox, "bin/busybox")
        for name in ("etcd", "kube-apiserver"):
            tar.add(programs / name, f"bin/{name}")
        for name in [
            "sh",
            "cat",
            "rm",
            "mkdir",
            "sleep",
            "id",
            "echo",
            "ls",
            "ln",
            "kill",
            "hostname",
            "printf",
            "nc",
        ]:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    command = ["docker", "import", "-", IMAGE]
    subprocess.run(command, input=target.getvalue(), capture_output=True, check=True)
    return IMAGE


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A folder of programs in which the stand-in is called k3d."""
    folder = tmp_path_factory.mktemp("programs")
    script = folder / "k3d"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {STANDIN} "$@"\n')
    script.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def profile(image):
    """The profile of this project, but for its images, and without pods: there are no kubelets.

    What its workloads are made of is applied all the same.
    """
    manifests = dict(PROFILE.cluster.manifests)
    for workload in PROFILE.workloads.values():
        manifests |= workload.manifests
    part = dataclasses.replace(
        PROFILE.cluster, image=image, tools=image, imported=(), builds=(), manifests=manifests
    )
    return dataclasses.replace(
        PROFILE,
        components={**PROFILE.components, "kubernetes": part},
        workloads={},
        seed=PROFILES["embedded"].seed,
        seed_admin=False,
        digest="standin",
    )


@pytest.fixture(scope="module")
def box(profile, path, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{path}:{os.environ['PATH']}")
        with fresh(profile, tmp_path_factory.mktemp("cluster")) as sandbox:
            yield sandbox


def docker(*arguments):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


def remains(identifier):
    """Every object of the engine that belongs to a sandbox."""
    name = cluster_name(identifier)
    label = ("--filter", f"label=k3d.cluster={name}", "--quiet")
    found = docker("ps", "--all", *label)
    return found + docker("network", "ls", *label) + docker("volume", "ls", *label)


def test_it_comes_up_proves_itself_and_says_that_its_boundary_is_weak(box):
    seen = box.describe()
    confined(seen)
    assert seen.boundary.startswith("weak: ")
    proofs = {each.name: each.detail for each in seen.layers if each.name.startswith("identity")}
    assert proofs["identity of kubernetes"].startswith("certificate authority")
    states = {name: part["state"] for name, part in box.status()["parts"].items()}
    running = dict.fromkeys(("postgres", "kubernetes", "argocd", "attacher"), "running")
    assert states == running | {"vault": "unsealed"}
    assert {part.name for part in seen.parts if not part.real} == {"argocd", "attacher"}
    assert "operator" in output(box, "kubectl auth whoami")
    assert run(box, "kubectl auth can-i '*' '*'", timeout=60).exit == 1
    assert run(box, "kubectl -n erp auth can-i create pods", timeout=60).exit == 1
    assert box.observe(K8sQuery("namespaces/erp", None), 20).status == "value"


def test_nodes_have_no_folder_of_the_host_and_no_socket_of_the_engine(box):
    name = cluster_name(box.record.id)
    for node in docker("ps", "--filter", f"label=k3d.cluster={name}", "--format", "{{.Names}}"):
        (seen,) = json.loads("".join(docker("inspect", node)))
        assert [mount["Type"] for mount in seen["Mounts"]] == ["volume"]
        assert seen["HostConfig"]["Memory"] == 2 << 30
        assert seen["HostConfig"]["PidsLimit"] == 4096


def test_the_engine_is_out_of_reach_of_steps(box):
    assert run(box, "ls /var/run/docker.sock").exit != 0
    assert run(box, "ls /sb /kb/keeper").exit != 0


# ---------------------------------------------------------------------- steps on nodes
def test_a_step_on_a_host_runs_in_that_node_and_leaves_no_file(box):
    names = [output(box, "hostname", on=host, shell="sh") for host in ("pi1", "pi2", "pi3")]
    name = cluster_name(box.record.id)
    assert len(set(names)) == 3
    assert output(box, "echo $((40 + 2)); ls /bin/etcd", on="pi1", shell="sh") == "42\n/bin/etcd"
    done = run(box, "echo out; echo err >&2; exit 7", on="pi2", shell="sh")
    assert (done.exit, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert docker("exec", f"k3d-{name}-agent-0", "ls", "-d", "/bin") == ["/bin"]
    assert "kbtool-step" not in " ".join(docker("exec", f"k3d-{name}-agent-0", "ls", "/"))
    with pytest.raises(BoundaryError, match="no host pi9"):
        run(box, "true", on="pi9")


def test_values_secrets_and_files_reach_a_node_as_files_only(box):
    value = "x\"; exit 9 #\n$(id) 'y"
    script = 'printf "%s" "$VALUE"; cat a/b.yml; cat "$KB_SECRETS/UNSEAL_KEY"; cat /proc/*/cmdline'
    done = run(
        box,
        script,
        on="pi2",
        shell="sh",
        env={"VALUE": value},
        files={"a/b.yml": b"data\n"},
        secrets=("UNSEAL_KEY",),
    )
    assert done.stdout.startswith(f"{value}data\n"), done
    assert done.leaked == ("UNSEAL_KEY",)
    assert own_secret(box, "step/UNSEAL_KEY") not in done.stdout


def test_a_step_on_a_node_ends_with_its_time_and_all_it_started(box):
    before = time.monotonic()
    script = "sleep 7001 & (sleep 7002 & sleep 7003) & echo begun; sleep 7004"
    done = run(box, script, timeout=2, on="pi3", shell="sh")
    assert done.timed_out or done.exit == 137
    assert done.stdout == "begun\n"
    assert time.monotonic() - before < 15
    node = f"k3d-{cluster_name(box.record.id)}-agent-1"

    def left():
        return [word for word in docker("top", node, "-eo", "pid,args") if word.startswith("700")]

    eventually(left, [], within=10)


def test_the_folders_of_all_hosts_lie_where_a_pod_sees_them(box):
    output(box, "echo data > /var/lib/longhorn/here", on="pi3", shell="sh")
    seen = output(
        box, "cd /k3d/images/hosts; ls; cat */var/lib/longhorn/here", on="pi1", shell="sh"
    )
    assert seen == "pi1\npi2\npi3\ndata"
    output(box, "rm /var/lib/longhorn/here", on="pi3", shell="sh")


# ---------------------------------------------------------------------- what pods reach
def gateway(box):
    slices = box.observe(K8sQuery("endpointslices.discovery.k8s.io/vault", "outside"), 20).value
    return slices["endpoints"][0]["addresses"][0]


# Who has said all waits for the answer: a busybox that hung up would end the connection.
ASK = "{ printf 'GET /v1/sys/seal-status HTTP/1.0\\r\\n\\r\\n'; sleep 1; } | nc -w 5"


def test_nodes_reach_vault_and_the_database_and_nothing_else_of_this_machine(box, listener):
    address = gateway(box)
    seen = output(box, f"{ASK} {address} 8200", on="pi2", shell="sh")
    assert '"sealed":false' in seen
    # PostgreSQL takes that for a message that is too long: it hangs up, and is there.
    assert run(box, f"{ASK} {address} 5432", on="pi2", shell="sh").exit == 0
    done = run(box, f"{ASK} {address} {listener.port}", on="pi2", shell="sh")
    assert "refused" in done.stderr
    assert listener.reached == 0


def test_nobody_but_the_nodes_is_led_to_a_door(box, image):
    """The address can be reached by others: the engine's own network does not tell them apart."""
    address = gateway(box)
    network = f"k3d-{cluster_name(box.record.id)}"
    command = ["docker", "run", "--rm", "--network", network, image, "/bin/sh", "-c"]
    command.append(f"{ASK} {address} 8200")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, "refused" in done.stderr) == ("", False)
    with socket.create_connection((address, 8200), timeout=5) as connection:
        connection.sendall(b"GET /v1/sys/seal-status HTTP/1.0\r\n\r\n")
        assert read_all(connection) == b""


def read_all(connection):
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


# ---------------------------------------------------------------------- what runs in pods
class Admin:
    """The cluster's administrator, as a test that plays the kubelet needs it."""

    def __init__(self, box):
        node = f"k3d-{cluster_name(box.record.id)}-server-0"
        config = (box.entry.cell / "etc" / "kube" / "kbtool-admin.yaml").read_text()
        self.token = config.split("token: ")[1].split("}")[0]
        data = config.split("certificate-authority-data: ")[1].split("}")[0]
        self.ca = base64.b64decode(data).decode()
        self.at = f"https://{docker('port', node, '6443/tcp')[0]}"

    def __call__(self, method, path, body=None, content="application/json"):
        command = ["curl", "-sk", "--fail-with-body", "-X", method, f"{self.at}{path}", "-d", "@-"]
        command += ["-H", f"Content-Type: {content}", "-H", f"Authorization: Bearer {self.token}"]
        text = json.dumps(body or {})
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def programs_image():
    """The image of the lab's programs, made from an image that somebody named."""
    if not os.environ.get("KBTOOL_TEST_PYTHON"):
        pytest.skip("no KBTOOL_TEST_PYTHON to make the lab's image from")
    (build,) = (each for each in PROFILE.cluster.builds if not each.node)
    name = "localhost/kbtool/trial-programs:1"
    bases = {"PYTHON": os.environ["KBTOOL_TEST_PYTHON"]}
    with tempfile.TemporaryDirectory() as home:
        engine = Engine("docker", "k3d", Path(home))
        make(engine, dataclasses.replace(build, names=(name,), bases=bases))
    return name


def in_container(image, name, node, volume, script, files):
    """Run a program as a pod on a node would: in its network, with the folders of all hosts."""
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    create = ["docker", "create", "--name", name, "--network", f"container:{node}"]
    create += ["--volume", f"{volume}:/k3d/images", image, "sh", "-c", script]
    subprocess.run(create, capture_output=True, check=True)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    copy = ["docker", "cp", "-", f"{name}:/"]
    subprocess.run(copy, input=target.getvalue(), capture_output=True, check=True)
    subprocess.run(["docker", "start", name], capture_output=True, check=True)


HERE = "import lab, pathlib; lab.HOSTS = pathlib.Path('/k3d/images/hosts')"
LONGHORN = f"""
export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=6443; mkdir -p /kb/data
cd /kb/models; exec python3 -s -c "{HERE}; import longhorn; longhorn.connect(); longhorn.run(longhorn.Longhorn().reconcile)"
"""
ERP = """
ln -s /k3d/images/hosts/pi2/dev/longhorn/erp-data /data
export PGHOST=GATEWAY; exec python3 -s /kb/models/erp.py
"""


def test_a_pods_volume_is_attached_to_its_node_and_its_program_reaches_the_database(
    box, programs_image
):
    """Longhorn and the ERP in containers, the attacher in its cell; the test is the kubelet."""
    admin, sandbox = Admin(box), cluster_name(box.record.id)
    volume, names = f"k3d-{sandbox}-images", [f"trial-{sandbox}-{n}" for n in ("longhorn", "erp")]
    for name in ("pi1", "pi2", "pi3"):
        admin("POST", "/api/v1/nodes", {"kind": "Node", "metadata": {"name": name}})
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        merge = "application/merge-patch+json"
        admin("PATCH", f"/api/v1/nodes/{name}/status", {"status": ready}, merge)
    account = "/api/v1/namespaces/longhorn-system/serviceaccounts/longhorn/token"
    token = admin("POST", account, {"kind": "TokenRequest", "spec": {}})["status"]["token"]
    folder = "var/run/secrets/kubernetes.io/serviceaccount"
    files = {f"{folder}/token": token, f"{folder}/ca.crt": admin.ca, f"{folder}/namespace": "x"}
    claim = "/api/v1/namespaces/erp/persistentvolumeclaims/erp-data"
    where = {"metadata": {"annotations": {"trial": "x"}}, "spec": {"volumeName": "erp-data"}}
    admin("PATCH", claim, where, merge)
    try:
        server = f"k3d-{sandbox}-server-0"
        in_container(programs_image, names[0], server, volume, LONGHORN, files)
        asked = "kubectl -n longhorn-system get volumes.longhorn.io erp-data -o jsonpath="
        state = f"{asked}'{{.status.state}} {{.status.currentNodeID}} {{.status.robustness}}'"

        def attachment():
            return run(box, state, timeout=30).stdout.split()

        eventually(attachment, ["detached", "unknown"])
        directories = "ls /var/lib/longhorn/replicas"
        seen = {output(box, directories, on=host, shell="sh") for host in ("pi1", "pi2", "pi3")}
        assert len(seen) == 1
        assert seen.pop().startswith("erp-data-")
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "erp-data"}}]
        pod = {"containers": [{"name": "erp", "image": "erp:sandbox"}], "nodeName": "pi2"}
        pod |= {"serviceAccountName": "erp", "volumes": volumes}
        body = {"kind": "Pod", "metadata": {"name": "trial"}, "spec": pod}
        admin("POST", "/api/v1/namespaces/erp/pods", body)
        eventually(attachment, ["attached", "pi2", "healthy"])
        assert output(box, "ls /dev/longhorn", on="pi2", shell="sh") == "erp-data"
        assert output(box, "ls /dev/longhorn", on="pi1", shell="sh") == ""
        login = run(box, LOGIN, secrets=("ERP_ROLE_ID", "ERP_SECRET_ID"), timeout=60)
        user, password = login.stdout.split()
        for given, says in ((password, "no company is in this"), ("x", "refused the credentials")):
            secret = {"run/db/username": user, "run/db/password": given}
            script = ERP.replace("GATEWAY", gateway(box))
            in_container(programs_image, names[1], f"k3d-{sandbox}-agent-0", volume, script, secret)
            subprocess.run(
                ["docker", "wait", names[1]], capture_output=True, check=True, timeout=60
            )
            logs = ["docker", "logs", names[1]]
            assert says in subprocess.run(logs, capture_output=True, text=True, check=True).stderr
        admin("DELETE", "/api/v1/namespaces/erp/pods/trial", {"gracePeriodSeconds": 0})
        eventually(attachment, ["detached", "unknown"])
        assert output(box, "ls /dev/longhorn", on="pi2", shell="sh") == ""
    finally:
        subprocess.run(["docker", "rm", "--force", *names], capture_output=True, check=False)
    box.reset()


LOGIN = """
HOME=$PWD
bao write -field=token auth/approle/login role_id=@"$KB_SECRETS/ERP_ROLE_ID" \\
  secret_id=@"$KB_SECRETS/ERP_SECRET_ID" > .vault-token
bao read postgres/creds/erp | awk '$1 == "username" { u = $2 } $1 == "password" { p = $2 } END { print u, p }'
"""


def test_nobody_types_on_a_node(box):
    with pytest.raises(SandboxError, match="has no terminal"):
        run(box, "read -r x", on="pi1", shell="sh", types=("UNSEAL_KEY",))


# ---------------------------------------------------------------------- faults, reset, end
def test_without_its_server_the_api_is_gone_and_reset_makes_another_cluster(box):
    before = own_secret(box, "kubernetes.identity")
    assert box.inject("api-unavailable").seen
    assert run(box, "kubectl get --raw /readyz --request-timeout=2s", timeout=30).exit != 0
    assert box.dead() == ()
    box.reset()
    assert own_secret(box, "kubernetes.identity") != before
    assert output(box, "kubectl get --raw /readyz") == "ok"
    box.describe()


def test_a_power_cut_ends_every_node_and_seals_vault(box):
    write = "echo kept > /var/lib/longhorn/file; echo gone > /dev/longhorn/file"
    output(box, write, on="pi2", shell="sh")
    before = started(box)
    assert box.inject("power-cut").seen
    after = started(box)
    assert [node for node in before if after[node] == before[node]] == []
    assert box.status()["parts"]["kubernetes"]["state"] == "running"
    assert shows(box, "`http vault/v1/sys/seal-status {.sealed} == true`")
    left = "cat /var/lib/longhorn/*; ls /dev/longhorn; ls -d /dev/longhorn/."
    assert output(box, left, on="pi2", shell="sh") == "kept\n/dev/longhorn/."
    assert "198.18.0.82" in output(box, "kubectl -n outside get services")
    box.reset()
    assert output(box, "ls /var/lib/longhorn", on="pi2", shell="sh") == ""


def started(box):
    """Node → when its container started."""
    name = cluster_name(box.record.id)
    nodes = docker("ps", "--filter", f"label=k3d.cluster={name}", "--format", "{{.Names}}")
    return {node: docker("inspect", "--format", "{{.State.StartedAt}}", node) for node in nodes}


def test_another_cluster_behind_the_keeper_is_refused(box):
    node = f"k3d-{cluster_name(box.record.id)}-server-0"
    marker = "/api/v1/namespaces/kube-system/configmaps/kbtool-identity"
    admin = box.entry.cell / "etc" / "kube" / "kbtool-admin.yaml"
    token = admin.read_text().split("token: ")[1].split("}")[0]
    port = docker("port", node, "6443/tcp")[0]
    change = ["-X", "PATCH", "-H", "Content-Type: application/merge-patch+json"]
    change += ["-d", '{"data":{"value":"production"}}', "-H", f"Authorization: Bearer {token}"]
    address = f"https://{port}{marker}"
    subprocess.run(["curl", "-skf", *change, address], check=True, capture_output=True)
    with pytest.raises(BoundaryError, match="not the cluster this sandbox made"):
        run(box, "true")
    box.reset()
    assert run(box, "true").exit == 0


def test_it_cannot_be_kept(box):
    with pytest.raises(UsageError, match="cannot be kept"):
        down(box.entry, keep=True)


@pytest.mark.parametrize("victim", ["supervisor", "keeper"])
def test_whoever_is_killed_nothing_stays(profile, path, tmp_path, monkeypatch, victim):
    monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
    with fresh(profile, tmp_path) as sandbox:
        identifier = sandbox.record.id
        assert remains(identifier)
        if victim == "supervisor":
            end(sandbox.record.supervisor)
            eventually(lambda: remains(identifier), [], within=60)
            eventually(lambda: list(marked(identifier)), [], within=10)
        else:
            keepers = [p for p in marked(identifier) if b"keeper" in _command(p.pid)]
            assert len(keepers) == 1
            end(keepers[0])
            assert sandbox.dead() == ("kubernetes",)
    assert remains(identifier) == []


def _command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_cluster_that_cannot_be_made_leaves_nothing(profile, path, tmp_path, monkeypatch):
    folder = tmp_path / "broken"
    folder.mkdir()
    script = folder / "k3d"
    script.write_text(
        f'#!/bin/sh\n{sys.executable} {STANDIN} "$@"\n[ "$1" = cluster ] || exit 0\n'
        "echo 'ERRO[0001] failed Cluster Creation: out of luck' >&2; exit 1\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    ours = ("ps", "--all", "--quiet", "--filter", "name=k3d-kb-")
    before = docker(*ours)
    with (
        pytest.raises(SandboxError, match="failed Cluster Creation: out of luck"),
        fresh(profile, tmp_path / "state"),
    ):
        raise AssertionError("it started")
    assert list((tmp_path / "state" / "sandboxes").iterdir()) == []
    assert docker(*ours) == before
