"""A part of the lab in the cluster, as the supervisor sees it by what the API says of its deployment."""

import asyncio
from types import SimpleNamespace

import pytest

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox.components import workload
from kbtool.sandbox.components.workload import WorkloadServer
from kbtool.sandbox.profile import Workload

PATH = "/apis/apps/v1/namespaces/vso/deployments/operator"
PODS = "/api/v1/namespaces/vso/pods"


class Cluster:
    """An API that knows one deployment, which becomes available at the third look."""

    name, running = "kubernetes", True

    def __init__(self, available_at=3, message=""):
        self.looks, self.available_at = 0, available_at
        self.uid, self.message = "one", message

    async def call(self, method, path):
        return self.ask(method, path)

    def ask(self, method, path):
        if path == PODS:
            state = {"waiting": {"reason": "ErrImageNeverPull", "message": self.message}}
            return {
                "items": [{"status": {}}, {"status": {"containerStatuses": [{"state": state}]}}]
            }
        assert (method, path) == ("GET", PATH)
        self.looks += 1
        there = {"availableReplicas": 1} if self.looks >= self.available_at else {}
        return {"metadata": {"uid": self.uid}, "status": there}


@pytest.fixture
def site(tmp_path):
    remembered = {}
    return SimpleNamespace(
        home=tmp_path,
        folder=lambda kind, name: tmp_path / kind / name,
        state=lambda: {"identity": remembered},
        remembered=remembered,
    )


def made(site, cluster, *, real=True):
    part = Workload("vso", {}, "vso", "operator", "0.10.0", real)
    return WorkloadServer(part, site, cluster)


def test_it_is_waited_for_and_follows_its_cluster(site, monkeypatch):
    monkeypatch.setattr(workload, "_LOOK_EVERY", 0.001)
    cluster = Cluster()
    server = made(site, cluster, real=False)
    asyncio.run(server.settle({}))
    assert cluster.looks == 3
    assert (server.version(), server.real, server.outside) == ("0.10.0", False, True)
    assert asyncio.run(server.state()) == "running"
    cluster.available_at = 99
    assert asyncio.run(server.state()) == "not available"
    cluster.running = False
    assert asyncio.run(server.state()) == "stopped"
    assert not server.died


def test_one_that_does_not_come_is_told_with_what_its_pods_wait_for(site, monkeypatch):
    monkeypatch.setattr(workload, "_WITHIN", 0.01)
    monkeypatch.setattr(workload, "_LOOK_EVERY", 0.001)
    server = made(site, Cluster(available_at=10**9, message="image is not present"))
    with pytest.raises(SandboxError, match=r"vso is not there after .*: image is not present"):
        asyncio.run(server.settle({}))
    server = made(site, Cluster(available_at=10**9))
    with pytest.raises(SandboxError, match="no pod says why"):
        asyncio.run(server.settle({}))


def test_another_deployment_of_its_name_is_refused(site):
    cluster = Cluster()
    server = made(site, cluster)
    site.remembered["vso"] = asyncio.run(server.identity())
    assert asyncio.run(server.identify()) == "its deployment's UID, in the proven cluster"
    cluster.uid = "two"
    with pytest.raises(BoundaryError, match="not the deployment this sandbox made"):
        asyncio.run(server.identify())
