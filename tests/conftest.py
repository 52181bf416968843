import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run: a failure is somebody's change. `explore` goes looking.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory):
    """What was judged once is not judged again by the next test."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch, verdicts):
    """No test sees the state, the secrets or the colours of whoever runs it."""
    monkeypatch.setenv("KBTOOL_STATE", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("KBTOOL_CACHE", str(verdicts))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Every page of the corpora: real Markdown of large projects."""
    folder = Path(os.environ.get("KBTOOL_CORPORA") or ROOT.parent / "shared" / "corpora")
    archives = sorted(folder.glob("*.tar.xz")) if folder.is_dir() else []
    if not archives:
        pytest.skip("no corpora: set KBTOOL_CORPORA to a folder with *.tar.xz of Markdown")
    target = tmp_path_factory.mktemp("corpora")
    for archive in archives:
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
    return sorted(target.rglob("*.md"))
