"""What runs on guests. Containers are real, of an image made of the guest's own files; k3s is not.

k3s cannot be had where these tests run: a stand-in (`tests/support/standin_k3s.py`) shows that its
files, configuration, tokens and units arrive, that its agents reach its server over the network
between the guests, and that its API is found at the door. Nothing here says that k3s works.
"""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import replace

import pytest
from support.sandbox import ROOT, eventually, fresh, output, run

from kbtool.sandbox import archives, downloads, image
from kbtool.sandbox.profile import Fault, load_profile

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
def hosted(machine, programs, tmp_path_factory):
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


def parts(hosted):
    return {name: part["state"] for name, part in hosted.status()["parts"].items()}


def kubernetes(hosted):
    """What the API answers a step on the operator's shell."""
    return output(hosted, "kubectl get --raw /readyz --request-timeout=20s")


def test_all_comes_up_and_proves_itself(hosted):
    assert parts(hosted) == dict.fromkeys((*NODES, "network", "kubernetes", "web"), "running")
    seen = hosted.describe()
    assert [layer for layer in seen.layers if not layer.held] == []
    proofs = {layer.name: layer.detail for layer in seen.layers}
    assert proofs["identity of web"] == "its guest, and the content of its image"
    assert "secret marker" in proofs["identity of kubernetes"]
    versions = {part.name: part.version for part in seen.parts}
    assert (versions["kubernetes"], versions["web"]) == ("v1.34.3+k3s1", "1")


def test_the_api_is_at_its_port_for_steps_everywhere_and_only_with_a_token(hosted):
    assert kubernetes(hosted) == "ok"
    for name in NODES:
        assert output(hosted, f"{ASK} https://127.0.0.1:6443/readyz", on=name) == "401"
    without = run(
        hosted, f"{ASK} https://127.0.0.1:6443/readyz", on="pi2", endpoints=(), timeout=60.0
    )
    assert without.stdout == "closed\n"
    nodes = json.loads(output(hosted, "kubectl get --raw /api/v1/nodes"))
    assert {item["metadata"]["name"] for item in nodes["items"]} == set(NODES)


def test_a_container_runs_on_its_guest_and_is_reached_by_the_others(hosted):
    assert output(hosted, f"{ASK} http://127.0.0.1:8080/", on="pi2") == "hello from a container"
    assert output(hosted, f"{ASK} http://pi2:8080/", on="pi1") == "hello from a container"
    assert output(hosted, f"{ASK} http://127.0.0.1:8080/") == "closed"


def test_a_step_reads_no_password_and_no_token_of_what_runs_there(hosted):
    places = "/opt/kb/.env /etc/kbtool/k3s-token /etc/kbtool/tokens.csv /var/run/docker.sock"
    done = run(hosted, f"for each in {places}; do cat $each; done", on="pi1", timeout=60.0)
    assert done.stdout == ""
    done = run(hosted, "docker ps", on="pi2", timeout=60.0)
    assert "permission denied" in done.stderr


def test_the_servers_machine_ends_and_the_rest_stays_and_reset_brings_all_back(hosted):
    assert hosted.inject("api-unavailable").seen
    assert hosted.dead() == ()
    assert parts(hosted)["pi1"] == "stopped"
    assert output(hosted, f"{ASK} http://pi2:8080/", on="pi3") == "hello from a container"
    hosted.reset()
    assert set(parts(hosted).values()) == {"running"}
    assert kubernetes(hosted) == "ok"
    assert output(hosted, f"{ASK} http://pi2:8080/", on="pi1") == "hello from a container"


def test_a_node_that_ends_is_missed(hosted):
    def missed():
        nodes = json.loads(output(hosted, "kubectl get --raw /api/v1/nodes"))["items"]
        states = {each["metadata"]["name"]: each["status"]["conditions"][0] for each in nodes}
        return {name: state["status"] for name, state in states.items()}["pi3"]

    assert missed() == "True"
    assert hosted.inject("node-lost").seen
    eventually(missed, "Unknown")
    hosted.reset()
    eventually(missed, "True")
