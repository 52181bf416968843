"""The real Vault Secrets Operator beside the real API server, Vault and database, as its model stands.

KBTOOL_TEST_VSO names its program, built by Go from the module in sandbox/charts/charts.toml: a copy
of the module's folder, `go build`. What is seen here is what the model must do, and the runbooks' own
words meet the operator that profile `k3d` has.
"""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from support.profiles import PROFILES
from support.sandbox import ROOT, eventually, fresh, output, run

from kbtool.sandbox import relay

PROGRAM = os.environ.get("KBTOOL_TEST_VSO", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not PROGRAM, reason="no KBTOOL_TEST_VSO"),
]
GET = "kubectl -n {0} get {1} {2} -o jsonpath='{{{3}}}'"
EVENTS = (
    "kubectl -n {0} get events --field-selector involvedObject.kind=VaultDynamicSecret"
    " --no-headers -o custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message"
)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def box(plane_profile, programs, tmp_path_factory):
    """Profile `controlplane` with the operator's definitions and connection, without its model."""
    vault, api = free_port(), free_port()
    own = {
        file: text.replace("198.18.0.82:8200", f"127.0.0.1:{vault}")
        for file, text in PROFILES["k3d"].workloads["vso"].manifests.items()
    }
    part = plane_profile.components["kubernetes"]
    part = dataclasses.replace(part, manifests={**own, **part.manifests})
    models = {name: each for name, each in plane_profile.models.items() if name != "vso"}
    profile = dataclasses.replace(
        plane_profile,
        components={**plane_profile.components, "kubernetes": part},
        models=models,
        seed="",
        seed_secrets=(),
        digest="real-vso",
    )
    folder = tmp_path_factory.mktemp("vso")
    with fresh(profile, folder / "state") as sandbox:
        cell = sandbox.entry.cell
        config = (cell / "etc" / "kube" / "kbtool-admin.yaml").read_text()
        (folder / "config").write_text(config.replace("127.0.0.1:6443", f"127.0.0.1:{api}"))
        doors = [f"{vault}={cell}/d/vault/bao.sock", f"{api}={cell}/d/kubernetes/k8s.sock"]
        nowhere = "bind-address=127.0.0.1:0"
        flags = [f"--kubeconfig={folder / 'config'}", "--leader-elect=false"]
        flags += [f"--metrics-{nowhere}", f"--health-probe-{nowhere}"]
        names = {"OPERATOR_NAMESPACE": "vso", "OPERATOR_POD_NAME": "vso", "OPERATOR_POD_UID": "u"}
        command = [sys.executable, "-I", "-S", relay.__file__, *doors, "--server", "--"]
        with (folder / "log").open("wb") as log:
            operator = subprocess.Popen(
                [*command, PROGRAM, *flags],
                env=names | {"HOME": str(folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        yield sandbox
        os.killpg(operator.pid, signal.SIGKILL)
        operator.wait()


def seen(box, *words):
    return run(box, GET.format(*words), timeout=30).stdout


def step(name):
    """The block of a step of the canary's runbook."""
    text = (ROOT / "vibe/runbooks/provisioning-canary.md").read_text()
    return text.split(f"### {name} ")[1].split("```sh\n")[1].split("```")[0]


def test_it_takes_a_lease_and_says_so_where_the_model_does(box):
    eventually(lambda: seen(box, "erp", "secret", "erp-db", ".data.username") != "", True)
    status = json.loads(seen(box, "erp", "vaultdynamicsecrets", "erp", ".status"))
    assert status["secretLease"]["id"].startswith("postgres/creds/erp/")
    assert "conditions" not in status
    assert "Normal   SecretSynced" in output(box, EVENTS.format("erp"))


def test_the_canarys_own_block_is_taken_and_its_secret_goes_with_its_object(box):
    output(box, step("S4 [AGENT]"))
    lease = ("canary", "vaultdynamicsecrets", "canary", ".status.secretLease.id")
    eventually(lambda: seen(box, *lease).startswith("postgres/creds/canary/"), True)
    owner = seen(box, "canary", "secret", "canary-db", ".metadata.ownerReferences[0].kind")
    assert owner == "VaultDynamicSecret"
    kinds = (
        "vaultdynamicsecrets.secrets.hashicorp.com/canary vaultauths.secrets.hashicorp.com/canary"
    )
    output(box, f"kubectl -n canary delete {kinds}")
    eventually(lambda: run(box, "kubectl -n canary get secrets -o name").stdout, "")


def test_while_vault_is_sealed_it_warns_and_then_writes_a_new_secret(box):
    before = seen(box, "erp", "secret", "erp-db", ".data.username")
    assert box.inject("vault-sealed").seen
    output(box, "kubectl -n erp delete secret erp-db")
    eventually(lambda: "Vault is sealed" in output(box, EVENTS.format("erp")), True)
    assert "Warning" in output(box, EVENTS.format("erp"))
    assert run(box, "bao operator unseal", 60, types=("UNSEAL_KEY",)).exit == 0
    new = eventually(lambda: seen(box, "erp", "secret", "erp-db", ".data.username"), bool, 120)
    assert new != before


def test_a_misspelt_account_is_told_as_the_fault_looks_for_it(box):
    assert box.inject("canary-typo").seen
    said = output(box, EVENTS.format("canary"))
    assert "VaultClientConfigError" in said
    assert "service account name not authorized" in said
