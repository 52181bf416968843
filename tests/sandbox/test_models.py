"""What each model of the lab does, seen as a person sees it: with kubectl, and in files of the hosts.

One control plane for all; it goes back to its seed before each test.
"""

import json
import time
from itertools import pairwise

import pytest
from support.sandbox import eventually, output, run

from kbtool.runbook.ports import SqlQuery

pytestmark = pytest.mark.slow
HOSTS = ("pi1", "pi2", "pi3")
REPLICAS = "/var/lib/longhorn/replicas"
LIVE_ROLES = SqlQuery("postgres", "SELECT count(*) FROM pg_roles WHERE rolvaliduntil > now()")
TRIAL = """
apiVersion: longhorn.io/v1beta2
kind: Volume
metadata: {name: trial, namespace: longhorn-system}
spec: {size: "1048576", numberOfReplicas: 3, frontend: blockdev}
"""


class Lab:
    """A control plane, asked in the words of its operator."""

    def __init__(self, plane):
        self.plane = plane

    def kubectl(self, *words, stdin=None):
        heredoc = f" <<'YAML'\n{stdin}\nYAML" if stdin else ""
        return output(self.plane, f"kubectl {' '.join(words)}{heredoc}")

    def get(self, what, path, namespace=None):
        """One value, "" where there is none."""
        place = f"-n {namespace}" if namespace else ""
        jsonpath = f"-o jsonpath='{{{path}}}'"
        return output(self.plane, f"kubectl get {place} {what} --ignore-not-found {jsonpath}")

    def on(self, host, script):
        return output(self.plane, script, on=host)

    # ------------------------------------------------------------------ Longhorn
    def volume(self, name="trial"):
        return self.get(
            f"volumes.longhorn.io {name}", ".status.state} {.status.robustness", "longhorn-system"
        )

    def engine(self, name="trial"):
        path = f'.items[?(@.spec.volumeName=="{name}")].spec.engineID'
        return self.get("engines.longhorn.io", path, "longhorn-system")

    def create(self):
        """A volume of its own, so that the ERP's pod stays out of it."""
        self.kubectl("apply", "-f", "-", stdin=TRIAL)
        eventually(self.volume, "detached unknown")
        return f"trial-{self.engine()}"

    def attach(self, node="pi2", name="trial"):
        ticket = f'{{"id":"t","type":"longhorn-api","nodeID":"{node}"}}' if node else "null"
        change = f'{{"spec":{{"attachmentTickets":{{"t":{ticket}}}}}}}'
        where = f"-n longhorn-system volumeattachments.longhorn.io {name}"
        self.kubectl("patch", where, "--type=merge", f"-p '{change}'")
        eventually(lambda: self.volume(name).split()[0], "attached" if node else "detached")

    def write(self, text, host="pi2", name="trial"):
        self.on(host, f"printf %s '{text}' | dd of=/dev/longhorn/{name} conv=notrunc status=none")

    def read(self, count, host="pi2", name="trial"):
        """The first bytes of the device, where it is a hole: nothing."""
        return self.on(host, f"head -c {count} /dev/longhorn/{name} | tr -d '\\0'")

    def lose(self, name="trial"):
        """Delete what Longhorn knows of the volume; what lies in the directories stays."""
        kinds = "engines.longhorn.io,replicas.longhorn.io,volumeattachments.longhorn.io"
        self.kubectl("-n longhorn-system delete volumes.longhorn.io", name)

        def left():
            self.kubectl("-n longhorn-system delete", kinds, f"-l longhornvolume={name}")
            return self.kubectl("-n longhorn-system get -o name", kinds)

        eventually(left, lambda found: f"/{name}" not in found)

    def directories(self, host="pi2", name="trial"):
        return self.on(host, f"cd {REPLICAS}; ls -d {name}-* 2>/dev/null || true").split()

    def holds(self, directory, host="pi2"):
        """Whether a directory's images have blocks on the disk."""
        return "data" in self.on(
            host,
            f"cd {REPLICAS}/{directory}; find . -name 'volume-*.img' -printf '%b\\n' | grep -qvx 0 && echo data || echo none",
        )

    def dirty(self, directory, host="pi2"):
        return json.loads(self.on(host, f"cat {REPLICAS}/{directory}/volume.meta"))["Dirty"]

    # ------------------------------------------------------------------ the others
    def ready(self, what="deploy/erp", namespace="erp"):
        return self.get(what, ".status.readyReplicas", namespace)

    def pod(self, path):
        return self.get("pods -l app=erp", f".items[0]{path}", "erp")

    def waiting(self):
        return self.pod(".status.containerStatuses[0].state.waiting.reason")

    def why(self):
        return self.pod(".status.containerStatuses[0].state.waiting.message")

    def said(self, field):
        """A field of the last event of the object."""
        about = (
            "events --field-selector involvedObject.name=erp,involvedObject.kind=VaultDynamicSecret"
        )
        return self.get(f"{about} --sort-by=.lastTimestamp", f".items[-1:].{field}", "erp")

    def lease(self):
        path = ".status.secretLease.id"
        return self.get("vaultdynamicsecrets.secrets.hashicorp.com erp", path, "erp")

    def user(self):
        return self.get("secret erp-db", ".data.username", "erp")

    def replicas(self):
        return self.get("deploy/erp", ".spec.replicas", "erp")

    def suspend(self, *applications):
        change = """-p '{"spec":{"syncPolicy":{"automated":{"selfHeal":false}}}}'"""
        for name in applications:
            self.kubectl("-n argocd patch applications.argoproj.io", name, "--type=merge", change)

    def scale(self, replicas):
        self.kubectl(f"-n erp scale deployment erp --replicas={replicas}")


@pytest.fixture
def lab(plane):
    plane.reset()
    return Lab(plane)


# ---------------------------------------------------------------------- Longhorn
def test_a_replica_is_a_directory_named_by_the_engine_id(lab):
    directory = lab.create()
    for host in HOSTS:
        assert lab.directories(host) == [directory]
        assert not lab.holds(directory, host)
        assert not lab.dirty(directory, host)
    path = '.items[?(@.spec.volumeName=="trial")].spec.dataDirectoryName'
    named = lab.get("replicas.longhorn.io", path, "longhorn-system")
    assert named.split() == [directory] * 3


def test_maintenance_attach_shows_the_device_and_what_is_written_reaches_every_replica(lab):
    directory = lab.create()
    lab.attach("pi2")
    assert lab.volume() == "attached healthy"
    assert lab.on("pi1", "ls /dev/longhorn") == ""
    lab.write("kept")
    for host in HOSTS:
        eventually(lambda host=host: lab.holds(directory, host), True)
        assert lab.dirty(directory, host)
    lab.attach(None)
    assert lab.volume() == "detached unknown"
    assert lab.on("pi2", "ls /dev/longhorn") == ""
    assert not lab.dirty(directory)
    lab.attach("pi1")
    assert lab.read(4, "pi1") == "kept"


def test_healthy_only_while_attached_and_degraded_when_a_node_is_lost(lab):
    lab.create()
    assert lab.volume() == "detached unknown"
    lab.attach()
    assert lab.volume() == "attached healthy"
    assert lab.plane.inject("node-lost").seen
    eventually(lab.volume, "attached degraded")
    lab.attach(None)
    assert lab.volume() == "detached unknown"


def test_what_was_captured_and_put_back_adopts_its_directory(lab):
    directory = lab.create()
    lab.attach()
    lab.write("kept")
    lab.attach(None)
    captured = lab.kubectl(
        "-n longhorn-system get -o json -l longhornvolume=trial engines.longhorn.io,replicas.longhorn.io"
    )
    lab.lose()
    items = json.loads(captured)["items"]
    for item in items:
        item["metadata"] = {k: item["metadata"][k] for k in ("name", "namespace", "labels")}
    assert len(items) == 4
    lab.kubectl(
        "apply -f -", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    )
    assert lab.create() == directory
    assert lab.directories() == [directory]
    lab.attach()
    assert lab.read(4) == "kept"


@pytest.fixture
def orphaned(lab):
    """The volume is lost while attached, and made anew: (lab, old directory, new directory)."""
    old = lab.create()
    lab.attach()
    lab.write("kept")
    eventually(lambda: lab.holds(old), True)
    lab.lose()
    assert lab.on("pi2", "ls /dev/longhorn | grep trial || true") == ""
    return lab, old, lab.create()


def test_new_resources_mean_a_new_engine_id_and_an_orphan_is_not_adopted(orphaned):
    lab, old, new = orphaned
    assert old != new
    for host in HOSTS:
        assert sorted(lab.directories(host)) == sorted([old, new])
        assert lab.dirty(old, host)
        assert not lab.holds(new, host)
    lab.attach()
    assert lab.read(4) == ""
    lab.attach(None)
    assert lab.holds(old)


def test_a_renamed_orphan_is_rebuilt_from_an_empty_replica_and_its_data_is_lost(orphaned):
    lab, old, new = orphaned
    lab.on("pi2", f"cd {REPLICAS}; rm -r {new}; mv {old} {new}")
    assert lab.holds(new)
    lab.attach()
    assert lab.volume() == "attached healthy"
    assert lab.read(4) == ""
    assert lab.directories() == [new]
    assert not lab.holds(new)


def test_written_into_the_device_of_a_fresh_volume_the_data_is_back(orphaned):
    lab, old, new = orphaned
    lab.attach()
    head = f"{REPLICAS}/{old}/volume-head-000.img"
    lab.on("pi2", f"dd if={head} of=/dev/longhorn/trial bs=1M conv=notrunc,fsync status=none")
    for host in HOSTS:
        eventually(lambda host=host: lab.holds(new, host), True)
    lab.attach(None)
    lab.attach("pi3")
    assert lab.read(4, "pi3") == "kept"


# ---------------------------------------------------------------------- VSO
def drop_secret(lab):
    lab.kubectl("-n erp delete secret erp-db")


def test_vso_fails_while_vault_is_sealed_and_says_so(lab):
    before = lab.user()
    assert lab.plane.inject("vault-sealed").seen
    drop_secret(lab)
    eventually(lambda: lab.said("reason"), "VaultClientConfigError")
    assert lab.said("type") == "Warning"
    assert "Vault is sealed" in lab.said("message")
    assert lab.user() == ""
    assert run(lab.plane, "bao operator unseal", 60, types=("UNSEAL_KEY",)).exit == 0
    eventually(lambda: lab.said("reason"), "SecretRotated")
    assert lab.user() not in ("", before)


def test_vso_believes_in_a_revoked_lease_until_the_secret_is_gone(lab):
    before, lease = lab.user(), lab.lease()
    assert lab.plane.inject("credentials-expired").seen
    time.sleep(2)
    assert (lab.user(), lab.lease()) == (before, lease)
    assert lab.plane.observe(LIVE_ROLES, 10).value == "0"
    drop_secret(lab)
    assert eventually(lab.user, lambda user: user not in ("", before))
    assert lab.plane.observe(LIVE_ROLES, 10).value == "1"


def test_vault_has_the_service_account_reviewed(lab):
    lab.kubectl("-n erp create serviceaccount other")
    change = """-p '{"spec":{"kubernetes":{"serviceAccount":"%s"}}}'"""
    auth = "-n erp patch vaultauths.secrets.hashicorp.com erp --type=merge"
    lab.kubectl(auth, change % "other")
    drop_secret(lab)
    eventually(lambda: lab.said("message"), lambda said: "not authorized" in said)
    lab.kubectl(auth, change % "nobody")
    eventually(lambda: lab.said("message"), lambda said: "service account nobody" in said)
    assert lab.user() == ""
    lab.kubectl(auth, change % "erp")
    eventually(lambda: lab.user() != "", True)
    login = "bao write auth/kubernetes/login role=erp jwt=ey.not.signed"
    assert run(lab.plane, login).exit != 0


# ---------------------------------------------------------------------- ERP
def test_the_erp_needs_credentials_that_work_and_is_tried_later_each_time(lab):
    assert lab.ready() == "1"
    change = """-p '{"stringData":{"password":"wrong"}}'"""
    lab.kubectl("-n erp patch secret erp-db --type=merge", change)
    eventually(lab.waiting, "CrashLoopBackOff")
    assert "refused the credentials" in lab.why()
    assert lab.ready() == ""
    gaps = restarts(lab, 5)
    assert gaps == sorted(gaps)
    assert gaps[-1] >= gaps[0] + 4
    drop_secret(lab)
    eventually(lab.ready, "1")
    assert lab.waiting() == ""


def restarts(lab, wanted):
    """The seconds between restarts, one after the other, by the pod's own clock."""
    counted, finished = "restartCount", "lastState.terminated.finishedAt"
    script = f"""
    last=
    until [ "$(echo "$last" | cut -d' ' -f1)" -ge {wanted} ] 2>/dev/null; do
      now=$(kubectl -n erp get pods -l app=erp -o jsonpath='{{.items[0].status.containerStatuses[0].{counted}}} {{.items[0].status.containerStatuses[0].{finished}}}')
      [ "$now" = "$last" ] || echo "$now"
      last=$now
    done
    """
    seen = dict(line.split() for line in output(lab.plane, script).splitlines() if " " in line)
    times = [_seconds(at) for _, at in sorted(seen.items())]
    return [later - earlier for earlier, later in pairwise(times)]


def _seconds(stamp):
    return time.mktime(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("printf X | dd of={device} bs=1 seek=3000 conv=notrunc", "damaged"),
        ("dd if=/dev/zero of={device} bs=64K count=1 conv=notrunc", "no company"),
        ("dd if=/dev/urandom of={device} bs=64K count=1 conv=notrunc", "cannot be read"),
    ],
)
def test_the_erp_needs_its_data_whole(lab, spoil, why):
    node = lab.pod(".spec.nodeName")
    lab.on(node, spoil.format(device="/dev/longhorn/erp-data") + " status=none")
    eventually(lab.waiting, "CrashLoopBackOff")
    eventually(lab.why, lambda said: why in said)
    assert lab.ready() == ""


def test_the_erp_waits_for_its_secret_and_for_its_volume(lab):
    lab.suspend("apps", "erp")
    lab.scale(0)
    eventually(lambda: lab.pod(".metadata.name"), "")
    assert lab.plane.inject("vault-sealed").seen
    drop_secret(lab)
    lab.scale(1)
    eventually(lab.why, "its Secret does not exist")
    assert lab.ready() == ""
    lab.scale(0)
    eventually(lambda: lab.volume("erp-data"), "detached unknown")
    lab.attach("pi1", "erp-data")
    lab.scale(1)
    eventually(lab.why, "erp-data is not attached here")


# ---------------------------------------------------------------------- ArgoCD
def test_self_heal_sets_back_until_it_is_suspended_and_the_parent_heals_the_child(lab):
    lab.scale(0)
    eventually(lab.replicas, "1")
    lab.suspend("erp")
    heals = ".spec.syncPolicy.automated.selfHeal"
    eventually(lambda: lab.get("applications.argoproj.io erp", heals, "argocd"), "true")
    lab.suspend("apps", "erp")
    lab.scale(0)
    state = ".status.sync.status"
    eventually(lambda: lab.get("applications.argoproj.io erp", state, "argocd"), "OutOfSync")
    time.sleep(2)
    assert lab.replicas() == "0"
    assert lab.get("applications.argoproj.io erp", heals, "argocd") == "false"


# ---------------------------------------------------------------------- the nodes
def test_other_pods_simply_run_and_end(lab):
    lab.kubectl("-n erp create deployment web --image=web:1 --replicas=2")
    eventually(lambda: lab.ready("deploy/web"), "2")
    phases = ".items[*].status.phase"
    assert lab.get("pods -l app=web", phases, "erp") == "Running Running"
    lab.kubectl("-n erp delete deployment web --cascade=foreground")
    eventually(lambda: lab.get("pods -l app=web", phases, "erp"), "")


def test_nodes_give_signs_of_life(lab):
    """Else the controller manager takes them for lost, and Longhorn their volumes with them."""
    ready = '.items[*].status.conditions[?(@.type=="Ready")]'
    before = lab.get("nodes", f"{ready}.lastHeartbeatTime")
    since = lab.get("nodes", f"{ready}.lastTransitionTime")
    eventually(lambda: lab.get("nodes", f"{ready}.lastHeartbeatTime"), lambda now: now != before)
    assert lab.get("nodes", f"{ready}.lastTransitionTime") == since
    assert lab.get("nodes", f"{ready}.status") == "True True True"


def test_a_model_is_stopped_at_any_moment_and_goes_on(lab):
    """What it knows stands in the API and in files: a reset in the middle of an attach loses nothing."""
    directory = lab.create()
    lab.kubectl(
        "-n longhorn-system patch volumeattachments.longhorn.io trial --type=merge",
        """-p '{"spec":{"attachmentTickets":{"t":{"id":"t","nodeID":"pi2"}}}}'""",
    )
    lab.plane.reset()
    assert lab.volume() == ""
    assert directory not in lab.directories()
    eventually(lab.ready, "1")
    assert lab.volume("erp-data") == "attached healthy"
