import socket
import threading
from pathlib import Path

import pytest
from support.sandbox import ROOT, Listener, fresh

from kbtool.errors import RequirementError
from kbtool.sandbox import assets
from kbtool.sandbox.profile import load_profile


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/sandbox" in str(item.path):
            item.add_marker(pytest.mark.sandbox)


@pytest.fixture(scope="session")
def profile():
    return load_profile(ROOT / "sandbox" / "profiles", "embedded")


@pytest.fixture(scope="session")
def box(profile, tmp_path_factory):
    """One sandbox for all tests that leave it as it was."""
    with fresh(profile, tmp_path_factory.mktemp("box")) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def controlplane():
    """The profile; skipped where its programs are not built: `kbtool sandbox assets`."""
    found = load_profile(ROOT / "sandbox" / "profiles", "controlplane")
    try:
        assets.require(Path(found.components["kubernetes"].programs))
    except RequirementError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    return found


@pytest.fixture(scope="module")
def plane(controlplane, tmp_path_factory):
    """One control plane for a module: starting it takes seconds."""
    with fresh(controlplane, tmp_path_factory.mktemp("plane")) as sandbox:
        yield sandbox


@pytest.fixture
def listener():
    server = socket.create_server(("127.0.0.1", 0))
    found = Listener(server.getsockname()[1], server)
    threading.Thread(target=found.serve, daemon=True).start()
    yield found
    server.close()


@pytest.fixture
def canary(tmp_path):
    """A secret of the operator, closed to others as ~/.ssh is."""
    path = tmp_path / "ssh" / "id"
    path.parent.mkdir(mode=0o700)
    path.write_text("CANARY\n")
    return path
