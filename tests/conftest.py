import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch):
    """No test sees the state, the secrets or the colours of whoever runs it."""
    monkeypatch.setenv("KBTOOL_STATE", str(tmp_path_factory.mktemp("state")))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def corpora():
    """The folder of real Markdown, where the machine has it."""
    folder = Path(os.environ.get("KBTOOL_CORPORA") or ROOT.parent / "shared" / "corpora")
    if not folder.is_dir():
        pytest.skip("no corpora: set KBTOOL_CORPORA to a folder with *.tar.xz of Markdown")
    return folder
