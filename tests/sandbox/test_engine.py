"""Docker and k3d as kbtool drives them, against what the real ones answered (tests/data/k3d)."""

import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import jsonschema
import pytest
from support.profiles import FOLDER, PROFILES
from support.sandbox import ROOT, kbtool

from kbtool.errors import BoundaryError, ConfigError, RequirementError, SandboxError
from kbtool.markdown.frontmatter import read_front_matter
from kbtool.sandbox import images
from kbtool.sandbox.engine import (
    Engine,
    cluster_name,
    configuration,
    containers,
    step_archive,
    step_command,
    step_folder,
    trouble,
)
from kbtool.sandbox.images import acquire_images, write_lock
from kbtool.sandbox.loader import load_profile
from kbtool.sandbox.profile import lock_name

DATA = ROOT / "tests" / "data" / "k3d"
RECORDED = json.loads((DATA / "recorded.json").read_text())
SCHEMA = json.loads((DATA / "schema.json").read_text())
PART = PROFILES["k3d"].cluster
SANDBOX = "0123456789ab"
REPLAY = """#!{python}
import json, os, sys
recorded = json.load(open({recorded!r}))
words = sys.argv[1:]
with open({calls!r}, "a") as calls:
    calls.write(json.dumps({{"words": words, "environment": dict(os.environ)}}) + "\\n")
for start, name in {answers!r}.items():
    if " ".join(words).startswith(start):
        answer = recorded.get(name) or {{"exit": 0, "stdout": name, "stderr": ""}}
        sys.stdout.write(answer["stdout"])
        sys.stderr.write(answer["stderr"])
        sys.exit(answer["exit"])
"""


@pytest.fixture
def replay(tmp_path, monkeypatch):
    """Make programs that answer as recorded: what a command begins with → the recording's name.

    Where there is no such recording the name itself is printed.
    """
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{os.environ['PATH']}")
    (tmp_path / "programs").mkdir()
    (tmp_path / "home").mkdir()

    def make(**programs):
        for name, answers in programs.items():
            path = tmp_path / "programs" / name
            path.write_text(
                REPLAY.format(
                    python=sys.executable,
                    recorded=str(ROOT / "tests" / "data" / "k3d" / "recorded.json"),
                    calls=str(tmp_path / f"{name}.calls"),
                    answers=answers,
                )
            )
            path.chmod(0o755)
        return Engine.found(tmp_path / "home")

    return make


def calls(folder, program):
    lines = (folder / f"{program}.calls").read_text().splitlines()
    return [json.loads(line) for line in lines]


# ---------------------------------------------------------------------- the configuration
def included(small, large):
    """Whether everything one says the other says too."""
    if isinstance(small, dict):
        return all(key in large and included(value, large[key]) for key, value in small.items())
    return small == large


def as_k3d_writes(config):
    """k3d leaves out what is false, and writes a duration in nanoseconds."""
    config["options"]["k3d"]["timeout"] = 180 * 10**9
    config["options"]["kubeconfig"] = {}
    return config


def test_the_real_k3d_took_this_very_configuration():
    taken = read_front_matter("\n" + RECORDED["migrate"]["stdout"].partition("\n")[2])
    assert RECORDED["migrate"]["exit"] == 0
    written = json.loads(configuration(PART, SANDBOX, "tokens.csv"))
    assert included(as_k3d_writes(written), taken)


def test_the_published_schema_is_as_it_was_published():
    digests = json.loads((DATA / "published.json").read_text())["sha256"]
    assert digests == {
        name: hashlib.sha256((DATA / name).read_bytes()).hexdigest() for name in digests
    }


def test_the_configuration_fits_the_schema_that_k3d_publishes():
    written = json.loads(configuration(PART, SANDBOX, "tokens.csv"))
    jsonschema.validate(written, SCHEMA)
    for wrong in ({**written, "server": 1}, {**written, "servers": "1"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


@pytest.mark.skipif(shutil.which("k3d") is None, reason="no k3d on the PATH")
def test_the_k3d_of_this_machine_takes_it(tmp_path):
    (tmp_path / "c.json").write_text(configuration(PART, SANDBOX, "tokens.csv"))
    command = ["k3d", "config", "migrate", str(tmp_path / "c.json"), "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    taken = read_front_matter("\n" + done.stdout.partition("\n")[2])
    assert included(as_k3d_writes(json.loads(configuration(PART, SANDBOX, "tokens.csv"))), taken)


def test_nothing_of_the_host_is_asked_for():
    config = json.loads(configuration(PART, SANDBOX, "tokens.csv"))
    assert not {"volumes", "ports", "env", "registries", "hostAliases"} & set(config)
    assert config["kubeAPI"] == {"host": "127.0.0.1", "hostIP": "127.0.0.1"}
    # A memory limit here would have k3d mount files of the host into the nodes; "random" as the
    # port reaches Docker as it is, and is refused.
    assert "serversMemory" not in json.dumps(config)
    assert "hostPort" not in json.dumps(config)
    assert config["options"]["kubeconfig"] == {
        "updateDefaultKubeconfig": False,
        "switchCurrentContext": False,
    }
    assert config["image"] == "localhost/kbtool/node:sandbox"
    assert PART.builds[0].bases["K3S"] == PART.image == "rancher/k3s:v1.34.3-k3s1"
    assert (config["servers"], config["agents"]) == (1, 2)


# ---------------------------------------------------------------------- what came
def inspected():
    return json.loads(RECORDED["inspect"]["stdout"])


def test_the_real_nodes_are_what_their_names_say_and_privileged():
    """Why the boundary is weak: it is k3d's doing, and cannot be asked away."""
    assert [f"/{name}" for name in containers(PART, cluster_name(SANDBOX)).values()] == [
        each["Name"] for each in inspected()
    ]
    assert all(each["HostConfig"]["Privileged"] for each in inspected())


def test_a_node_with_something_of_the_host_is_refused(replay):
    nodes = containers(PART, cluster_name(SANDBOX))
    engine = replay(docker={"inspect": "inspect"}, k3d={})
    port = inspected()[0]["HostConfig"]["PortBindings"]["6443"][0]
    assert port["HostIp"] == "127.0.0.1"
    assert engine._proven(nodes) == int(port["HostPort"])
    mounted = inspected()
    mounted[1]["Mounts"].append({"Type": "bind", "Source": "/var/run/docker.sock"})
    with pytest.raises(BoundaryError, match=r"agent-0 has folders of this machine.*docker\.sock"):
        replay(docker={"inspect": json.dumps(mounted)})._proven(nodes)
    open_ = inspected()
    open_[0]["HostConfig"]["PortBindings"]["6443"][0]["HostIp"] = "0.0.0.0"
    with pytest.raises(BoundaryError, match="elsewhere than on loopback"):
        replay(docker={"inspect": json.dumps(open_)})._proven(nodes)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no-image", "docker failed to pull image 'rancher/k3s:v1.34.3-k3s1'"),
        ("no-privileges", "unable to apply caps: operation not permitted"),
        ("unknown-key", "Additional property server is not allowed"),
    ],
)
def test_a_creation_that_fails_is_told_in_k3ds_own_words_and_taken_back(
    replay, tmp_path, name, says
):
    engine = replay(
        k3d={"cluster create": name},
        docker={"ps": "a1 a2", "network ls": "n", "volume ls": "v", "rm": "", "inspect": "inspect"},
    )
    with pytest.raises(SandboxError) as failed:
        engine.create(PART, SANDBOX, b"token,operator,operator,\n")
    assert says in failed.value.message
    assert "\n" not in failed.value.message
    assert "\x1b" not in failed.value.message
    done = [" ".join(each["words"]) for each in calls(tmp_path, "docker")]
    label = f"--filter label=k3d.cluster={cluster_name(SANDBOX)}"
    assert done[0] == f"ps --all --quiet {label}"
    assert done[1] == "rm --force --volumes a1 a2"
    assert f"network rm k3d-{cluster_name(SANDBOX)}" in done
    assert f"volume rm k3d-{cluster_name(SANDBOX)}-images" in done


def test_k3d_never_sees_the_operators_home_and_kubeconfig(replay, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/home/operator/.kube/config")
    monkeypatch.setenv("SECRET_OF_THE_OPERATOR", "x")
    engine = replay(k3d={"kubeconfig": "no-cluster"}, docker={})
    with pytest.raises(SandboxError, match="No nodes found for given cluster"):
        engine.ask(engine.k3d, "kubeconfig", "get", "x")
    seen = calls(tmp_path, "k3d")[0]["environment"]
    home = str(tmp_path / "home")
    assert (seen["HOME"], seen["KUBECONFIG"]) == (home, f"{home}/kubeconfig")
    assert not {"SECRET_OF_THE_OPERATOR", "KBTOOL_STATE"} & set(seen)


def test_trouble_without_words():
    assert trouble(b"") == "it said nothing"
    assert trouble(b"a\n  b \n\n") == "b"


# ---------------------------------------------------------------------- steps on nodes
def test_what_a_step_gets_stands_in_an_archive_and_not_in_the_command():
    request = {
        "script": "true",
        "env": {"VALUE": "it's"},
        "secrets": {"KEY": "s3cret"},
        "files": {"a/b": b"data".hex()},
    }
    with tarfile.open(fileobj=io.BytesIO(step_archive(7, request))) as tar:
        files = {e.name: tar.extractfile(e).read() for e in tar if e.isfile()}
        assert all(e.mode & 0o077 == 0 for e in tar)
    folder = step_folder(7).lstrip("/")
    assert files == {
        f"{folder}/block": b"true",
        f"{folder}/environment": b"export VALUE='it'\"'\"'s'\n",
        f"{folder}/secrets/KEY": b"s3cret",
        f"{folder}/work/a/b": b"data",
    }
    command = " ".join(step_command("node", 7, "sh", ["-eu"]))
    assert "s3cret" not in command
    assert "it's" not in command
    assert "exec sh -eu /kbtool-step-7/block" in command


# ---------------------------------------------------------------------- images
DIGESTS = {image: f"sha256:{number:064x}" for number, image in enumerate(PART.images, 1)}


def pulled(image):
    return f"{image.rpartition(':')[0]}@{DIGESTS[image]} "


def here(*images):
    return {
        f"image inspect --format {{{{range .RepoDigests}}}}{{{{.}}}} {{{{end}}}} {image}": pulled(
            image
        )
        for image in images
    }


def test_images_are_written_down_once_and_held_to_it(replay, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "is_made", lambda _, __: True)
    replay(docker=here(*PART.images), k3d={})
    found = acquire_images(PART, lambda _: pytest.fail("nothing is missing"), print)
    assert {each.name for each in found if each.made} == {each.names[0] for each in PART.builds}
    found = [each for each in found if not each.made]
    assert {each.name: each.digest for each in found} == DIGESTS
    shutil.copytree(FOLDER.parent, tmp_path / "sandbox")
    folder = tmp_path / "sandbox" / "profiles"
    assert load_profile(folder, "k3d").cluster.locked == {}
    before = load_profile(folder, "k3d").digest
    assert write_lock(folder, "k3d", found) == folder / lock_name("k3d")
    locked = load_profile(folder, "k3d")
    assert locked.cluster.locked == DIGESTS
    assert locked.digest != before
    assert write_lock(folder, "k3d", found) is None
    (folder / lock_name("k3d")).write_text('[images]\n"a/b:1" = "sha256:short"\n')
    with pytest.raises(ConfigError, match="is no digest"):
        load_profile(folder, "k3d")


def test_an_image_of_other_content_than_the_locked_is_pulled_anew_and_refused(replay, tmp_path):
    locked = dict.fromkeys(PART.images, "sha256:" + "f" * 64)
    part = dataclasses.replace(PART, locked=locked, builds=())
    replay(docker=here(*PART.images), k3d={})
    with pytest.raises(RequirementError, match=" is locked"):
        acquire_images(part, lambda _: True, print)
    asked = [" ".join(each["words"]) for each in calls(tmp_path, "docker")]
    exact = f"rancher/k3s@{locked[PART.image]}"
    assert f"pull --quiet {exact}" in asked
    assert f"tag {exact} {PART.image}" in asked


def test_without_consent_nothing_is_pulled(replay, tmp_path):
    replay(docker={"image inspect": "no-cluster"}, k3d={})
    with pytest.raises(RequirementError, match="not here: rancher/k3s"):
        acquire_images(PART, lambda _: False, print)
    assert not [each for each in calls(tmp_path, "docker") if each["words"][0] == "pull"]


def test_what_is_made_here_is_made_again_when_what_it_is_made_of_changes(replay, tmp_path):
    """The label says what an image was made of; the engine's own names of its bases are in it."""
    (build,) = (each for each in PART.builds if not each.node)
    bases = {f"image inspect --format {{{{.Id}}}} {image}": image for image in build.bases.values()}
    label = 'image inspect --format {{index .Config.Labels "kbtool.content"}}'
    engine = replay(docker=bases | {label: "nothing\n"}, k3d={})
    content = images.content_of(engine, build)
    assert not images.is_made(engine, build)
    engine = replay(docker=bases | {label: f"{content}\n"})
    assert images.is_made(engine, build)
    changed = dataclasses.replace(build, files={**build.files, "erp.py": "another\n"})
    assert not images.is_made(engine, changed)
    assert not images.is_made(
        replay(docker=dict.fromkeys(bases, "other") | {label: content}), build
    )


def test_a_new_cluster_is_given_its_images_and_no_helper_lives_for_it(replay, tmp_path):
    """What k3d answers to this without a cluster is recorded: it knows these words."""
    assert "No nodes found for given cluster" in RECORDED["import-no-cluster"]["stderr"]
    engine = replay(k3d={"image import": "done"}, docker={})
    engine._bring(PART, cluster_name(SANDBOX))
    words = calls(tmp_path, "k3d")[0]["words"]
    assert words[:4] == ["image", "import", "--mode", "direct"]
    assert {"erp:sandbox", "canary:sandbox", "longhorn-model:sandbox", *PART.imported} <= set(words)
    assert "localhost/kbtool/node:sandbox" not in words


def test_the_network_of_a_cluster_is_its_gateway_and_its_nodes(replay):
    seen = inspected()
    name = f"k3d-{cluster_name(SANDBOX)}"
    for number, each in enumerate(seen, 2):
        each["NetworkSettings"]["Networks"][name] |= {
            "Gateway": "172.18.0.1",
            "IPAddress": f"172.18.0.{number}",
        }
    engine = replay(docker={"inspect": json.dumps(seen)}, k3d={})
    network = engine.network(SANDBOX, list(containers(PART, cluster_name(SANDBOX)).values()))
    assert network.gateway == "172.18.0.1"
    assert network.nodes == {"172.18.0.2", "172.18.0.3", "172.18.0.4"}


def test_doctor_tells_what_of_the_engine_is_here(replay, tmp_path):
    replay(
        docker={"version": "28.2.2\n", "image inspect": "no-cluster"}, k3d={"version": "version"}
    )
    code, text = kbtool("sandbox", "doctor", "--profile", "k3d", state=tmp_path)
    assert code == 3
    assert f"✓ Docker: 28.2.2 ({tmp_path}/programs/docker)" in text
    assert f"✓ k3d: k3d version v5.8.3 ({tmp_path}/programs/k3d)" in text
    assert "✗ rancher/k3s:v1.34.3-k3s1: missing; kbtool sandbox assets" in text
    assert "profile k3d: cannot start here, it lacks rancher/k3s:v1.34.3-k3s1; " in text


def test_an_engine_that_does_not_answer_is_told_so(replay, tmp_path):
    replay(docker={"version": "no-cluster"}, k3d={"version": "version"})
    code, text = kbtool("sandbox", "doctor", "--profile", "k3d", state=tmp_path)
    assert code == 3
    assert "✗ Docker: missing; its engine does not answer: docker version" in text
