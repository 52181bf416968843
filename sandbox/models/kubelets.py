"""A model of the nodes: they report Ready, take pods, mount volumes, start what they know.

A pod whose image is known runs that image's stand-in (`erp.py`); any other pod simply runs. A pod
that mounts a Longhorn volume holds a ticket for it and waits until it is attached to its node. What
mounts a blank volume puts an empty file system on it, as a CSI driver does: that is what makes
starting an application before its data dangerous. A container that fails is started again, later
each time: CrashLoopBackOff.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import beneath
import erp
from beneath import plain
from kubernetes import client
from lab import HOSTS, MALFORMED, Kind, Object, connect, run
from tickets import Tickets, handles

LOST = "sandbox.kbtool/lost"  # a node with this label is down
HEARTBEAT = 5  # seconds; a node that says nothing for longer is taken for lost
BACK_OFF = (1, 2, 4, 8)  # seconds; a real kubelet takes 10 s to 5 min
PROGRAMS: dict[str, Callable[["Pod"], str]] = {"erp": erp.fault}


class Pod:
    """A pod on a node, and what its program may look at."""

    def __init__(self, pod: Any, core: client.CoreV1Api) -> None:
        self.pod = pod
        self.core = core
        self.name, self.namespace = pod.metadata.name, pod.metadata.namespace
        self.node = pod.spec.node_name

    def secret(self) -> dict[str, str] | None:
        """Return the pod's mounted Secret, None where it does not exist."""
        for volume in self.pod.spec.volumes or ():
            if volume.secret:
                try:
                    found = self.core.read_namespaced_secret(
                        volume.secret.secret_name, self.namespace
                    )
                except client.ApiException as error:
                    if error.status == 404:
                        return None
                    raise
                return dict(found.data or {})
        return {}

    def handles(self) -> list[str]:
        """Return the Longhorn volumes its claims are bound to."""
        return handles(self.pod, self.core)

    def device(self, handle: str) -> Any:
        """Return the file of a volume's device on this node."""
        return HOSTS / plain(self.node) / "dev/longhorn" / plain(handle)


class Kubelets:
    """All nodes at once."""

    def __init__(self) -> None:
        self.core = client.CoreV1Api()
        self.volumes = Kind("longhorn.io", "v1beta2", "volumes")
        self.attachments = Kind("longhorn.io", "v1beta2", "volumeattachments")
        self.tickets = Tickets(self.attachments)

    def reconcile(self) -> None:
        """Report the nodes, then look after every pod."""
        up = self._report_nodes()
        volumes = {each["metadata"]["name"]: each for each in self.volumes.all()}
        attachments = {each["metadata"]["name"]: each for each in self.attachments.all()}
        pods = list(self.core.list_pod_for_all_namespaces().items)
        self.tickets.give_back(attachments, {each.metadata.name for each in pods})
        for each in pods:
            try:
                self._turn_to(each, up, volumes, attachments)
            except (OSError, *MALFORMED) as error:
                self._say(each, "Pending", "ContainerCreating", str(error)[:200])

    def _turn_to(
        self, pod: Any, up: list[str], volumes: dict[str, Object], attachments: dict[str, Object]
    ) -> None:
        if pod.metadata.deletion_timestamp:
            self._end(pod)
        elif not pod.spec.node_name:
            self._bind(pod, up)
        elif pod.spec.node_name in up:
            self._look_after(Pod(pod, self.core), volumes, attachments)
        else:
            self._say(pod, "Unknown", "NodeLost", "")

    # ------------------------------------------------------------------ nodes
    def _report_nodes(self) -> list[str]:
        up = []
        for node in self.core.list_node().items:
            lost = LOST in (node.metadata.labels or {})
            wanted = "Unknown" if lost else "True"
            now = {c.type: c for c in (node.status.conditions or ())}.get("Ready")
            if now is None or now.status != wanted or (not lost and _silent(now)):
                reason = "NodeStatusUnknown" if lost else "KubeletReady"
                condition = {"type": "Ready", "status": wanted, "reason": reason}
                since = now.last_transition_time if now and now.status == wanted else None
                condition |= {"lastHeartbeatTime": _now(), "lastTransitionTime": since or _now()}
                body = {"status": {"conditions": [condition]}}
                self.core.patch_node_status(node.metadata.name, body)
            up += [] if lost else [node.metadata.name]
        return sorted(up)

    # ------------------------------------------------------------------ pods
    def _bind(self, pod: Any, up: list[str]) -> None:
        """Be the scheduler: the node a label prefers, else the last that is up."""
        if up:
            wanted = (pod.spec.node_selector or {}).get("kubernetes.io/hostname", up[-1])
            target = {
                "apiVersion": "v1",
                "kind": "Node",
                "name": wanted if wanted in up else up[-1],
            }
            body = {"metadata": {"name": pod.metadata.name}, "target": target}
            self.core.create_namespaced_pod_binding(
                pod.metadata.name, pod.metadata.namespace, body, _preload_content=False
            )

    def _end(self, pod: Any) -> None:
        try:
            self.core.delete_namespaced_pod(
                pod.metadata.name, pod.metadata.namespace, grace_period_seconds=0
            )
        except client.ApiException as error:
            if error.status != 404:
                raise

    def _look_after(
        self, pod: Pod, volumes: dict[str, Object], attachments: dict[str, Object]
    ) -> None:
        for handle in pod.handles():
            if handle in attachments:
                self.tickets.take(pod.pod, attachments[handle])
            status = volumes.get(handle, {}).get("status", {})
            where = status.get("currentNodeID") if status.get("state") == "attached" else None
            if where != pod.node or not beneath.exists(pod.device(handle)):
                self._say(pod.pod, "Pending", "ContainerCreating", f"{handle} is not attached here")
                return
            with beneath.open_file(pod.device(handle), "r+b") as volume:
                erp.mount(volume)
        if pod.secret() is None:
            self._say(pod.pod, "Pending", "ContainerCreating", "its Secret does not exist")
            return
        self._run(pod)

    def _run(self, pod: Pod) -> None:
        program = PROGRAMS.get(pod.pod.spec.containers[0].image.split(":")[0])
        restarts, waiting_since = _history(pod.pod)
        if waiting_since and time.time() < waiting_since + BACK_OFF[min(restarts, 4) - 1]:
            return
        fault = program(pod) if program else ""
        if fault:
            self._say(pod.pod, "Running", "CrashLoopBackOff", fault, restarts=restarts + 1)
        else:
            self._say(pod.pod, "Running", "", "", restarts=restarts)

    def _say(
        self, pod: Any, phase: str, reason: str, message: str, restarts: int | None = None
    ) -> None:
        """Report a pod's state, unless it is so already."""
        known = (pod.status.container_statuses or [None])[0]
        count = restarts if restarts is not None else (known.restart_count if known else 0)
        ready = phase == "Running" and not reason
        waits = known.state.waiting if known and known.state else None
        told = (waits.reason, waits.message) if waits else ("", "")
        same = told == (reason, message) and known and known.restart_count == count
        if same and pod.status.phase == phase:
            return
        state = (
            {"waiting": {"reason": reason, "message": message}}
            if reason
            else {"running": {"startedAt": _now()}}
        )
        last = {"terminated": {"exitCode": 1, "finishedAt": _now(), "message": message}}
        containers = [
            {
                "name": each.name,
                "image": each.image,
                "imageID": "",
                "ready": ready,
                "started": ready,
                "restartCount": count,
                "state": state,
                "lastState": last if reason == "CrashLoopBackOff" else {},
            }
            for each in pod.spec.containers
        ]
        flag = "True" if ready else "False"
        conditions = [
            {"type": kind, "status": flag, "lastTransitionTime": _now()}
            for kind in ("Initialized", "Ready", "ContainersReady")
        ]
        status = {"phase": phase, "conditions": conditions, "containerStatuses": containers}
        self.core.patch_namespaced_pod_status(
            pod.metadata.name, pod.metadata.namespace, {"status": status}
        )


def _history(pod: Any) -> tuple[int, float]:
    """Return how often the container was started again, and since when it waits (0: not)."""
    known = (pod.status.container_statuses or [None])[0]
    if known is None:
        return 0, 0.0
    last = known.last_state.terminated if known.last_state else None
    waits = bool(known.state and known.state.waiting and known.restart_count)
    return known.restart_count, last.finished_at.timestamp() if waits and last else 0.0


def _silent(ready: Any) -> bool:
    """Return whether a node's last sign of life is due to be followed by another."""
    last = ready.last_heartbeat_time
    return not last or abs(time.time() - last.timestamp()) > HEARTBEAT


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    connect()
    run(Kubelets().reconcile)
