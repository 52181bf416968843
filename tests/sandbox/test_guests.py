"""Three guests, the network between them, and what runs on them: started once for all of it.

Containers are real, of an image made of the guest's own files; k3s is not.

k3s cannot be had where these tests run: a stand-in (`tests/support/standin_k3s.py`) shows that its
files, configuration, tokens and units arrive, that its agents reach its server over the network
between the guests, and that its API is found at the door. Nothing here says that k3s works.
"""

import gzip
import hashlib
import io
import json
import os
import socket
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.sandbox import ROOT, eventually, fresh, output, own_secret, run

from kbtool.sandbox import archives, downloads, image
from kbtool.sandbox.expose import listening
from kbtool.sandbox.loader import load_profile
from kbtool.sandbox.process import end, marked
from kbtool.sandbox.profile import Fault

pytestmark = pytest.mark.slow
TINY = "local/tiny:1"
COMPOSE = f"""
version: "3.7"
services:
  web:
    image: {TINY}
    restart: "no"
    environment: {{PASSWORD: "${{PASSWORD}}"}}
    ports: ["8080:80"]
"""
# The profile's own observation wants an API that kubectl can explore.
LOST = Fault("pi3 ends", ("halt pi3",), "`run false` exit 1 within 1s", {})
NODES = ("pi1", "pi2", "pi3")
CONNECTS = """python3 -c '
import socket, sys
for each in sys.argv[1:]:
    host, port = each.rsplit(":", 1)
    tried = socket.socket(); tried.settimeout(3)
    print(each, tried.connect_ex((host, int(port))) == 0)
' """
ASK = """python3 -c '
import ssl, sys, urllib.error, urllib.request
try:
    context = ssl._create_unverified_context()
    print(urllib.request.urlopen(sys.argv[1], timeout=20, context=context).read(40).decode())
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print("closed")
' """


def container(guest):
    """An archive as `docker save` writes one: busybox of the guest, and what it serves."""
    first = gzip.decompress((image.store(guest) / "initrd").read_bytes())
    unpack = ["cpio", "--quiet", "--extract", "--to-stdout", "*bin/busybox"]
    busybox = subprocess.run(unpack, input=first, capture_output=True, check=True).stdout
    layer = packed({"bin/busybox": busybox, "www/index.html": b"hello from a container\n"})
    command = ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    config = json.dumps(
        {
            "architecture": "arm64",
            "os": "linux",
            "config": {"Cmd": command},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}"]},
        }
    ).encode()
    name = f"{sha256(config)}.json"
    manifest = [{"Config": name, "RepoTags": [TINY], "Layers": ["1/layer.tar"]}]
    files = {name: config, "1/layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    return packed(files)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def packed(files):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


@pytest.fixture(scope="module")
def lab(machine, programs, tmp_path_factory):
    """The profile vm with a stand-in of k3s, and one service instead of two."""
    place = tmp_path_factory.mktemp("brought")
    whole = load_profile(ROOT / "sandbox" / "profiles", "vm")
    k3s = whole.downloads
    files = {
        k3s.program: (ROOT / "tests" / "support" / "standin_k3s.py").read_bytes(),
        k3s.airgap: b"images\n",
        "image.tar": container(whole.guests["pi2"]),
    }
    for name, data in files.items():
        (place / name).write_bytes(data)
    digests = {name: f"sha256:{sha256(data)}" for name, data in files.items()}
    (service,) = whole.compositions
    services = {"text": COMPOSE, "images": {"web": TINY}, "programs": {"web": "BusyBox"}}
    parts = {
        k3s.name: replace(k3s, manifests={}, locked=digests),
        service.name: replace(service, **services, locked={TINY: digests["image.tar"]}),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downloads, "stored", lambda name, _digest: place / name)
        patch.setattr(archives, "stored", lambda _digest: place / "image.tar")
        bare = replace(whole, components=parts, faults={**whole.faults, "node-lost": LOST})
        with fresh(bare, tmp_path_factory.mktemp("hosted")) as sandbox:
            yield sandbox


def parts(lab):
    return {name: part["state"] for name, part in lab.status()["parts"].items()}


def kubernetes(lab):
    """What the API answers a step on the operator's shell."""
    return output(lab, "kubectl get --raw /readyz --request-timeout=20s")


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


# ---------------------------------------------------------------------- the network
def test_each_guest_is_itself_and_reaches_the_others_by_name(lab):
    assert emulators(lab) == 3
    cards = set()
    for name in NODES:
        seen = output(
            lab,
            f"uname -n; cat /sys/class/net/lan/address; {CONNECTS} pi1:22 pi2:22 pi3:22",
            on=name,
        )
        own, card, *places = seen.splitlines()
        assert own == name
        assert places == [f"{place} True" for place in ssh_of(*NODES)]
        cards.add(card)
    assert len(cards) == 3


def test_it_reaches_nothing_else(lab, box, listener):
    """This machine's ports, and a door of another sandbox that is open to it; the control is pi1."""
    door = box.entry.cell / box.doors()["vault"]["socket"]
    hosts = ("10.0.2.2", "10.0.2.3", "127.0.0.1", "192.0.2.254", "198.18.0.1", "pi1", "pi3")
    with listening(door) as other:
        for port in (listener.port, other):
            socket.create_connection(("127.0.0.1", port), 2).close()  # from outside: yes
        seen = eventually(lambda: listener.reached, 1)
        places = [f"{host}:{port}" for host in hosts for port in (listener.port, other)]
        assert reached(lab, "pi2", "pi1:22", *places) == ["pi1:22"]
    assert listener.reached == seen


def test_a_guest_that_was_taken_over_reaches_nothing_else_either(lab, listener):
    """As root it sends what it likes into the cable; that it did is the control."""
    sent = "cat /sys/class/net/lan/statistics/tx_packets"
    outside = f"198.18.0.1:{listener.port} 192.0.2.254:{listener.port} 10.0.2.2:{listener.port}"
    answer = as_root(
        lab,
        "pi2",
        f"{sent}; ip route add 198.18.0.0/24 dev lan; ip route add 10.0.2.2/32 dev lan;"
        f"{CONNECTS} {outside} pi1:22; ip route del 10.0.2.2/32 dev lan; {sent}",
    )
    before, *places, after = answer.split("\n")[:6]
    assert places == [*(f"{each} False" for each in outside.split()), "pi1:22 True"]
    assert int(after) > int(before) + 3
    assert listener.reached == 0


def as_root(lab, guest, script):
    """What a script prints that runs as a guest's root, over the supervisor's own line."""
    keys = lab.entry.cell / "etc" / "ssh" / guest
    request = json.dumps({"op": "do", "command": ["sh", "-c", script]})
    with listening(lab.entry.cell / "s" / guest / "ssh.sock") as port:
        ssh = ["ssh", "-F", "none", "-T", "-i", keys / "line", "-p", str(port)]
        ssh += ["-o", f"HostKeyAlias={guest}", "-o", f"UserKnownHostsFile={keys / 'known_hosts'}"]
        done = subprocess.run(
            [*ssh, "root@127.0.0.1"],
            input=f"{request}\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    return json.loads(done.stdout)["said"]


# ---------------------------------------------------------------------- what runs on them
def test_all_comes_up_and_proves_itself(lab):
    assert parts(lab) == dict.fromkeys((*NODES, "network", "kubernetes", "web"), "running")
    seen = lab.describe()
    assert [layer for layer in seen.layers if not layer.held] == []
    proofs = {layer.name: layer.detail for layer in seen.layers}
    assert {"no route from network", *(f"no network in {name}" for name in NODES)} <= set(proofs)
    assert proofs["identity of web"] == "its guest, and the content of its image"
    assert "secret marker" in proofs["identity of kubernetes"]
    versions = {part.name: part.version for part in seen.parts}
    assert (versions["kubernetes"], versions["web"]) == ("v1.34.3+k3s1", "1")


def test_the_api_is_at_its_port_for_steps_everywhere_and_only_with_a_token(lab):
    assert kubernetes(lab) == "ok"
    for name in NODES:
        assert output(lab, f"{ASK} https://127.0.0.1:6443/readyz", on=name) == "401"
    without = run(lab, f"{ASK} https://127.0.0.1:6443/readyz", on="pi2", endpoints=(), timeout=60.0)
    assert without.stdout == "closed\n"
    nodes = json.loads(output(lab, "kubectl get --raw /api/v1/nodes"))
    assert {item["metadata"]["name"] for item in nodes["items"]} == set(NODES)


def test_a_container_runs_on_its_guest_and_is_reached_by_the_others(lab):
    assert output(lab, f"{ASK} http://127.0.0.1:8080/", on="pi2") == "hello from a container"
    assert output(lab, f"{ASK} http://pi2:8080/", on="pi1") == "hello from a container"
    assert output(lab, f"{ASK} http://127.0.0.1:8080/") == "closed"


def test_a_container_has_the_password_that_was_made_for_the_sandbox(lab):
    form = "{{range .Config.Env}}{{println .}}{{end}}"
    known = as_root(lab, "pi2", f"docker inspect --format '{form}' kb_web_1").splitlines()
    assert f"PASSWORD={own_secret(lab, 'compose.password')}" in known


def test_a_step_reads_no_password_and_no_token_of_what_runs_there(lab):
    places = "/opt/kb/.env /etc/kbtool/k3s-token /etc/kbtool/tokens.csv /var/run/docker.sock"
    done = run(lab, f"for each in {places}; do cat $each; done", on="pi1", timeout=60.0)
    assert done.stdout == ""
    done = run(lab, "docker ps", on="pi2", timeout=60.0)
    assert "permission denied" in done.stderr


def test_the_servers_machine_ends_and_the_rest_stays_and_reset_brings_all_back(lab):
    assert lab.inject("api-unavailable").seen
    assert lab.dead() == ()
    assert parts(lab)["pi1"] == "stopped"
    assert output(lab, f"{ASK} http://pi2:8080/", on="pi3") == "hello from a container"
    lab.reset()
    assert set(parts(lab).values()) == {"running"}
    assert kubernetes(lab) == "ok"
    assert output(lab, f"{ASK} http://pi2:8080/", on="pi1") == "hello from a container"


def test_a_guest_that_ends_is_missed_and_leaves_the_others_and_reset_brings_it_back(lab):
    assert missed(lab) == "True"
    output(lab, "echo changed > /var/tmp/mark", on="pi1")
    assert lab.inject("node-lost").seen
    assert emulators(lab) == 2
    assert lab.dead() == ()  # a fault's own end is no death
    assert reached(lab, "pi1", *ssh_of(*NODES)) == ssh_of("pi1", "pi2")
    assert [layer for layer in lab.describe().layers if not layer.held] == []
    eventually(lambda: missed(lab), "Unknown")
    lab.reset()
    assert emulators(lab) == 3
    assert reached(lab, "pi3", *ssh_of(*NODES)) == ssh_of(*NODES)
    assert output(lab, "ls /var/tmp", on="pi1") == ""
    eventually(lambda: missed(lab), "True")


def missed(lab):
    """Whether the server finds pi3 ready."""
    nodes = json.loads(output(lab, "kubectl get --raw /api/v1/nodes"))["items"]
    (state,) = (each["status"] for each in nodes if each["metadata"]["name"] == "pi3")
    return state["conditions"][0]["status"]


def test_a_switch_that_ends_is_named_and_another_one_takes_its_place(lab):
    hubs = [each for each in marked(lab.record.id) if b"/hub.py" in cmdline(each)]
    try:
        for each in hubs:
            end(each)
        assert eventually(lab.dead, ("network",)) == ("network",)
        assert reached(lab, "pi1", *ssh_of(*NODES)) == ssh_of("pi1")
    finally:
        lab.reset()
    assert reached(lab, "pi1", *ssh_of(*NODES)) == ssh_of(*NODES)


def cmdline(process):
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()


def test_the_users_of_the_profile_get_the_rights_it_gives_them(controlplane, tmp_path):
    """Its manifests on a real API server, which is not k3s'."""
    k3s = load_profile(ROOT / "sandbox" / "profiles", "vm").downloads
    own = controlplane.components["kubernetes"]
    part = replace(own, manifests=k3s.manifests, users=k3s.users)
    nothing = {"models": {}, "hosts": {}, "secrets": {}, "faults": {}, "seed": ""}
    bare = replace(controlplane, components={"kubernetes": part}, seed_secrets=(), **nothing)
    with fresh(bare, tmp_path) as sandbox:
        assert k3s.user in output(sandbox, "kubectl auth whoami")
        assert output(sandbox, "kubectl auth can-i list nodes") == "yes"
        for question in ("'*' '*'", "create pods", "get secrets", "create clusterrolebindings"):
            assert run(sandbox, f"kubectl auth can-i {question}", timeout=60.0).exit == 1, question
