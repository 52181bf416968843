"""What the models share: the official client, and a loop that looks at the world anew each time.

A model keeps nothing in memory between two looks. What it knows stands in the API and in files, so
that kubectl and a shell see it, and so that a model can be stopped at any moment.
"""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kubernetes import client, config
from urllib3.exceptions import HTTPError

PERIOD = 0.2
HOSTS = Path("/kb/hosts")
_KUBECONFIG = Path("/kb/kubeconfig")
_DATA = Path("/kb/data")
READY, PAUSE, PAUSED = (_DATA / name for name in ("ready", "pause", "paused"))
Object = dict[str, Any]
# What comes of an object or a file that is not as it should be: no reason to end.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


class Kind:
    """The objects of one custom resource."""

    def __init__(self, group: str, version: str, plural: str) -> None:
        self.where = (group, version, plural)
        self.api = client.CustomObjectsApi()

    def all(self) -> list[Object]:
        """Return all objects of all namespaces; none while the resource is not defined."""
        try:
            return self.api.list_cluster_custom_object(*self.where)["items"]
        except client.ApiException as error:
            if error.status == 404:
                return []
            raise

    def create(self, namespace: str, body: Object) -> Object:
        """Create an object; `apiVersion` and `kind` are filled in."""
        group, version, plural = self.where
        kind = plural[:-1].capitalize() if "kind" not in body else body["kind"]
        whole = {"apiVersion": f"{group}/{version}", "kind": kind, **body}
        return self.api.create_namespaced_custom_object(group, version, namespace, plural, whole)

    def patch(self, each: Object, change: Object) -> None:
        """Merge a change into an object, unless it is so already."""
        if not _holds(each, change):
            group, version, plural = self.where
            place = group, version, each["metadata"]["namespace"], plural, each["metadata"]["name"]
            self.api.patch_namespaced_custom_object(*place, change)

    def report(self, each: Object, status: Object) -> None:
        """Merge into an object's status, unless it is so already."""
        if not _holds(each, {"status": status}):
            group, version, plural = self.where
            place = group, version, each["metadata"]["namespace"], plural, each["metadata"]["name"]
            self.api.patch_namespaced_custom_object_status(*place, {"status": status})
            each.setdefault("status", {}).update(status)

    def delete(self, each: Object) -> None:
        """Delete an object that may be gone already."""
        group, version, plural = self.where
        place = group, version, each["metadata"]["namespace"], plural, each["metadata"]["name"]
        try:
            self.api.delete_namespaced_custom_object(*place)
        except client.ApiException as error:
            if error.status != 404:
                raise


def _holds(each: Any, change: Any) -> bool:
    if not isinstance(change, Mapping):
        return bool(each == change)
    if not isinstance(each, Mapping):
        return False
    return all(_holds(each.get(key), value) for key, value in change.items())


def connect() -> None:
    """Use the kubeconfig of the cell, in a pod its account; what is refused is not tried again."""
    settings = client.Configuration()
    if _KUBECONFIG.exists():
        config.load_kube_config(str(_KUBECONFIG), client_configuration=settings)
    else:
        config.load_incluster_config(client_configuration=settings)
    settings.retries = False
    client.Configuration.set_default(settings)


def said(error: Exception) -> str:
    """Return an error in a line that is the same each time it happens."""
    if isinstance(error, client.ApiException):
        return f"{error.status}: {str(error.body)[:1000]}"
    return f"{type(error).__name__}: {error}".strip()[:1000]


_told: dict[str, str] = {}


def tell(about: str, text: str) -> None:
    """Write to the log, unless that was the last said about it."""
    if text and _told.get(about) != text:
        sys.stderr.write(f"{about}: {text[:2000]}\n")
        sys.stderr.flush()
    _told[about] = text


def run(reconcile: Callable[[], None]) -> None:
    """Reconcile for ever; stand still while told to, and say so."""
    while True:
        if PAUSE.exists():
            PAUSED.touch()
            time.sleep(0.02)
            continue
        PAUSED.unlink(missing_ok=True)
        try:
            reconcile()
            tell("all", "")
            READY.touch()
        except (client.ApiException, HTTPError, OSError, *MALFORMED) as error:
            tell("all", said(error))
        time.sleep(PERIOD)
