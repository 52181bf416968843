"""Attack 14: what a step leaves in its host's view or writes into an object, read by a model.

The file layer by itself, with its controls, is in tests/models.
"""

import json
from pathlib import Path

import pytest
from support.sandbox import run

from kbtool.sandbox.process import marked

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
    done = run(tidy, script, on="pi1", timeout=120)
    assert done.exit == 0, done.stderr
    assert "token" not in done.stdout
    assert "Dirty" not in done.stdout
    assert tidy.dead() == ()
    _the_lab_is_well(tidy)


def test_a_volume_that_nobody_touched_is_attached(tidy):
    """The control of the above: the same steps, nothing left."""
    script = FREE + ATTACH.replace("WORD", "healthy") + "stat -c %s /dev/longhorn/spy"
    done = run(tidy, script, on="pi1", timeout=120)
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
    done = run(tidy, script, on="pi1", timeout=120)
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
        {"path": "../../auth/token/lookup-self"},
        {"path": "creds/erp?list=true"},
    ],
)
def test_a_hostile_path_reaches_no_other_part_of_the_vault(tidy, change):
    """A VaultDynamicSecret whose mount or path leads elsewhere: refused, and said in an event."""
    patch = json.dumps({"spec": change})
    script = (
        f"kubectl -n erp patch vaultdynamicsecrets erp --type=merge -p '{patch}'\n"
        "kubectl -n erp wait event/erp.secretsyncerror --for=create --timeout=60s\n"
        "kubectl -n erp get event erp.secretsyncerror -o jsonpath='{.message}'"
    )
    done = run(tidy, script, timeout=90)
    assert done.exit == 0, done.stderr
    assert "is no plain name" in done.stdout
    assert tidy.dead() == ()
