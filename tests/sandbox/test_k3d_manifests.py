"""Everything profile `k3d` applies, on a real API server of the release k3s has; no pod runs there."""

import dataclasses
import json
import re

import pytest
from support.profiles import PROFILES
from support.sandbox import fresh, output, run

from kbtool.runbook.ports import K8sQuery
from kbtool.sandbox.components.cluster import gateway_of

PROFILE = PROFILES["k3d"]
CLUSTER = PROFILE.cluster
MANIFESTS = gateway_of(
    {
        **CLUSTER.manifests,
        **{f: t for w in PROFILE.workloads.values() for f, t in w.manifests.items()},
    },
    "198.19.0.1",
)
IMAGE = re.compile(r"^\s*(?:- )?image: (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def api(plane_profile, programs, tmp_path_factory):
    """The control plane of profile `controlplane`, with the manifests of `k3d` and nothing else."""
    part = dataclasses.replace(
        plane_profile.components["kubernetes"], manifests=MANIFESTS, users=CLUSTER.users
    )
    bare = {"secrets": {}, "seed": "", "seed_secrets": (), "faults": {}, "models": {}, "hosts": {}}
    profile = dataclasses.replace(
        plane_profile, components={"kubernetes": part}, digest="k3d-manifests", **bare
    )
    with fresh(profile, tmp_path_factory.mktemp("api")) as sandbox:
        yield sandbox


def test_the_api_takes_every_manifest_as_it_stands(api):
    """It came up: they were applied server-side, where unknown and mistyped fields are refused."""
    for workload in PROFILE.workloads.values():
        name = f"deployments.apps/{workload.deployment}"
        seen = api.observe(K8sQuery(name, workload.namespace), 20)
        assert seen.status == "value", seen
    listed = output(api, "kubectl get crd -o name | grep -c secrets.hashicorp.com")
    assert listed == "9"


def test_a_field_nobody_knows_is_refused(api):
    """The control of the test above: the very definition of the chart refuses what is not in it."""
    script = (
        "kubectl -n canary create --dry-run=server -f - <<'YAML'\n"
        "apiVersion: secrets.hashicorp.com/v1beta1\n"
        "kind: VaultDynamicSecret\n"
        "metadata: {name: canary, namespace: canary}\n"
        "spec: {mount: postgres, role: canary, destination: {name: canary-db}}\n"
        "YAML"
    )
    done = run(api, script, timeout=60)
    assert done.exit == 1
    assert 'unknown field "spec.role"' in done.stderr


def test_every_image_of_a_pod_is_one_the_cluster_is_given():
    wanted = {name for text in MANIFESTS.values() for name in IMAGE.findall(text)}
    assert wanted == {*CLUSTER.brought} - {"rancher/mirrored-pause:3.6", "canary:sandbox"}


POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: trial, namespace: canary}
spec:
  selector: {matchLabels: {app: trial}}
  template:
    metadata: {labels: {app: trial}}
    spec: {containers: [{name: trial, image: "canary:sandbox", securityContext: %s}], %s}
"""


def made(api, context="{}", more=""):
    """What becomes of the pod of a deployment that a step makes."""
    script = (
        f"kubectl apply -f - <<'YAML' >/dev/null\n{POD % (context, more)}YAML\n"
        "said='{.items[*].status.conditions[?(@.type==\"ReplicaFailure\")].message}'\n"
        "for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do\n"
        '  kubectl -n canary get pods -o name; kubectl -n canary get rs -o jsonpath="$said"\n'
        "  sleep 0.2\n"
        "done\n"
        "kubectl -n canary delete deployment trial >/dev/null"
    )
    return output(api, script)


@pytest.mark.parametrize(
    ("context", "more", "says"),
    [
        ("{capabilities: {add: [SYS_ADMIN]}}", "", "non-default capabilities"),
        ("{}", "hostPID: true", "host namespaces"),
        ("{}", "hostNetwork: true", "host namespaces"),
        ("{}", "volumes: [{name: root, hostPath: {path: /etc}}]", "hostPath volumes"),
    ],
)
def test_a_step_makes_no_pod_that_could_ask_for_the_node(api, context, more, says):
    """A privileged one neither; without --allow-privileged this API server does not get so far."""
    seen = made(api, context, more)
    assert "violates PodSecurity" in seen
    assert says in seen
    assert "pod/trial" not in seen


def test_a_step_makes_an_ordinary_pod(api):
    """The control of the test above."""
    assert "pod/trial-" in made(api)


@pytest.mark.parametrize(
    ("verb", "what", "where", "may"),
    [
        ("patch", "deployments/scale", "erp", "yes"),
        ("delete", "secrets", "canary", "yes"),
        ("create", "volumes.longhorn.io", "longhorn-system", "yes"),
        ("create", "deployments", "longhorn-system", "no"),
        ("create", "deployments", "kube-system", "no"),
        ("create", "deployments", "vso", "no"),
        ("create", "pods", "canary", "no"),
        ("create", "pods/exec", "erp", "no"),
        ("get", "nodes/proxy", "", "no"),
        ("patch", "namespaces", "canary", "no"),
        ("create", "persistentvolumes", "", "no"),
        ("get", "secrets", "kube-system", "no"),
        ("create", "serviceaccounts/token", "erp", "no"),
        ("create", "rolebindings", "canary", "no"),
        ("patch", "endpointslices", "outside", "no"),
        ("patch", "services", "outside", "no"),
    ],
)
def test_what_a_step_may_do(api, verb, what, where, may):
    resource, _, sub = what.partition("/")
    options = (f" --subresource={sub}" if sub else "") + (f" -n {where}" if where else "")
    done = run(api, f"kubectl auth can-i {verb} {resource}{options}", timeout=60)
    assert done.stdout.split() == [may], done


def test_the_way_out_leads_to_the_gateway_and_the_programs_are_told_it(api):
    seen = json.loads(output(api, "kubectl -n outside get services -o json"))
    addresses = {each["metadata"]["name"]: each["spec"]["clusterIP"] for each in seen["items"]}
    assert set(addresses) == set(CLUSTER.reach)
    connection = output(
        api, "kubectl -n vso get vaultconnections default -o jsonpath='{.spec.address}'"
    )
    assert connection == f"http://{addresses['vault']}:8200"
    host = "{.spec.template.spec.containers[0].env[0].value}"
    assert (
        output(api, f"kubectl -n erp get deploy erp -o jsonpath='{host}'") == addresses["postgres"]
    )
    slices = api.observe(K8sQuery("endpointslices.discovery.k8s.io/vault", "outside"), 20)
    assert "198.19.0.1" in json.dumps(slices.value)
