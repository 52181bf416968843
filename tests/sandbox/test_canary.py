"""The provisioning canary walks the chain on a real control plane, and leaves nothing behind."""

import json
import shutil
from pathlib import Path

import pytest
from support.sandbox import ROOT, kbtool

from kbtool.sandbox import assets

PAGE = "vibe/runbooks/provisioning-canary.md"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        assets.find(ROOT / "sandbox" / "controlplane") is None,
        reason="the programs of the control plane are not here: kbtool sandbox assets",
    ),
]


@pytest.fixture
def project(tmp_path):
    """A copy of the pages and profiles: a drill writes beside the page."""
    for name in ("vibe", "sandbox"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_canary_is_drilled_green_in_every_scenario(project):
    command = ("drill", PAGE, "--profile", "controlplane", "--record", "--format", "json")
    code, output = kbtool(*command, state=project / "state", cwd=project)
    assert code == 0, output
    evidence = json.loads(Path(project, PAGE.replace(".md", ".evidence.json")).read_text())
    scenarios = evidence["profiles"]["controlplane"]["scenarios"]
    assert {name: entry["verdict"] for name, entry in scenarios.items()} == {
        "vault-sealed": "green",
        "name-misspelt": "green",
    }
    assert scenarios["vault-sealed"]["skipped"] == ["S3"]
    assert scenarios["name-misspelt"]["skipped"] == ["S2"]
    assert any(
        text.startswith("longhorn: modelled.") for text in scenarios["vault-sealed"]["drift"]
    )
