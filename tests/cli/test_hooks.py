"""The hooks and the workflows, read and run by the programs they are written for."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.git import Repo
from support.sandbox import ROOT

HOOKS = ROOT / ".pre-commit-hooks.yaml"
WORKFLOWS = [ROOT / folder / "workflows/kb-lint.yml" for folder in (".gitea", ".github")]
DAY = datetime.now(UTC).date()
HEADER = f"> **Status**: Draft\n> **Last Updated**: {DAY}\n"
PAGES = {
    "AGENTS.md": "# Agents\n",
    "vibe/README.md": f"[AGENTS.md](../AGENTS.md) > **vibe**\n\n# vibe\n\n{HEADER}\n- [A](a.md)\n",
    "vibe/a.md": f"[vibe](README.md) > **A**\n\n# A\n\n{HEADER}\nWords.\n",
}


def script(name, *arguments, cwd=ROOT, **environment):
    """Run a program of this interpreter's environment; return its code and all it wrote."""
    done = subprocess.run(
        [Path(sys.executable).parent / name, *arguments],
        cwd=cwd,
        env=os.environ | {"NO_COLOR": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def test_the_manifest_is_one():
    assert script("pre-commit", "validate-manifest", str(HOOKS)) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parts[-3])
def test_a_workflow_fits_the_schema_of_workflows(path):
    code, said = script(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)
    )
    assert code == 0, said
    assert f"--format {path.parts[-3][1:]}" in path.read_text()


WORKFLOW = """\
on: push
jobs:
  lint:
    runs-on: here
    defaults: {{run: {{working-directory: "{folder}"}}}}
    steps:
      - run: {python} -m kbtool lint --format github || true
      - run: {python} -m kbtool lint --format gitea
"""


def test_a_runner_reads_the_annotations(tmp_path):
    repo = Repo(tmp_path / "r")
    for path, text in PAGES.items():
        repo.write(path, text)
    repo.write("vibe/a.md", PAGES["vibe/a.md"].replace("Words.", "🦉 [x](100%25,gone:x.md)."))
    workflow = WORKFLOW.format(folder=repo.folder, python=sys.executable)
    repo.write(".github/workflows/w.yml", workflow)
    repo.commit()
    options = ("-P", "here=-self-hosted", "--no-cache-server", "--json")
    code, log = script(
        "act", *options, cwd=repo.folder, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)
    )
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    github, gitea = (line for line in lines if line.get("command") == "error")
    assert code == 1, log
    place = {"file": "vibe/a.md", "line": "8", "endLine": "8", "col": "7", "endColumn": "22"}
    assert github["kvPairs"] == place | {"title": "KB101 dead-link"}
    assert github["arg"].startswith("nothing at '100%")
    assert gitea["kvPairs"] == place
    assert gitea["arg"].startswith("vibe/a.md:8:7: KB101 dead-link: nothing at '100%")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What a release has, as a repository of its own."""
    repo = Repo(tmp_path_factory.mktemp("published"))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kbtool", repo.folder / "kbtool", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", HOOKS.name):
        shutil.copy(ROOT / name, repo.folder / name)
    return repo.folder, repo.commit()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_pre_commit_runs_the_hooks(published, tmp_path, tmp_path_factory):
    folder, commit = published
    repo = Repo(tmp_path / "r")
    for path, text in PAGES.items():
        repo.write(path, text)
    ids = ("kbtool-lint", "kbtool-fix", "kbtool-verify")
    hooks = "".join(f"      - id: {name}\n" for name in ids)
    repo.write(
        ".pre-commit-config.yaml",
        f"repos:\n  - repo: {folder}\n    rev: {commit}\n    hooks:\n{hooks}",
    )
    repo.commit(f"{DAY}")
    home = str(tmp_path_factory.mktemp("pre-commit"))

    def run(*names):
        # The hooks' own environment has kbtool: nothing of this one may help.
        code, said = script(
            "pre-commit",
            "run",
            "--all-files",
            *names,
            cwd=repo.folder,
            PRE_COMMIT_HOME=home,
            PYTHONPATH="",
        )
        return (
            code,
            [line for line in said.splitlines() if line.endswith(("Passed", "Failed"))],
            said,
        )

    code, results, said = run()
    assert code == 0, said
    assert [line.split(".")[0] for line in results] == [
        "kbtool lint",
        "kbtool lint --fix",
        "kbtool verify",
    ]

    repo.write("vibe/a.md", PAGES["vibe/a.md"].replace("**Status**:", "**Status:**"))
    repo("add", "-A")
    code, results, said = run("kbtool-lint")
    assert (code, "KB204" in said) == (1, True)
    code, results, said = run("kbtool-fix")
    assert (code, "files were modified by this hook" in said) == (1, True)
    assert (repo.folder / "vibe/a.md").read_text() == PAGES["vibe/a.md"]
    assert run("kbtool-fix")[0] == 0
