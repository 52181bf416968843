"""A model of ArgoCD's self-heal: an Application sets back what somebody changed by hand.

Of a child Application it is the parent's `automated.selfHeal` that is set back, of a workload its
number of replicas. Suspended means: no `automated`, or no `selfHeal` in it.
"""

from typing import Any

from kubernetes import client
from lab import Kind, Object, connect, run


class ArgoCD:
    """The application controller."""

    def __init__(self) -> None:
        self.applications = Kind("argoproj.io", "v1alpha1", "applications")
        self.apps = client.AppsV1Api()

    def reconcile(self) -> None:
        """Compare every Application with what runs, and heal."""
        known = {each["metadata"]["name"]: each for each in self.applications.all()}
        for each in known.values():
            spec = each["spec"]["source"]["desired"]
            drift = self._drift(each, spec, known)
            if drift and self._heals(each):
                for heal in drift:
                    heal()
            synced = "OutOfSync" if drift and not self._heals(each) else "Synced"
            self.applications.report(each, {"sync": {"status": synced}})

    def _heals(self, each: Object) -> bool:
        policy = each["spec"].get("syncPolicy") or {}
        return bool((policy.get("automated") or {}).get("selfHeal"))

    def _drift(self, each: Object, spec: Object, known: dict[str, Object]) -> list[Any]:
        """Return one repair for each difference."""
        found: list[Any] = []
        for name in spec.get("applications", ()):
            child = known.get(name)
            if child and not self._heals(child):
                change = {"spec": {"syncPolicy": {"automated": {"selfHeal": True}}}}
                found.append(
                    lambda child=child, change=change: self.applications.patch(child, change)
                )
        namespace = each["spec"]["destination"]["namespace"]
        for name, replicas in (spec.get("deployments") or {}).items():
            scale = self.apps.read_namespaced_deployment_scale(name, namespace)
            if scale.spec.replicas != replicas:
                body = {"spec": {"replicas": replicas}}
                found.append(
                    lambda name=name, body=body: self.apps.patch_namespaced_deployment_scale(
                        name, namespace, body
                    )
                )
        return found


if __name__ == "__main__":
    connect()
    run(ArgoCD().reconcile)
