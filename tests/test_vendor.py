"""Vendored files are what their makers published, they ship, and they can be brought anew."""

import base64
import hashlib
import io
import os
import runpy
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest

from kbtool.vendor import FOLDER, packages, vendored, version

ROOT = FOLDER.parents[1]
FILES = [(name, path, digest) for name, entry in packages().items() for path, digest in entry["files"].items()]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "digest"), FILES, ids=lambda part: part[:24])
def test_a_file_is_what_was_published(name, path, digest):
    assert hashlib.sha256(vendored(name, path).read_bytes()).hexdigest() == digest


def test_nothing_else_is_there():
    there = {
        file.relative_to(FOLDER).as_posix()
        for file in FOLDER.rglob("*")
        if file.is_file() and file.parent.name != "__pycache__"
    }
    listed = {f"{name}/{path}" for name, path, _ in FILES}
    assert there == listed | {"__init__.py", "vendor.toml"}


@pytest.mark.parametrize("name", packages())
def test_every_package_has_its_licence_and_its_source(name):
    entry = packages()[name]
    assert any("LICENSE" in path.upper() for path in entry["files"])
    assert entry["license"]
    assert entry["integrity"].startswith("sha512-")
    assert len(base64.b64decode(entry["integrity"].removeprefix("sha512-"))) == 64


def test_the_bundle_says_its_version():
    assert f'"{version("mermaid")}"' in vendored("mermaid", "dist/mermaid.min.js").read_text()


def test_a_file_that_is_not_listed():
    with pytest.raises(KeyError):
        vendored("mermaid", "../vendor.toml")


def test_the_wheel_ships_them(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        for name, path, digest in FILES:
            data = packed.read(f"kbtool/vendor/{name}/{path}")
            assert hashlib.sha256(data).hexdigest() == digest
        shipped = set(packed.namelist())
    assert {"kbtool/vendor/vendor.toml", "kbtool/adapters/mermaid/driver.js"} <= shipped


# ---------------------------------------------------------------- bringing them anew
def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for path, text in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture
def bring(tmp_path, monkeypatch, capsys):
    """`tools/vendor` on a folder of its own, with an npm that packs what stands in `published`."""
    folder, published = tmp_path / "vendor", tmp_path / "published"
    folder.mkdir()
    published.mkdir()
    program = tmp_path / "bin/npm"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\n[ "$1" = pack ] || exit 9\n'
        f'cp "{published}/$(echo "$2" | tr / _).tgz" "$5" && echo "$2" >> "{tmp_path}/asked"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    main = runpy.run_path(str(ROOT / "tools/vendor"))["main"]

    def run(*wanted):
        return main(list(wanted), folder), capsys.readouterr().err

    return run, folder, published


def test_a_package_is_brought_checked_and_moved(bring):
    run, folder, published = bring
    about = '{"license": "MIT"}'
    first = archive({"package.json": about, "LICENSE": "free", "dist/a.js": "one", "b.js": "no"})
    (published / "@x_a@1.0.0.tgz").write_bytes(first)
    (folder / "vendor.toml").write_text(
        '["@x/a"]\nversion = "1.0.0"\nfiles = {"dist/a.js" = "", LICENSE = ""}\n'
    )
    assert run() == (0, "")
    assert (folder / "@x/a/dist/a.js").read_text() == "one"
    assert not (folder / "@x/a/b.js").exists()
    entry = tomllib.loads((folder / "vendor.toml").read_text())["@x/a"]
    assert entry["license"] == "MIT"
    assert (
        entry["integrity"] == "sha512-" + base64.b64encode(hashlib.sha512(first).digest()).decode()
    )
    assert entry["files"]["dist/a.js"] == hashlib.sha256(b"one").hexdigest()

    # Again it changes nothing; another archive of the same version is refused.
    before = (folder / "vendor.toml").read_text()
    assert run("@x/a") == (0, "")
    assert (folder / "vendor.toml").read_text() == before
    other = {"package.json": about, "LICENSE": "free", "dist/a.js": "two"}
    (published / "@x_a@1.0.0.tgz").write_bytes(archive(other))
    code, error = run("@x/a")
    assert code == 1
    assert "is not what it was" in error
    assert (folder / "@x/a/dist/a.js").read_text() == "one"

    # A new version is taken when it is asked for.
    (published / "@x_a@1.1.0.tgz").write_bytes(archive(other))
    assert run("@x/a@1.1.0") == (0, "")
    assert (folder / "@x/a/dist/a.js").read_text() == "two"
    assert tomllib.loads((folder / "vendor.toml").read_text())["@x/a"]["version"] == "1.1.0"


def test_what_is_not_listed_or_not_in_the_package(bring):
    run, folder, published = bring
    (folder / "vendor.toml").write_text('[a]\nversion = "1"\nfiles = {"gone.js" = ""}\n')
    assert run("b")[0] == 2
    (published / "a@1.tgz").write_bytes(archive({"package.json": "{}"}))
    with pytest.raises(SystemExit, match=r"the package has no gone\.js"):
        run("a")


def test_the_list_is_as_the_tool_writes_it(bring):
    """Nobody edits it by hand: what the tool would write for it is what stands there."""
    toml = runpy.run_path(str(ROOT / "tools/vendor"))
    assert toml["HEAD"] + toml["toml"](packages()) == (FOLDER / "vendor.toml").read_text()
