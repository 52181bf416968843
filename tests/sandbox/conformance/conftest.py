"""Each operation is made once, in order, whichever tests are asked for; each test asserts its own."""

import pytest
from support.kubernetes import reachable
from support.sandbox import ROOT, fresh

from kbtool.sandbox.profile import Kubernetes, load_profiles

PROFILES = [
    profile
    for profile in load_profiles(ROOT / "sandbox" / "profiles")
    if any(isinstance(part, Kubernetes) for part in profile.components.values())
]


@pytest.fixture(scope="session", params=PROFILES, ids=lambda profile: profile.name)
def cluster(request, programs, tmp_path_factory):
    """The administrator's kubeconfig in a sandbox of each profile that has Kubernetes."""
    folder = tmp_path_factory.mktemp("conformance")
    with fresh(request.param, folder) as sandbox, reachable(sandbox, folder) as config:
        yield config
