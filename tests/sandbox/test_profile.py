"""A profile is data a change may bring along: it names files of the sandbox, and no others."""

import shutil

import pytest
from support.sandbox import ROOT

from kbtool.app.sandbox import or_another
from kbtool.errors import CannotStart, ConfigError
from kbtool.sandbox.loader import load_profile
from kbtool.sandbox.profile import from_json


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "sandbox", tmp_path / "sandbox")
    (tmp_path / "secret").write_text("the operator's own")
    (tmp_path / "sandbox/profiles/link").symlink_to(tmp_path / "secret")
    return tmp_path / "sandbox/profiles"


@pytest.mark.parametrize(
    "name", ["embedded", "controlplane", "controlplane-vm", "k3d", "vm", "vm/pi2"]
)
def test_a_profile_survives_the_way_to_the_supervisor(folder, name):
    profile = load_profile(folder, name)
    assert from_json(profile.to_json()) == profile


@pytest.mark.parametrize("path", ["../../secret", "/etc/hostname", "link", "..", "gone"])
def test_no_file_from_elsewhere_enters_a_sandbox(folder, path):
    file = folder / "embedded.toml"
    text = file.read_text()
    assert text.count('"embedded/seed.sh"') == 1
    file.write_text(text.replace('"embedded/seed.sh"', f'"{path}"'))
    with pytest.raises(ConfigError) as refused:
        load_profile(folder, "embedded")
    assert f"seed.script: {path}: " in refused.value.message
    assert "operator" not in refused.value.message


def test_every_fault_is_named_at_once(folder):
    file = folder / "embedded.toml"
    file.write_text(file.read_text().replace("strength = 1", 'strength = "x"\nstrenght = 2'))
    with pytest.raises(ConfigError) as refused:
        load_profile(folder, "embedded")
    assert "strength must be given" in refused.value.message
    assert "did you mean 'strength'?" in refused.value.message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('reach = ["vault"', 'reach = ["argocd"', "reach: 'argocd' is none in a cell"),
        ('deployment = "vso/', 'deployment = "', "workloads.vso.deployment must be NAMESPACE/NAME"),
        ("model = true", "modelled = true", "did you mean 'model'?"),
        ('"../models/*.py"', '"../modles/*.py"', "builds[1].files: there is no ../modles/*.py"),
        ('"../models/*.py"', '"../../secret*"', "builds[1].files: ../../secret: is no file beside"),
        ('recipe = "../images/lab', 'recipe = "../images/lap', "builds[1].recipe: ../images/lap"),
        ('"rancher/mirrored-pause:3.6"', '"rancher/mirrored-pause"', "must be an image with a tag"),
        ("node = true", "nodes = true", "did you mean 'node'?"),
    ],
)
def test_a_fault_of_a_cluster_is_named(folder, old, new, says):
    file = folder / "k3d.toml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        load_profile(folder, "k3d")
    assert says in refused.value.message


def append(path, text):
    path.write_text(path.read_text() + text)


def test_a_workload_needs_a_cluster_to_run_in(folder):
    append(
        folder / "embedded.toml",
        '\n[workloads.x]\nmanifests = []\ndeployment = "a/b"\nversion = "1"\n',
    )
    with pytest.raises(ConfigError, match="workloads need a component of kind k3d"):
        load_profile(folder, "embedded")


def test_what_is_made_of_an_image_changes_what_a_profile_is(folder):
    before = load_profile(folder, "k3d").digest
    append(folder.parent / "images" / "lab.Dockerfile", "# another\n")
    assert load_profile(folder, "k3d").digest != before


@pytest.mark.parametrize("application", ["erp", "canary"])
def test_a_token_outlives_the_leases_it_takes(application):
    """Else Vault drops a credential its operator still believes in: after so long all is broken."""
    vault = load_profile(ROOT / "sandbox/profiles", "controlplane").components["vault"]
    written = dict(vault.setup)
    token = written[f"auth/kubernetes/role/{application}"]["token_ttl"]
    lease = written[f"postgres/roles/{application}"]["default_ttl"]
    assert seconds(token) >= seconds(lease)


def seconds(duration):
    return int(duration[:-1]) * {"m": 60, "h": 3600}[duration[-1]]


def test_a_faulty_profile_does_not_hide_what_another_one_lacks(folder):
    (folder / "broken.toml").write_text("name =")
    with pytest.raises(CannotStart, match="it lacks x") as refused, or_another(folder):
        raise CannotStart("it lacks x", "get it")
    assert refused.value.hint.startswith("get it; what can start here: embedded")
