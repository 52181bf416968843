"""Who attaches volumes for pods: a ticket for each pod that mounts one, given back when it is gone.

It is what Longhorn's CSI driver does. Where there is no driver, a persistent volume says by its
label which volume of Longhorn it is.
"""

from typing import Any

from kubernetes import client
from lab import Kind, Object

DRIVER = "driver.longhorn.io"
LABEL = "longhornvolume"


def handles(pod: Any, core: client.CoreV1Api) -> list[str]:
    """Return the Longhorn volumes a pod's claims are bound to."""
    found = []
    for volume in pod.spec.volumes or ():
        if volume.persistent_volume_claim:
            claim = core.read_namespaced_persistent_volume_claim(
                volume.persistent_volume_claim.claim_name, pod.metadata.namespace
            )
            if claim.spec.volume_name:
                found.append(_handle(core.read_persistent_volume(claim.spec.volume_name)))
    return [handle for handle in found if handle]


def _handle(bound: Any) -> str:
    if bound.spec.csi and bound.spec.csi.driver == DRIVER:
        return str(bound.spec.csi.volume_handle)
    return str((bound.metadata.labels or {}).get(LABEL, ""))


class Tickets:
    """The tickets of pods, among all that a volume may have."""

    def __init__(self, attachments: Kind) -> None:
        self.attachments = attachments

    def take(self, pod: Any, attachment: Object) -> None:
        """Take a ticket for a pod that is on a node."""
        name = pod.metadata.name
        ticket = {"id": name, "type": "csi-attacher", "nodeID": pod.spec.node_name}
        change = {"spec": {"attachmentTickets": {f"csi-{name}": ticket}}}
        self.attachments.patch(attachment, change)

    def give_back(self, attachments: dict[str, Object], pods: set[str]) -> None:
        """Give back the tickets of pods that are gone."""
        for attachment in attachments.values():
            for name in attachment["spec"].get("attachmentTickets") or {}:
                if name.startswith("csi-") and name.removeprefix("csi-") not in pods:
                    change = {"spec": {"attachmentTickets": {name: None}}}
                    self.attachments.patch(attachment, change)
