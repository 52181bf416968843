"""`kbtool plan` takes the weakest profile that fits, and shows a plan that none can run."""

import json

import pytest
from support.base import UNSEAL, edit, pages
from support.sandbox import kbtool

EMBEDDED = "sandbox/profiles/embedded.toml"
BEYOND = "vibe/runbooks/trial.md"


@pytest.fixture
def base(tmp_path):
    (tmp_path / "base").mkdir()
    base = pages(tmp_path / "base")
    for path in (base / "sandbox/profiles").glob("*.toml"):
        if path.stem != "embedded":  # one profile is enough
            path.unlink()
    return base


@pytest.fixture
def run(base, tmp_path):
    def run(*arguments):
        return kbtool(*arguments, state=tmp_path / "state", cwd=base)

    return run


@pytest.fixture
def beyond(base):
    """A runbook that requires what the one profile of the project does not have."""
    edit(base, BEYOND, "- **Requires**: vault\n", "- **Requires**: vault, longhorn, kubernetes\n")
    guard = "- **Always**: `k8s deploy/erp -n erp {.spec.replicas} == 0` from S1 until S3\n"
    edit(base, BEYOND, "- **Accept**:", f"{guard}- **Accept**:")
    edit(base, BEYOND, "- **Needs**: S2", "- **Needs**: S2 · **On**: `pi2`")
    return base


def test_a_plan_that_no_profile_can_run_is_shown(beyond, run):
    code, text = run("plan", BEYOND)
    assert code == 0, text
    assert "note:" in text
    assert "embedded has no longhorn, no kubernetes" in text
    assert "S2 [HUMAN] Unseal" in text
    assert "always: `k8s deploy/erp -n erp {.spec.replicas} == 0` from S1 until S3" in text


@pytest.mark.parametrize(
    "command",
    [
        ("plan", BEYOND, "--profile", "embedded"),
        ("run", BEYOND, "--input", "VOLUME=x"),
        ("drill", BEYOND, "--input", "VOLUME=x"),
    ],
)
def test_asked_to_run_it_or_named_a_profile_it_is_an_error(beyond, run, command):
    code, text = run(*command)
    assert code == 2
    assert "requires longhorn, which profile embedded does not have" in text
    assert "On pi2: profile embedded has no hosts" in text


def test_a_defect_is_an_error_with_or_without_a_profile(beyond, run):
    edit(beyond, BEYOND, "- **Needs**: S2", "- **Nedes**: S2")
    code, text = run("plan", BEYOND)
    assert code == 2
    assert "unknown field 'Nedes' (KB502)" in text


def test_the_weakest_profile_that_fits(base, run):
    profile = (base / EMBEDDED).read_text()
    for name, strength in (("aaa", 3), ("bbb", 2)):
        text = profile.replace('"embedded"', f'"{name}"').replace(
            "strength = 1", f"strength = {strength}"
        )
        text = text.replace("[components.postgres]", "[components.database]")
        text = (
            text.replace("kill postgres", "kill database")
            .replace("${postgres.", "${database.")
            .replace('database = "postgres"', 'database = "database"')
        )
        (base / f"sandbox/profiles/{name}.toml").write_text(text)
    assert json.loads(run("plan", UNSEAL, "--format", "json")[1])["profile"] == "embedded"
    edit(base, BEYOND, "- **Requires**: vault\n", "- **Requires**: vault, database\n")
    assert json.loads(run("plan", BEYOND, "--format", "json")[1])["profile"] == "bbb"


def test_a_base_without_profiles_plans_too(base, run):
    for profile in (base / EMBEDDED).parent.glob("*.toml"):
        profile.unlink()
    code, text = run("plan", UNSEAL)
    assert code == 0, text
    assert "there is none in sandbox/profiles/" in text
    code, text = run("drill", UNSEAL)
    assert (code, "no profile 'embedded'" in text) == (2, True)
