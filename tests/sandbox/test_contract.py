"""What every profile must do: on each that this machine can start, one sandbox for all of it.

A profile is found by its file in `sandbox/profiles/`. One that cannot start here must say exactly
what it lacks, and which profile works instead; the rest of its contract is skipped, with the reason.
"""

import contextlib
import json
import os

import pytest
from support.profiles import FOLDER, PROFILES, STAGES, each, each_fault, lacks, shows
from support.recovery import CRASHES, accepted
from support.sandbox import ROOT, eventually, fresh, kbtool, output, own_secret, run

from kbtool.app.parity import drift_of
from kbtool.errors import BoundaryError, CannotStart
from kbtool.markdown.frontmatter import read_front_matter
from kbtool.runbook.drill import confined
from kbtool.runbook.parity import compare
from kbtool.runbook.ports import SqlQuery
from kbtool.sandbox.client import LiveSandbox
from kbtool.sandbox.components.kubernetes import ADMIN
from kbtool.sandbox.needs import lacking, programs_of
from kbtool.sandbox.profile import Kubernetes
from kbtool.sandbox.registry import Entry
from kbtool.sandbox.stage import load_parity, stage_of

AS_SEEDED = {"running", "unsealed"}
SEEDED = SqlQuery("postgres", "SELECT count(*) FROM recovery_check")
# What a person notices of a fault, as commands that end well once the damage is there.
READY = "kubectl -n erp get deploy erp -o jsonpath='{.status.readyReplicas}'"
DOWN = f'[ -z "$({READY})" ]'
REPLICAS = "$(kubectl -n erp get deploy erp -o jsonpath='{.spec.replicas}')"
SEALED = "bao status | grep -Eq 'Sealed +true'"
NO_DATABASE = "! pg_isready -q -h 127.0.0.1"
NOTICED = {
    "embedded": {
        "vault-sealed": [SEALED],
        "credentials-expired": [],
        "postgres-down": [NO_DATABASE],
    },
    "controlplane": {
        "power-cut": [SEALED],
        "crds-deleted": ["! kubectl -n longhorn-system get volumes.longhorn.io erp-data"],
        "engine-ids-lost": [DOWN, CRASHES],
        "vault-sealed": [SEALED],
        "credentials-expired": [DOWN, CRASHES],
        "erp-scaled-too-early": [CRASHES, DOWN],
        "argocd-selfheal": [
            f'kubectl -n erp scale deploy erp --replicas=0; sleep 2; [ "{REPLICAS}" = 1 ]'
        ],
        "postgres-down": [NO_DATABASE, DOWN],
        "node-lost": [
            "kubectl get node pi3 | grep -q NotReady",
            "kubectl -n longhorn-system get volumes.longhorn.io erp-data | grep -Eq 'degraded|unknown'",
        ],
        "api-unavailable": ["! kubectl get nodes --request-timeout=3s"],
        "canary-typo": [
            "kubectl -n canary get events | grep 'VaultClientConfigError.*not authorized'"
        ],
    },
}
NOTICED["controlplane-vm"] = NOTICED["controlplane"]
ALWAYS = {"argocd-selfheal"}  # is how the lab is set up: the fault is what a hand meets


@pytest.fixture(scope="module")
def stages():
    """The sandboxes of this module by profile, and what takes them down."""
    with contextlib.ExitStack() as ends:
        yield {}, ends


@pytest.fixture
def stage(request, stages, tmp_path_factory):
    """One sandbox of the profile for this whole module."""
    profile = STAGES[request.param]
    if missing := lacks(profile):
        pytest.skip(f"profile {profile.name} cannot start here, it lacks {'; '.join(missing)}")
    if programs_of(profile):
        request.getfixturevalue("programs")
    found, ends = stages
    if profile.name not in found:
        folder = tmp_path_factory.mktemp("contract")
        found[profile.name] = ends.enter_context(fresh(profile, folder))
    return found[profile.name]


every = pytest.mark.parametrize("stage", each(), indirect=True)
every_fault = pytest.mark.parametrize(("stage", "fault"), each_fault(), indirect=["stage"])


def command(stage, *arguments):
    return kbtool("sandbox", *arguments, state=stage.entry.folder.parent.parent)


def cluster(stage):
    """The name of the component that is its Kubernetes, "" where it has none."""
    parts = stage.profile.components.items()
    return next((name for name, part in parts if isinstance(part, Kubernetes)), "")


def healthy(stage):
    """Every part as seeded, and what the lab's runbook accepts, or the seed's own row."""
    states = {part["state"] for part in stage.status()["parts"].values()}
    if "longhorn" in stage.profile.view().components:
        return states == AS_SEEDED and accepted(stage) == {}
    if "postgres" in stage.profile.components:
        return states == AS_SEEDED and stage.observe(SEEDED, 5).value == "1"
    return states <= AS_SEEDED


# ---------------------------------------------------------------------- up, identity, parity
@every
def test_it_comes_up_healthy_and_every_part_proves_itself_behind_a_boundary_that_holds(stage):
    assert healthy(stage)
    seen = stage.describe()
    confined(seen)
    names = {part.name for part in seen.parts}
    proofs = {
        layer.name: layer.detail for layer in seen.layers if layer.name.startswith("identity")
    }
    assert set(proofs) == {f"identity of {name}" for name in names}
    assert all(proofs.values())
    assert seen.profile == stage.profile.name
    assert seen.boundary == stage.profile.boundary
    assert set(seen.components) == {*stage.profile.components, *stage.profile.models}


@every
def test_it_shows_the_parts_it_promised_and_drifts_only_where_it_is_accepted(stage):
    seen = stage.describe()
    promised = stage_of(stage.profile)
    parts = {part.name: (part.version, part.real) for part in seen.parts}
    for name in stage.profile.guests:  # only its image knows what is in it
        version, real = parts.pop(name)
        assert real
        assert version.startswith("arm64 machine, emulated by QEMU")
    assert parts == {name: (piece.version, piece.real) for name, piece in promised.parts.items()}
    manifest = load_parity(FOLDER)
    lines = drift_of(manifest, stage.profile, seen)
    assert list(lines) == compare(manifest, stage.profile.name, promised).lines()
    if stage.profile.name in PROFILES:
        assert not [line for line in lines if line.endswith("Not accepted")]
        code, text = command(stage, "parity", "--profile", stage.profile.name)
        assert code == 0, text


@every
def test_doctor_finds_nothing_missing(stage):
    """Of a profile started with one host, only what the whole of it wants beside."""
    name = stage.profile.name.partition("/")[0]
    code, text = command(stage, "doctor", "--profile", name, "--format", "json")
    answer = json.loads(text)
    whole = [what for what, _, _ in lacking(PROFILES[name])]
    wanted = whole if name != stage.profile.name else []
    assert (code, answer["ok"]) == ((3, False) if wanted else (0, True))
    assert [check["what"] for check in answer["checks"] if not check["found"]] == wanted
    assert answer["profiles"] == [{"name": name, "can_start": not wanted, "lacks": wanted}]


# ---------------------------------------------------------------------- what steps find
CONNECT = """python3 - <<'EOF'
import socket
for port in {ports}:
    with socket.socket() as connection:
        print(port, connection.connect_ex(("127.0.0.1", port)))
EOF"""


@every
def test_a_step_reaches_each_endpoint_it_may_and_no_other(stage):
    ports = [door["port"] for door in stage.doors().values()]
    assert len(set(ports)) == len(ports) >= len(stage.profile.components)
    script = CONNECT.format(ports=ports)
    assert output(stage, script).split() == [word for port in ports for word in (str(port), "0")]
    refused = output(stage, script, endpoints=()).split()[1::2]
    assert set(refused) <= {"111"}  # ECONNREFUSED
    for name, door in stage.doors().items():
        states = output(stage, script, endpoints=(name,)).splitlines()
        assert [line for line in states if line.endswith(" 0")] == [f"{door['port']} 0"]


@every
def test_its_secrets_are_files_and_are_masked_in_what_steps_print(stage):
    for name in stage.profile.secrets:
        done = run(stage, f'cat "$KB_SECRETS/{name}"', secrets=(name,))
        assert done.exit == 0
        assert done.leaked == (name,)
        assert own_secret(stage, f"step/{name}") not in done.stdout
        assert run(stage, f'test -e "$KB_SECRETS/{name}"').exit == 1


@every
def test_its_kubeconfig_has_one_context_of_a_user_with_few_rights(stage):
    name = cluster(stage)
    code, text = command(stage, "kubeconfig", stage.name)
    if not name:
        assert code == 3
        assert "has no Kubernetes" in text
        return
    config = read_front_matter(f"\n{text}")
    user = stage.profile.components[name].user
    assert [each["name"] for each in config["users"]] == [user]
    assert len(config["contexts"]) == len(config["clusters"]) == 1
    assert output(stage, "cat $KUBECONFIG") == text.strip()
    assert user in output(stage, "kubectl auth whoami")
    assert user != ADMIN
    for question in ("'*' '*'", "get nodes --subresource=proxy", "create clusterrolebindings"):
        assert run(stage, f"kubectl auth can-i {question}", timeout=60).exit == 1, question


@every
def test_a_step_on_a_host_sees_that_host(stage):
    hosts = {host: f"{folders[0]}/contract" for host, folders in stage.profile.hosts.items()}
    for host, file in hosts.items():
        output(stage, f"echo {host} > {file}", on=host, shell="sh")
    for host, file in hosts.items():
        assert output(stage, f"cat {file}", on=host, shell="sh") == host
    with pytest.raises(BoundaryError, match="no host pi9"):
        run(stage, "true", on="pi9")
    stage.reset()
    for host, file in hosts.items():
        output(stage, f"test ! -e {file}", on=host, shell="sh")


# ---------------------------------------------------------------------- faults, reset, down
@every_fault
def test_a_fault_is_seen_and_noticed_and_reset_heals_it(stage, fault):
    stage.reset()
    assert healthy(stage)
    observe = stage.profile.faults[fault].observe
    noticed = NOTICED.get(stage.profile.name, {}).get(fault, [])
    assert shows(stage, observe) == (fault in ALWAYS)
    for each_ in noticed:
        assert (run(stage, each_).exit == 0) == (fault in ALWAYS), f"before the fault: {each_}"
    seen = stage.inject(fault)
    assert seen.seen, seen.detail
    for each_ in noticed:
        eventually(lambda each_=each_: run(stage, each_).exit, 0)
    assert stage.dead() == (), "a fault's own kill is not a death"
    stage.reset()
    assert stage.dead() == ()
    assert healthy(stage)
    assert shows(stage, observe) == (fault in ALWAYS)


def test_every_fault_of_the_known_profiles_is_noticed():
    for name, faults in NOTICED.items():
        assert list(PROFILES[name].faults) == list(faults)


@every
def test_reset_takes_back_what_steps_did(stage):
    run(stage, "touch ~/left")
    assert output(stage, "ls ~") == "left"
    stage.reset()
    assert output(stage, "ls ~") == ""


@every
def test_down_leaves_nothing(stage):
    """The last of all: processes are looked for when the fixture ends."""
    folder = stage.entry.folder.parent
    code, text = command(stage, "down", stage.name)
    assert (code, text) == (0, f"{stage.name}: removed\n")
    assert list(folder.iterdir()) == []


# ---------------------------------------------------------------------- where it cannot start
@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine with kbtool and nothing else that profiles need."""
    environment = {
        "PATH": "/nonexistent",
        "KBTOOL_BWRAP": "/nonexistent/bwrap",
        "KBTOOL_STORE": str(tmp_path / "store"),
        "KBTOOL_STATE": str(tmp_path / "state"),
    }
    for name in os.environ:
        if name.startswith(("TEST_ASSET_", "KUBEBUILDER_")):
            monkeypatch.delenv(name)
    return environment


@pytest.mark.parametrize("name", PROFILES)
def test_without_anything_up_names_all_that_is_missing_and_that_nothing_works(bare, tmp_path, name):
    code, text = kbtool("sandbox", "doctor", "--format", "json", state=tmp_path, env=bare)
    assert code == 3
    answer = json.loads(text)
    lacks = {each_["name"]: each_["lacks"] for each_ in answer["profiles"]}
    assert "confinement" in lacks[name]
    missing = [each_ for each_ in answer["checks"] if not each_["found"]]
    assert all(each_["fix"] for each_ in missing)
    code, text = kbtool("sandbox", "up", "--profile", name, state=tmp_path, env=bare)
    assert code == 3
    assert f"profile {name} cannot start here, it lacks: {'; '.join(lacks[name])}\n" in text
    assert "what can start here: no profile" in text
    assert not list((tmp_path / "sandboxes").glob("[a-z]*"))


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "embedded"])
def test_what_a_profile_lacks_beside_the_default_one_is_named_with_that_as_the_way_out(
    bare, tmp_path, name
):
    bare.pop("KBTOOL_BWRAP")
    code, text = kbtool("sandbox", "up", "--profile", name, state=tmp_path, env=bare)
    assert code == 3
    assert f"profile {name} cannot start here, it lacks: " in text
    assert "confinement" not in text
    assert "what can start here: embedded" in text
    if "vault" not in PROFILES[name].components:
        return
    code, text = kbtool(
        "drill", "unseal-vault-after-a-restart", "--profile", name, state=tmp_path, env=bare
    )
    assert code == 3
    assert "what can start here: embedded" in text


@pytest.mark.parametrize("name", [name for name, found in PROFILES.items() if lacks(found)])
def test_a_profile_that_cannot_start_on_this_machine_says_so(name, tmp_path, monkeypatch):
    monkeypatch.setenv("KBTOOL_STATE", str(tmp_path))
    profile = PROFILES[name]
    with pytest.raises(CannotStart) as refused:
        LiveSandbox.open(name, profile)
    named = refused.value.message.partition("it lacks: ")[2].split("; ")
    assert named == [what for what, _, _ in lacking(profile)]
    assert Entry(name).record() is None
    assert (ROOT / "sandbox" / "profiles" / f"{name}.toml").is_file()
