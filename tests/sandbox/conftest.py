import os
import socket
import threading

import pytest
from support.sandbox import ROOT, Listener, fresh

from kbtool.errors import RequirementError
from kbtool.sandbox import assets, baking, building, image
from kbtool.sandbox.loader import load_profile
from kbtool.sandbox.needs import programs_of


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/sandbox" in str(item.path):
            item.add_marker(pytest.mark.sandbox)
        if {"programs", "machine"} & set(getattr(item, "fixturenames", ())):
            # The first of these may build the programs, or the guests' image.
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def profile():
    return load_profile(ROOT / "sandbox" / "profiles", "embedded")


@pytest.fixture(scope="session")
def box(profile, tmp_path_factory):
    """One sandbox for all tests that leave it as it was."""
    with fresh(profile, tmp_path_factory.mktemp("box")) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def plane_profile():
    return load_profile(ROOT / "sandbox" / "profiles", "controlplane")


@pytest.fixture(scope="session")
def programs(plane_profile):
    """The folder of the control plane's programs, built where they are not: six minutes, once."""
    module = programs_of(plane_profile)
    if assets.find(module) is None:
        try:
            building.find_go(module)
        except RequirementError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no control plane, and {error.message} ({error.hint})")
        building.build(module, print)
    return assets.require(module).folder


@pytest.fixture(scope="session")
def controlplane(plane_profile, programs):
    """The profile, with everything it needs."""
    return plane_profile


@pytest.fixture(scope="module")
def plane(controlplane, tmp_path_factory):
    """One control plane for a module: starting it takes seconds."""
    with fresh(controlplane, tmp_path_factory.mktemp("plane")) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def machine():
    """The profile of one guest, its image made where it is not: four minutes, once."""
    profile = load_profile(ROOT / "sandbox" / "profiles", "vm/pi2")
    try:
        baking.bake(profile.guests["pi2"], print)
    except image.NoGuest as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no guests: {error.message} ({error.hint})")
    return profile


@pytest.fixture
def tidy(plane):
    """The shared control plane, as seeded again afterwards."""
    yield plane
    plane.reset()


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
