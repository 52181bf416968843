"""Each operation is made once, in order, whichever tests are asked for; each test asserts its own."""

import pytest
from support.kubernetes import reachable
from support.profiles import PROFILES, lacks
from support.sandbox import fresh

from kbtool.sandbox.profile import Kubernetes

CLUSTERS = [
    profile
    for profile in PROFILES.values()
    if any(isinstance(part, Kubernetes) for part in profile.components.values())
]


@pytest.fixture(scope="session", params=CLUSTERS, ids=lambda profile: profile.name)
def cluster(request, programs, tmp_path_factory):
    """The administrator's kubeconfig in a sandbox of each profile that has Kubernetes."""
    if missing := lacks(request.param):
        pytest.skip(f"profile {request.param.name} cannot start here: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("conformance")
    with fresh(request.param, folder) as sandbox, reachable(sandbox, folder) as config:
        yield config
