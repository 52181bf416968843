"""Where a guest's image is and what it takes: told before anything is started."""

import shutil
from dataclasses import replace

import pytest
from support.sandbox import ROOT, kbtool

from kbtool.sandbox import baking, image
from kbtool.sandbox.loader import load_profile
from kbtool.sandbox.needs import requirements


@pytest.fixture
def guest(tmp_path, monkeypatch):
    """The recipe of this project, with a store and an emulator of the test's own."""
    shutil.copytree(ROOT / "sandbox" / "guest", tmp_path / "guest")
    monkeypatch.setenv("KBTOOL_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(image, "emulator", lambda: "9.9")
    recipe = tmp_path / "guest" / "debian.toml"
    found = load_profile(ROOT / "sandbox" / "profiles", "vm").guests["pi2"]
    return replace(found, image=str(recipe), overlay=str(tmp_path / "guest" / "overlay"))


def test_what_is_missing_is_told_by_program_and_package(guest, monkeypatch):
    monkeypatch.setattr(image, "program", lambda name: "" if "qemu" in name else "/usr/bin/x")
    with pytest.raises(image.NoGuest) as refused:
        image.require(guest)
    assert refused.value.exit_code == 3
    assert refused.value.message == "guests need qemu-system-aarch64, qemu-img"
    assert "apt-get install qemu-system-arm qemu-utils" in refused.value.hint
    assert "a profile without guests needs none of it" in refused.value.hint
    with pytest.raises(image.NoGuest, match="qemu"):
        baking.bake(guest, print)


def test_an_image_that_was_not_made_or_is_not_whole_does_not_count(guest, monkeypatch):
    monkeypatch.setattr(image, "program", lambda name: f"/usr/bin/{name}")
    folder = image.store(guest)
    folder.mkdir(parents=True)
    for name in image.FILES[1:]:
        (folder / name).write_text("{}")
    assert image.find(guest) is None
    with pytest.raises(image.NoGuest, match="the image of guest pi2 is not here"):
        image.require(guest)
    (folder / image.FILES[0]).write_text("")
    assert image.require(guest).folder == folder


def test_the_recipe_its_files_and_the_emulator_name_the_image(guest, monkeypatch):
    seen = {image.store(guest)}
    (ROOT / guest.overlay / "etc" / "hostname").write_text("other\n")
    seen.add(image.store(guest))
    with (ROOT / guest.image).open("a") as recipe:
        recipe.write("# more\n")
    seen.add(image.store(guest))
    monkeypatch.setattr(image, "emulator", lambda: "10.0")
    seen.add(image.store(guest))
    assert len(seen) == 4


def test_a_profile_tells_what_it_takes_and_what_it_cannot_have(monkeypatch, tmp_path):
    monkeypatch.setenv("KBTOOL_STORE", str(tmp_path))
    whole = load_profile(ROOT / "sandbox" / "profiles", "vm")
    rows = {what: (found, fix) for what, found, fix in requirements(whole)}
    assert rows["image of pi2"] == ("", "kbtool sandbox assets")
    found, fix = rows["k3s-arm64 of k3s v1.34.3+k3s1"]
    assert not found
    assert "--only" in fix
    alone = {what for what, _, _ in requirements(whole.only("pi2"))}
    assert "image of pi1" not in alone
    assert not {what for what in alone if "k3s" in what or "postgres" in what}


def test_doctor_says_what_the_whole_lacks(tmp_path):
    empty = {"KBTOOL_STORE": str(tmp_path / "store")}
    code, text = kbtool("sandbox", "doctor", "--profile", "vm", state=tmp_path, env=empty)
    assert code == 3
    assert "k3s-arm64 of k3s v1.34.3+k3s1" in text
    assert "kbtool sandbox assets --profile vm" in text


def test_what_guests_share_is_told_once(monkeypatch, tmp_path):
    monkeypatch.setenv("KBTOOL_STORE", str(tmp_path))
    monkeypatch.setattr(image, "program", lambda _name: "")
    rows = requirements(load_profile(ROOT / "sandbox" / "profiles", "vm"))
    missing = [what for what, found, _ in rows if not found]
    assert image.EMULATOR in missing
    assert len(missing) == len(set(missing))
