"""What programs do with the official Python client works on every profile that has Kubernetes."""

import copy
import json
import threading
import time
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config, dynamic, watch

# The client reads the headers of a refusal in a way that urllib3 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheaders:DeprecationWarning")

GROUP = ("conformance.example", "v1")
SPACE = "conformance-client"
DISKS = (*GROUP, SPACE, "disks")
MANIFESTS = Path(__file__).parent / "manifests"


def manifest(name):
    return yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())


class Client:
    """The typed and the untyped client, of one administrator."""

    def __init__(self, path):
        settings = client.Configuration()
        config.load_kube_config(str(path), client_configuration=settings)
        self.plain = client.ApiClient(settings)
        self.core = client.CoreV1Api(self.plain)
        self.apps = client.AppsV1Api(self.plain)
        self.custom = client.CustomObjectsApi(self.plain)
        self.definitions = client.ApiextensionsV1Api(self.plain)
        self.dynamic = dynamic.DynamicClient(self.plain)

    def disk(self):
        return self.custom.get_namespaced_custom_object(*DISKS, "one")

    def close(self):
        self.plain.close()


@pytest.fixture(scope="module")
def api(cluster):
    """A namespace, a definition, an object and a deployment, and who made them."""
    made = Client(cluster)
    made.core.create_namespace({"metadata": {"name": SPACE}})
    made.definitions.create_custom_resource_definition(manifest("definition"))
    _established(made)
    made.custom.create_namespaced_custom_object(*DISKS, manifest("disk"))
    made.apps.create_namespaced_deployment(SPACE, manifest("deployment"))
    yield made
    made.definitions.delete_custom_resource_definition("disks.conformance.example")
    made.core.delete_namespace(SPACE)
    _gone(made.definitions.read_custom_resource_definition, "disks.conformance.example")
    _gone(made.core.read_namespace, SPACE)
    made.close()


def _established(made):
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        found = made.definitions.read_custom_resource_definition("disks.conformance.example")
        if any(
            c.type == "Established" and c.status == "True" for c in found.status.conditions or ()
        ):
            return
        time.sleep(0.1)
    raise AssertionError("the definition was not established")


def _gone(read, *place):
    """Wait until nothing is there any more: what is deleted is tidied up first."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        try:
            read(*place)
        except client.ApiException as error:
            if error.status != 404:
                raise
            return
        time.sleep(0.2)
    raise AssertionError(f"{place} is still there")


def test_a_created_namespace_has_a_uid(api):
    assert len(api.core.read_namespace(SPACE).metadata.uid) == 36


def test_lists_are_typed(api):
    found = [each for each in api.core.list_namespace().items if each.metadata.name == SPACE]
    assert [type(each) for each in found] == [client.V1Namespace]
    assert found[0].status.phase == "Active"


def test_a_definition_is_read_back_typed(api):
    found = api.definitions.read_custom_resource_definition("disks.conformance.example")
    assert found.spec.names.short_names == ["dk"]


def test_a_custom_object_has_a_version(api):
    assert int(api.disk()["metadata"]["resourceVersion"]) > 0


@pytest.mark.parametrize(("selector", "count"), [("app=shop", 1), ("app=other", 0)])
def test_labels_select_custom_objects(api, selector, count):
    found = api.custom.list_namespaced_custom_object(*DISKS, label_selector=selector)
    assert len(found["items"]) == count


def test_all_namespaces_are_listed_at_once(api):
    found = api.custom.list_cluster_custom_object(*GROUP, "disks")["items"]
    assert [each["metadata"]["name"] for each in found] == ["one"]


def test_a_merge_patch_keeps_the_rest(api):
    change = {"spec": {"engine": "e"}}
    spec = api.custom.patch_namespaced_custom_object(*DISKS, "one", change)["spec"]
    assert (spec["engine"], spec["copies"]) == ("e", 2)


def test_a_status_is_a_resource_of_its_own(api):
    change = {"status": {"state": "attached"}, "spec": {"engine": "never"}}
    patched = api.custom.patch_namespaced_custom_object_status(*DISKS, "one", change)
    assert patched["status"]["state"] == "attached"
    assert patched["spec"].get("engine") != "never"


def test_a_stale_version_is_a_conflict(api):
    old = api.disk()
    new = copy.deepcopy(old)
    new["spec"]["size"] = "2"
    api.custom.replace_namespaced_custom_object(*DISKS, "one", new)
    with pytest.raises(client.ApiException) as caught:
        api.custom.replace_namespaced_custom_object(*DISKS, "one", old)
    assert caught.value.status == 409
    assert json.loads(caught.value.body)["reason"] == "Conflict"


def test_the_schema_refuses(api):
    body = manifest("disk-malformed")
    with pytest.raises(client.ApiException) as caught:
        api.custom.create_namespaced_custom_object(*DISKS, body)
    assert caught.value.status == 422


def test_a_watch_sees_a_change_of_a_custom_object(api):
    change = {"metadata": {"labels": {"seen": "true"}}}
    call = api.custom.patch_namespaced_custom_object
    later = threading.Timer(1.0, call, [*DISKS, "one", change])
    later.start()
    seen = []
    stream = watch.Watch().stream(
        api.custom.list_namespaced_custom_object, *DISKS, timeout_seconds=20
    )
    for event in stream:
        seen.append((event["type"], event["object"]["metadata"].get("labels", {}).get("seen")))
        if event["type"] == "MODIFIED":
            break
    later.join()
    assert seen[-1] == ("MODIFIED", "true")


def test_a_watch_is_typed(api):
    for event in watch.Watch().stream(api.core.list_namespace, timeout_seconds=20):
        assert isinstance(event["object"], client.V1Namespace)
        break
    else:
        raise AssertionError("nothing was seen")


def test_a_strategic_patch_merges_containers(api):
    image = {"containers": [{"name": "shop", "image": "shop:18"}]}
    body = {"spec": {"template": {"spec": image}}}
    patched = api.apps.patch_namespaced_deployment("shop", SPACE, body)
    images = [each.image for each in patched.spec.template.spec.containers]
    assert images == ["shop:18", "side:1"]


def test_a_scale_is_patched_and_takes_effect(api):
    body = {"spec": {"replicas": 3}}
    assert api.apps.patch_namespaced_deployment_scale("shop", SPACE, body).spec.replicas == 3
    assert api.apps.read_namespaced_deployment("shop", SPACE).spec.replicas == 3


def test_controllers_make_replicas(api):
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        pods = api.core.list_namespaced_pod(SPACE, label_selector="app=shop").items
        if len(pods) == 3:
            owners = {pod.metadata.owner_references[0].kind for pod in pods}
            assert owners == {"ReplicaSet"}
            return
        time.sleep(0.2)
    raise AssertionError("no pods")


def test_text_in_a_secret_is_encoded(api):
    body = {"metadata": {"name": "token"}, "stringData": {"a": "b"}}
    assert api.core.create_namespaced_secret(SPACE, body).data == {"a": "Yg=="}


def test_a_token_of_an_account_is_issued(api):
    limit = time.monotonic() + 30
    while True:
        try:
            answer = api.core.create_namespaced_service_account_token(
                "default", SPACE, {"spec": {"expirationSeconds": 600}}
            )
            break
        except client.ApiException as error:  # its account is made by a controller
            if error.status != 404 or time.monotonic() > limit:
                raise
            time.sleep(0.2)
    assert answer.status.token.count(".") == 2


def test_the_dynamic_client_finds_the_definition(api):
    disks = api.dynamic.resources.get(api_version="conformance.example/v1", kind="Disk")
    assert [each.metadata.name for each in disks.get(namespace=SPACE).items] == ["one"]


def test_server_side_apply_names_its_manager(api):
    maps = api.dynamic.resources.get(api_version="v1", kind="ConfigMap")
    metadata = {"name": "applied", "namespace": SPACE}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"x": "1"}}
    applied = maps.server_side_apply(body, namespace=SPACE, field_manager="conformance")
    assert [each.manager for each in applied.metadata.managedFields] == ["conformance"]


def test_what_is_not_there_says_so(api):
    with pytest.raises(client.ApiException) as caught:
        api.core.read_namespaced_secret("none", SPACE)
    assert caught.value.status == 404
    assert json.loads(caught.value.body)["reason"] == "NotFound"


def test_a_deleted_object_is_gone(api):
    body = manifest("disk")
    body["metadata"]["name"] = "two"
    api.custom.create_namespaced_custom_object(*DISKS, body)
    api.custom.delete_namespaced_custom_object(*DISKS, "two")
    with pytest.raises(client.ApiException) as caught:
        api.custom.get_namespaced_custom_object(*DISKS, "two")
    assert caught.value.status == 404


def test_a_deleted_definition_takes_its_objects_along(api):
    body = manifest("definition")
    body["metadata"]["name"] = "cups.conformance.example"
    names = {"kind": "Cup", "listKind": "CupList", "plural": "cups", "singular": "cup"}
    body["spec"]["names"] = names
    api.definitions.create_custom_resource_definition(body)
    api.definitions.delete_custom_resource_definition("cups.conformance.example")
    _gone(api.custom.list_cluster_custom_object, *GROUP, "cups")
