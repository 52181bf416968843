"""A model of what Longhorn's CSI driver does, for pods of real nodes: it attaches their volumes.

The volume's device is a file on the node, which a persistent volume mounts as such. The kubelet
waits for it, as it waits for a driver.
"""

from typing import Any

from kubernetes import client
from lab import MALFORMED, Kind, connect, run, said, tell
from tickets import Tickets, handles


class Attacher:
    """Looks at every pod that has a node."""

    def __init__(self) -> None:
        self.core = client.CoreV1Api()
        self.attachments = Kind("longhorn.io", "v1beta2", "volumeattachments")
        self.tickets = Tickets(self.attachments)

    def reconcile(self) -> None:
        """Take a ticket for each pod that mounts a volume; give back those of pods that ended."""
        attachments = {each["metadata"]["name"]: each for each in self.attachments.all()}
        pods = [pod for pod in self.core.list_pod_for_all_namespaces().items if _lives(pod)]
        self.tickets.give_back(attachments, {pod.metadata.name for pod in pods})
        for pod in pods:
            try:
                for handle in handles(pod, self.core):
                    if handle in attachments:
                        self.tickets.take(pod, attachments[handle])
            except (client.ApiException, OSError, *MALFORMED) as error:
                tell(pod.metadata.name, said(error))


def _lives(pod: Any) -> bool:
    return bool(pod.spec.node_name) and pod.status.phase not in ("Succeeded", "Failed")


if __name__ == "__main__":
    connect()
    run(Attacher().reconcile)
