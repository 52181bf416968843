"""A part that ends while a sandbox is built is named, with what its log says."""

import dataclasses
import os
import shutil

import pytest
from support.sandbox import fresh

from kbtool.errors import SandboxError
from kbtool.sandbox import assets
from kbtool.sandbox.needs import programs_of


def broken(profile, **manifests):
    part = profile.components["kubernetes"]
    changed = dataclasses.replace(part, manifests={**part.manifests, **manifests})
    components = {**profile.components, "kubernetes": changed}
    return dataclasses.replace(profile, components=components, digest="broken")


def test_a_broken_manifest_is_named_with_what_kubectl_said(plane_profile, programs, tmp_path):
    name = "controlplane/lab.yaml"
    profile = broken(
        plane_profile, **{name: "apiVersion: v1\nkind: Nonsense\nmetadata: {name: x}\n"}
    )
    with pytest.raises(SandboxError, match=r"applying manifests failed: .*lab\.yaml.*Nonsense"):
        start(profile, tmp_path)


def start(profile, folder):
    """Start what cannot start; nothing of it may be left."""
    try:
        with fresh(profile, folder):
            raise AssertionError("it started")
    finally:
        assert list((folder / "sandboxes").iterdir()) == []


@pytest.mark.parametrize("program", ["etcd", "kube-apiserver", "kube-controller-manager"])
def test_a_program_that_ends_while_starting_is_named(
    plane_profile, programs, tmp_path, monkeypatch, program
):
    """With a flag it does not know: the last lines of its own log are in the message."""
    folder = tmp_path / "programs"
    folder.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    for path in assets.PACKAGES:
        _linked(programs / path, folder / (f"real-{path}" if path == program else path))
    wrapper = folder / program
    wrapper.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || set -- "$@" --no-such-flag\n'
        f'exec "${{0%/*}}/real-{program}" "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("TEST_ASSET_ETCD", str(folder / "etcd"))
    assert assets.find(programs_of(plane_profile)).folder == folder
    name = {"kube-apiserver": "kubernetes", "kube-controller-manager": "controller-manager"}
    with pytest.raises(SandboxError) as caught:
        start(plane_profile, tmp_path / "state")
    assert f"{name.get(program, program)} ended while starting: " in caught.value.message
    assert "no-such-flag" in caught.value.message


def _linked(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def test_a_model_that_ends_while_starting_is_named(plane_profile, programs, tmp_path):
    model = plane_profile.models["vso"]
    files = {**model.files, "vso.py": "raise SystemExit('the model is broken')\n"}
    models = {**plane_profile.models, "vso": dataclasses.replace(model, files=files)}
    profile = dataclasses.replace(plane_profile, models=models, digest="broken")
    with pytest.raises(SandboxError, match=r"vso ended while starting: .*the model is broken"):
        start(profile, tmp_path)
