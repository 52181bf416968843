"""Charts of other projects: what was brought is what was listed, and how it is brought."""

import hashlib
import json
import runpy
import tomllib
from pathlib import Path

import pytest
from support.sandbox import ROOT

FOLDER = ROOT / "sandbox" / "charts"
LISTED = tomllib.loads((FOLDER / "charts.toml").read_text())


@pytest.mark.parametrize("name", LISTED)
def test_every_file_is_listed_and_is_what_was_brought(name):
    digests = LISTED[name]["digests"]
    there = {str(path.relative_to(FOLDER / name)) for path in (FOLDER / name).rglob("*.*")}
    assert there - {"values.yaml"} == set(digests) - {"LICENSE"}
    for path, digest in digests.items():
        assert hashlib.sha256((FOLDER / name / path).read_bytes()).hexdigest() == digest
    assert "License" in (FOLDER / name / "LICENSE").read_text()


GO = """#!/usr/bin/env python3
import json, sys
if sys.argv[1] == "mod":
    print(json.dumps({{"Dir": {module!r}, "Sum": {sum!r}}}))
else:
    print("args: " + json.dumps(sys.argv[1:]))
"""


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """`tools/charts` on a folder of its own, with a Go that has one module."""
    module, folder = tmp_path / "module", tmp_path / "charts"
    for path in (
        module / "LICENSE",
        module / "chart" / "crds" / "a.yaml",
        folder / "c" / "values.yaml",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name}\n")
    entry = {**LISTED["vault-secrets-operator"], "sum": "h1:a", "templates": ["role.yaml"]}
    main = runpy.run_path(str(ROOT / "tools/charts"))
    (folder / "charts.toml").write_text(main["toml"]({"c": {**entry, "digests": {}}}))

    def run(*wanted, sum_="h1:a"):
        go = tmp_path / "bin" / "go"
        go.parent.mkdir(exist_ok=True)
        go.write_text(GO.format(module=str(module), sum=sum_))
        go.chmod(0o755)
        monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
        return main["main"](list(wanted), folder), folder

    return run


def test_a_chart_is_copied_rendered_and_listed(bring):
    code, folder = bring()
    listed = tomllib.loads((folder / "charts.toml").read_text())["c"]
    assert code == 0
    assert set(listed["digests"]) == {"LICENSE", "crds/a.yaml", "rendered.yaml"}
    text = (folder / "c" / "rendered.yaml").read_text()
    command = json.loads(text.partition("args: ")[2])
    assert command[command.index("--show-only") + 1] == "templates/role.yaml"
    assert Path(command[command.index("--values") + 1]) == folder / "c" / "values.yaml"
    before = (folder / "charts.toml").read_bytes()
    assert bring("c")[0] == 0
    assert (folder / "charts.toml").read_bytes() == before


def test_a_module_of_another_sum_is_refused_unless_its_version_moves(bring, capsys):
    assert bring(sum_="h1:b")[0] == 1
    assert "c is not what it was: h1:b" in capsys.readouterr().err
    code, folder = bring("c@v9.9.9", sum_="h1:b")
    assert code == 0
    assert tomllib.loads((folder / "charts.toml").read_text())["c"]["sum"] == "h1:b"
    assert bring("d")[0] == 2
