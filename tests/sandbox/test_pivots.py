"""The control plane as a deputy: what a step, or whoever broke out of its rights, has it call.

Attacks 1 to 6 of the boundary's suite. Three locks, each tried by itself: the rights of steps, the
egress selector, the cell. The control is the same API server with the same keys and objects in a
network namespace of its own, without any of them: there every attack arrives.
"""

import json

import pytest
from support.arena import PORT, PRODUCTION
from support.kubernetes import administrator, outside, soon
from support.sandbox import run

NAMESPACE = "/api/v1/namespaces/pivot"
POD = {"containers": [{"name": "x", "image": "x"}], "automountServiceAccountToken": False}
CONFIGMAP = "/api/v1/namespaces/pivot/configmaps"
EXTENSIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
AGGREGATION = "/apis/apiregistration.k8s.io/v1/apiservices"
HOOK = {"url": f"https://{PRODUCTION}:{PORT}/hook"}


def _namespace(api):
    api.make("/api/v1/namespaces", {"metadata": {"name": "pivot"}})
    api.make(f"{NAMESPACE}/serviceaccounts", {"metadata": {"name": "default"}})


def _node(api):
    """A node whose kubelet is said to be production."""
    api.make("/api/v1/nodes", {"metadata": {"name": "anode"}})
    status = {
        "addresses": [{"type": "InternalIP", "address": PRODUCTION}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
    }
    api.merge("/api/v1/nodes/anode/status", {"status": status})


def _pod(api, name, **spec):
    _namespace(api)
    api.make(f"{NAMESPACE}/pods", {"metadata": {"name": name}, "spec": {**POD, **spec}})


def node_proxy(api):
    _node(api)
    return api.ask("GET", "/api/v1/nodes/anode/proxy/metrics")


def _elsewhere(api):
    """A pod whose address is said to be production's."""
    _pod(api, "proxied", nodeName="pi1")
    address = {"podIP": PRODUCTION, "podIPs": [{"ip": PRODUCTION}]}
    api.merge(f"{NAMESPACE}/pods/proxied/status", {"status": address})


def pod_proxy(api):
    _elsewhere(api)
    return api.ask("GET", f"{NAMESPACE}/pods/https:proxied:{PORT}/proxy/")


def service_proxy(api):
    _elsewhere(api)
    port = {"name": "p", "port": PORT}
    api.make(f"{NAMESPACE}/services", {"metadata": {"name": "bare"}, "spec": {"ports": [port]}})
    _endpoints(api, "bare")
    return _answer(api, "GET", f"{NAMESPACE}/services/https:bare:p/proxy/", "no endpoints")


def _answer(api, method, path, early, body=None):
    """Return an answer that is not of a server which has not yet seen what was just made."""
    answers = []

    def asked():
        answers.append(api.ask(method, path, body))
        return early not in answers[-1][1]

    soon(asked, 30)
    return answers[-1]


def _endpoints(api, name):
    pod = {"kind": "Pod", "namespace": "pivot", "name": "proxied"}
    subset = {
        "addresses": [{"ip": PRODUCTION, "targetRef": pod}],
        "ports": [{"name": "p", "port": PORT}],
    }
    api.make(f"{NAMESPACE}/endpoints", {"metadata": {"name": name}, "subsets": [subset]})
    piece = {
        "metadata": {"name": f"{name}-x", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [PRODUCTION], "conditions": {"ready": True}}],
        "ports": [{"name": "p", "port": PORT}],
    }
    api.make("/apis/discovery.k8s.io/v1/namespaces/pivot/endpointslices", piece)


def pod_log(api):
    _node(api)
    _pod(api, "logged", nodeName="anode")
    return api.ask("GET", f"{NAMESPACE}/pods/logged/log")


def _upgraded(api, what):
    _node(api)
    _pod(api, "entered", nodeName="anode")
    headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    headers |= {"X-Stream-Protocol-Version": "v4.channel.k8s.io"}
    return api.ask("POST", f"{NAMESPACE}/pods/entered/{what}", headers=headers)


def pod_exec(api):
    return _upgraded(api, "exec?command=id&stdout=1")


def pod_attach(api):
    return _upgraded(api, "attach?stdout=1")


def port_forward(api):
    return _upgraded(api, "portforward")


def admission_webhook(api):
    _namespace(api)
    hook = {
        "name": "hook.pivot.example",
        "clientConfig": HOOK,
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["configmaps"],
            }
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "pivot"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
        "failurePolicy": "Fail",
    }
    body = {"metadata": {"name": "pivot"}, "webhooks": [hook]}
    api.make(f"{REGISTRATION}/validatingwebhookconfigurations", body)
    return _answer(
        api, "POST", CONFIGMAP, '"kind":"ConfigMap"', {"metadata": {"generateName": "x-"}}
    )


def conversion_webhook(api):
    _namespace(api)
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [
        {"name": name, "served": True, "storage": name == "v1", "schema": schema}
        for name in ("v1", "v2")
    ]
    webhook = {"clientConfig": HOOK, "conversionReviewVersions": ["v1"]}
    spec = {
        "group": "pivot.example",
        "scope": "Namespaced",
        "names": {"plural": "turns", "kind": "Turn"},
        "versions": versions,
        "conversion": {"strategy": "Webhook", "webhook": webhook},
    }
    api.make(EXTENSIONS, {"metadata": {"name": "turns.pivot.example"}, "spec": spec})
    turns = "/apis/pivot.example/{}/namespaces/pivot/turns"
    body = {"apiVersion": "pivot.example/v1", "kind": "Turn", "metadata": {"name": "one"}}
    soon(lambda: api.ask("POST", turns.format("v1"), body)[0] in (201, 409), 30)
    return api.ask("GET", turns.format("v2"))


def external_api(api):
    """An API service behind a name that is an address."""
    _namespace(api)
    spec = {"type": "ExternalName", "externalName": PRODUCTION}
    api.make(f"{NAMESPACE}/services", {"metadata": {"name": "external"}, "spec": spec})
    return _aggregated(api, "external")


def service_on_a_lan(api):
    """The range of services widened to production's network, and an API service there."""
    _namespace(api)
    cidrs = "/apis/networking.k8s.io/v1/servicecidrs"
    api.make(cidrs, {"metadata": {"name": "lan"}, "spec": {"cidrs": ["192.0.2.0/28"]}})
    ready = {"type": "Ready", "status": "True", "reason": "x", "message": ""}
    condition = {**ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    api.merge(f"{cidrs}/lan/status", {"status": {"conditions": [condition]}})
    ports = [{"name": "p", "port": PORT}]
    spec = {"clusterIP": PRODUCTION, "ports": ports}
    body = {"metadata": {"name": "onthelan"}, "spec": spec}

    def made():
        return api.ask("POST", f"{NAMESPACE}/services", body)[0] in (201, 409)

    soon(made, 30)
    _endpoints(api, "onthelan")
    return _aggregated(api, "onthelan")


def _aggregated(api, service):
    spec = {
        "group": f"{service}.pivot.example",
        "version": "v1",
        "service": {"name": service, "namespace": "pivot", "port": PORT},
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    name = f"v1.{service}.pivot.example"
    api.make(AGGREGATION, {"metadata": {"name": name}, "spec": spec})
    seen = []

    def tried():
        conditions = api.read(f"{AGGREGATION}/{name}").get("status", {}).get("conditions", [])
        seen[:] = [each["message"] for each in conditions if PRODUCTION in each["message"]]
        return bool(seen)

    soon(tried, 60)
    return 503, seen[0]


ATTACKS = (
    node_proxy,
    pod_proxy,
    service_proxy,
    pod_log,
    pod_exec,
    pod_attach,
    port_forward,
    admission_webhook,
    conversion_webhook,
    external_api,
    service_on_a_lan,
)


# ---------------------------------------------------------------------- the rights of steps
ATTEMPTS = {
    "nodes/proxy": "kubectl get --raw /api/v1/nodes/pi1/proxy/metrics",
    "pods/proxy": "kubectl get --raw /api/v1/namespaces/erp/pods/https:x:8443/proxy/",
    "services/proxy": "kubectl get --raw /api/v1/namespaces/erp/services/https:x:8443/proxy/",
    "pods/log": "kubectl -n erp logs deploy/erp",
    "pods/exec": "kubectl -n erp exec deploy/erp -- id",
    "pods/attach": "kubectl -n erp attach deploy/erp",
    "pods/portforward": "kubectl -n erp port-forward deploy/erp 9:9",
    "nodes/status": "kubectl patch node pi1 --subresource=status -p '{}'",
    "nodes": "kubectl label node pi1 a=b",
    "pods/status": (
        "kubectl -n erp patch $(kubectl -n erp get pods -o name | head -1) --subresource=status -p "
        """'{"status":{"podIP":"127.0.0.1"}}'"""
    ),
    "webhooks": "kubectl create -f - <<< '{}'",
    "definitions": "kubectl create -f - <<< '{}'",
    "services of the API": "kubectl create -f - <<< '{}'",
    "ranges of services": "kubectl create -f - <<< '{}'",
    "endpoints": "kubectl create -f - <<< '{}'",
    "endpoint slices": "kubectl create -f - <<< '{}'",
    "tokens": "kubectl -n erp create token erp",
    "roles": "kubectl create clusterrolebinding x --clusterrole=cluster-admin --user=operator",
    "impersonation": "kubectl get pods --as=kbtool-admin",
    "signing": "kubectl certificate approve x",
    "volumes": "kubectl patch pv erp-data -p '{}'",
    "namespaces": "kubectl create namespace x",
    "status of a model's object": (
        "kubectl -n erp patch vaultdynamicsecret erp --subresource=status --type=merge -p '{\"status\":{}}'"
    ),
}
BODIES = {
    "webhooks": {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "x"},
    },
    "definitions": {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x.y"},
    },
    "services of the API": {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.x"},
    },
    "ranges of services": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "x"},
    },
    "endpoints": {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "x", "namespace": "erp"},
    },
    "endpoint slices": {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "endpoints": [],
        "metadata": {"name": "x", "namespace": "erp"},
    },
}


@pytest.mark.parametrize("what", ATTEMPTS)
def test_a_step_has_no_right_to(plane, what):
    script = ATTEMPTS[what]
    if what in BODIES:
        script = script.replace("create", "create --validate=false").replace(
            "{}", json.dumps(BODIES[what])
        )
    done = run(plane, script, timeout=60)
    assert done.exit != 0
    assert "orbidden" in done.stderr, done.stderr
    assert "cannot" in done.stderr


def test_steps_can_do_what_runbooks_need(plane):
    """The control of the above: the same client, the same user, allowed things."""
    done = run(
        plane, "kubectl auth can-i patch deployments/scale -n erp; kubectl get nodes -o name"
    )
    assert done.exit == 0, done.stderr
    assert done.stdout.split() == ["yes", "node/pi1", "node/pi2", "node/pi3"]


def test_no_right_of_steps_has_a_star(plane):
    """What a later version of Kubernetes adds is not given to steps by a pattern."""
    roles = administrator(plane).read("/apis/rbac.authorization.k8s.io/v1/clusterroles/operator")[
        "rules"
    ]
    for rule in roles:
        named = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not [name for name in named if "*" in name], rule
        assert not {"impersonate", "bind", "escalate", "approve", "sign"} & set(rule["verbs"])


# ---------------------------------------------------------------------- the control, and each lock
@pytest.mark.parametrize(
    ("locks", "words"),
    [("", ""), ("egress", "nowhere.sock"), ("cell", "network is unreachable")],
    ids=["no lock", "egress selector alone", "cell alone"],
)
def test_an_api_server_without_its_locks_calls_production(plane, programs, locks, words):
    """Without a lock every attack arrives; with one of the two, none does, and the server says why."""
    with outside(plane, programs, locks) as server:
        for attack in ATTACKS:
            before = server.reached()
            status, text = attack(server.api)
            if locks:
                assert status >= 400, (attack.__name__, text)
                assert words in text, (attack.__name__, text)
                assert server.reached() == 0, attack.__name__
            else:
                assert server.reached() > before, (attack.__name__, status, text)


@pytest.fixture(scope="module")
def attacked(plane):
    """The sandbox, administered by the attacker; as seeded again afterwards."""
    yield administrator(plane)
    plane.reset()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_administrator_makes_the_sandbox_call_nobody(attacked, attack):
    """As if the rights of steps had fallen: the attempt is made, and ends at the egress selector."""
    status, text = attack(attacked)
    assert status >= 400
    assert "nowhere.sock" in text


def test_the_cells_of_the_control_plane_have_no_way_out(plane):
    """The other lock, where it stands: nothing but a loopback interface in any cell."""
    layers = {layer.name: layer for layer in plane.describe().layers}
    assert all(layer.held for layer in layers.values()), layers
