"""Files from a publisher: what is got the first time is what everybody gets, or nobody anything."""

import functools
import hashlib
import http.server
import json
import shutil
import threading
from dataclasses import replace

import pytest
from support.sandbox import ROOT, kbtool

from kbtool.errors import ConfigError, RequirementError
from kbtool.sandbox import assets, baking, downloads, image
from kbtool.sandbox.loader import load_profile
from kbtool.sandbox.needs import requirements

FILES = {"k3s-arm64": b"\x7fELF program\n", "k3s-airgap-images-arm64.tar.zst": b"images\n"}


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("KBTOOL_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def published(tmp_path):
    """A publisher's folder, with the list of checksums it makes."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    listed = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in FILES.items()]
    (folder / "sha256sum-arm64.txt").write_text("".join(listed) + "0123  odd line\n")
    return folder


@pytest.fixture
def part(published):
    """k3s as the profile has it, from a publisher on this machine's loopback."""
    handler = functools.partial(Quiet, directory=str(published))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = load_profile(ROOT / "sandbox" / "profiles", "vm").downloads
        yield replace(found, source=f"http://127.0.0.1:{server.server_port}", locked={})
        server.shutdown()


def yes(_names):
    return True


def nobody(_names):
    pytest.fail("nothing is missing")


def test_what_is_got_first_is_what_the_list_says_and_is_written_down_and_kept(part, tmp_path):
    asked = []
    found = downloads.acquire_files(part, lambda names: asked.extend(names) or True, print)
    assert asked == [f"{part.source}/{name}" for name in FILES]
    assert [(file.name, file.digest, file.fetched) for file in found] == [
        (name, digest(data), True) for name, data in FILES.items()
    ]
    assert [file.path.read_bytes() for file in found] == list(FILES.values())
    assert {path.name for file in found for path in file.path.parent.iterdir()} == set(FILES)
    lock = downloads.write_files_lock(tmp_path, "vm", found)
    assert lock == tmp_path / "vm.files.lock"
    assert downloads.write_files_lock(tmp_path, "vm", found) is None
    known = replace(part, locked={file.name: file.digest for file in found}, source="http://x/")
    again = downloads.acquire_files(known, nobody, print)
    assert [file.fetched for file in again] == [False, False]
    assert downloads.require(known) == {file.name: file.path for file in found}


def test_content_that_is_not_the_locked_one_is_refused_and_nothing_of_it_is_kept(part, published):
    locked = {name: digest(data) for name, data in FILES.items()}
    (published / "k3s-arm64").write_bytes(b"another\n")
    (published / "sha256sum-arm64.txt").unlink()  # with a lock nobody asks for it
    with pytest.raises(RequirementError, match=f"k3s-arm64 is {digest(b'another' + bytes([10]))}"):
        downloads.acquire_files(replace(part, locked=locked), yes, print)
    place = downloads.stored("k3s-arm64", locked["k3s-arm64"])
    assert list(place.parent.iterdir()) == []
    assert downloads.missing(replace(part, locked=locked)) == list(FILES)


def test_a_file_the_list_does_not_know_is_not_got(part, published):
    (published / "sha256sum-arm64.txt").write_text("nothing\n")
    with pytest.raises(RequirementError, match="knows no k3s-arm64"):
        downloads.acquire_files(part, yes, print)


def test_a_file_that_is_cut_short_or_cannot_be_had_is_told(part, published):
    (published / "k3s-arm64").write_bytes(FILES["k3s-arm64"][:-1])
    with pytest.raises(RequirementError, match="must be sha256:"):
        downloads.acquire_files(part, yes, print)
    (published / "k3s-arm64").unlink()
    with pytest.raises(RequirementError, match="k3s-arm64 cannot be had: HTTP Error 404"):
        downloads.acquire_files(part, yes, print)
    with pytest.raises(RequirementError, match="cannot be had"):
        downloads.acquire_files(replace(part, source="http://127.0.0.1:1"), yes, print)


def test_nobody_who_agrees_means_nothing_is_asked_of_the_publisher(part):
    with pytest.raises(RequirementError) as refused:
        downloads.acquire_files(replace(part, source="http://127.0.0.1:1"), lambda _: False, print)
    assert refused.value.message == f"not here: {', '.join(FILES)}"
    assert "--yes" in refused.value.hint
    with pytest.raises(RequirementError, match="not here: k3s-arm64"):
        downloads.require(part)


# ---------------------------------------------------------------------- the profile
@pytest.fixture
def project(tmp_path, part):
    """A project whose profile vm has that publisher."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "sandbox", root / "sandbox", ignore=shutil.ignore_patterns("*.lock"))
    profile = root / "sandbox" / "profiles" / "vm.toml"
    text = profile.read_text()
    real = load_profile(ROOT / "sandbox" / "profiles", "vm").downloads.source
    profile.write_text(text.replace(real, part.source))
    return root


def test_a_profile_says_of_each_file_and_image_how_to_get_it(project):
    folder = project / "sandbox" / "profiles"
    profile = load_profile(folder, "vm")
    wanted = [*(f"{name} of k3s v1.34.3+k3s1" for name in FILES)]
    wanted += [f"image {name} for linux/arm64" for name in profile.compositions[0].images.values()]
    rows = {what: (found, fix) for what, found, fix in requirements(profile)}
    for what in wanted:
        found, fix = rows[what]
        assert not found
        assert fix.startswith("kbtool sandbox assets --profile vm")
        assert "--only NAME" in fix
    files = downloads.acquire_files(profile.downloads, yes, print)
    downloads.write_files_lock(folder, "vm", files)
    locked = load_profile(folder, "vm")
    assert locked.digest != profile.digest
    rows = {what: found for what, found, _ in requirements(locked)}
    assert [bool(rows[what]) for what in wanted] == [True, True, False, False]
    assert not set(wanted) & {what for what, _, _ in requirements(locked.only("pi2"))}


@pytest.mark.skipif(image.lacking(*baking.PROGRAMS) != [], reason="guests cannot be made here")
def test_the_command_gets_the_files_and_writes_the_lock_and_names_what_it_cannot_get(
    project, tmp_path
):
    """Programs of the control plane and the guests' image are there already; Docker is not."""
    folder = project / "sandbox" / "profiles"
    made = image.store(load_profile(folder, "vm").guests["pi1"])
    made.mkdir(parents=True)
    for name in image.FILES:
        (made / name).write_text("{}")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in assets.PACKAGES:
        (programs / name).write_text("#!/bin/sh\necho v1.34.3\n")
        (programs / name).chmod(0o755)
    environment = {"KUBEBUILDER_ASSETS": str(programs), "PATH": "/nonexistent", "CI": ""}
    ask = functools.partial(kbtool, "sandbox", "assets", state=tmp_path, cwd=project)
    code, text = ask("--profile", "vm", env=environment)
    assert code == 2
    assert "not here: k3s-arm64" in text
    assert not (folder / "vm.files.lock").exists()
    code, text = ask("--profile", "vm", "--yes", env=environment)
    assert code == 2
    assert "no docker on the PATH" in text
    lock = (folder / "vm.files.lock").read_text()
    assert [f'"{name}" = "{digest(data)}"' in lock for name, data in FILES.items()] == [True, True]
    code, text = ask("--yes", env=environment)  # of all profiles: told, and in nobody's way
    assert code == 0, text
    assert "vm: files\n" in text
    assert "vm: no images: no docker on the PATH" in text


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('source = "https://', 'source = "http://', "source must begin with https://"),
        ('program = "k3s-arm64"', 'program = "../k3s"', "program must be the plain name of a file"),
        ('pi3 = "agent"', 'pi9 = "agent"', "pi9 is no guest with an address"),
        ('address = "192.0.2.3"', 'address = "192.0.2.2"', "addresses must differ"),
        (
            'address = "192.0.2.3"',
            'address = "192.168.1.3"',
            "addresses must differ, and be of one",
        ),
        (
            'address = "192.0.2.3"',
            'address = "192.0.2.300"',
            "addresses must differ, and be of one",
        ),
        ('guest = "pi2"', 'guest = "pi7"', "there is no guest 'pi7'"),
        ('gitea = "Gitea"', 'forge = "Gitea"', "programs must name what each"),
        ("halt pi1", "halt pi8", "names no node and no guest"),
        ("halt pi1", "kill kubernetes", "is on guests: halt one of these"),
    ],
)
def test_a_profile_with_a_fault_is_refused_with_the_reason(tmp_path, old, new, why):
    shutil.copytree(ROOT / "sandbox", tmp_path / "sandbox")
    profile = tmp_path / "sandbox" / "profiles" / "vm.toml"
    text = profile.read_text()
    assert old in text
    profile.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=why):
        load_profile(profile.parent, "vm")


def test_a_lock_that_is_none_is_refused(project):
    folder = project / "sandbox" / "profiles"
    (folder / "vm.files.lock").write_text('[files]\n"k3s-arm64" = "sha256:short"\n')
    with pytest.raises(
        ConfigError, match=r"vm\.files\.lock: k3s-arm64: 'sha256:short' is no digest"
    ):
        load_profile(folder, "vm")
    (folder / "vm.files.lock").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match=r"vm\.files\.lock cannot be read"):
        load_profile(folder, "vm")
