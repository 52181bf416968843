"""The recovery from a power cut: every fault does damage, the runbook walks back, spoiled it does not."""

import pytest
from support.base import pages
from support.recovery import CRASHES, WAITS, Spoiler, drilled, opened
from support.sandbox import eventually, output, run

pytestmark = pytest.mark.slow

# ---------------------------------------------------------------------- the runbook as it stands
WAYS = {"power-cut": "intact", "crds-gone": "reapply", "engine-ids-lost": "inject"}
WAYS["scaled-too-early"] = "inject"


@pytest.mark.parametrize("scenario", WAYS)
def test_a_scenario_is_walked_back_to_green(plane, scenario):
    result, facts = drilled(plane, scenario=scenario)
    assert (result.verdict, result.reason) == ("green", "")
    assert result.red
    captured = {fact["name"]: fact["value"] for fact in facts if fact["kind"] == "captured"}
    assert captured["RECOVERY"] == WAYS[scenario]
    print(f"\n{scenario}: {result.seconds:.1f} s, red were {', '.join(result.red)}")


def test_no_step_is_left_without_a_scenario(controlplane):
    """What each way skips, the other ways run."""
    _, plan = opened(profile=controlplane)
    assert {scenario.name for scenario in plan.scenarios} == set(WAYS)
    conditional = {step.id: step.when.value for step in plan.steps if step.when}
    assert set(conditional.values()) <= set(WAYS.values())


# ---------------------------------------------------------------------- and spoiled
@pytest.fixture
def spoiler(tmp_path):
    (tmp_path / "base").mkdir()
    return Spoiler(pages(tmp_path / "base"))


RENAME = """### S7 [AGENT] Rename the orphaned directory

- **On**: `pi2` · **When**: `$RECOVERY == inject`

```sh
cd /var/lib/longhorn/replicas
rm -r "$DIRECTORY"
mv "$OLD" "$DIRECTORY"
echo "renamed: $DIRECTORY"
```

- **Expect**: `stdout =~ /^renamed: /`

"""


def test_renaming_the_orphaned_directory_destroys_the_data(plane, spoiler, tmp_path):
    spoiler.drop("S7", "S8", "S9", "S13")
    spoiler.replace("### S10 ", RENAME + "### S10 ")
    # What would stop the run before its end: what is accepted is to speak.
    spoiler.replace(
        "- **Expect**: `k8s deploy/erp -n erp {.status.readyReplicas} == 1` within 5m\n", ""
    )
    spoiler.replace(
        "{.status.readyReplicas} == 1` within 1m", "{.status.readyReplicas} == 1` within 20s"
    )
    result, facts = drilled(plane, tmp_path / "base", "engine-ids-lost")
    captured = {fact["name"]: fact["value"] for fact in facts if fact["kind"] == "captured"}
    assert captured["RECOVERY"] == "inject"
    assert result.verdict == "red"
    assert result.outcome.ran[-3:] == ("S10", "S11", "S12")
    accept = "`k8s deploy/erp -n erp {.status.readyReplicas} == 1` within 20s"
    assert result.reason.startswith(f"Accept: {accept}: "), result.reason
    # The one copy on pi2 is gone: rebuilt from an empty replica, then given an empty file system.
    left = output(plane, "cd /var/lib/longhorn/replicas; ls -d erp-data-*", on="pi2").split()
    assert left == [captured["DIRECTORY"]]
    script = f"cat /var/lib/longhorn/replicas/{left[0]}/*.img | grep -c invoice || true"
    assert output(plane, script, on="pi2") == "0"
    assert (
        output(plane, "cat /var/lib/longhorn/replicas/*/*.img | grep -c invoice", on="pi1") != "0"
    )
    why = output(
        plane, f"kubectl -n erp get pods -o jsonpath='{WAITS.replace('reason', 'message')}'"
    )
    assert why == "no company is in this file system"


def test_scaling_the_erp_up_early_is_stopped_by_the_guard(plane, spoiler, tmp_path):
    spoiler.replace(
        'else echo "captured: no"\nfi\n',
        'else echo "captured: no"\nfi\nkubectl -n erp scale deployment erp --replicas=1\n',
    )
    result, facts = drilled(plane, tmp_path / "base", "engine-ids-lost")
    assert result.verdict == "red"
    assert result.reason == "S4: Always `k8s deploy/erp -n erp {.spec.replicas} == 0`: 1"
    assert result.outcome.ran == ("S1", "S2", "S3", "S4")
    always = [fact for fact in facts if fact["kind"] == "check" and fact["where"] == "always"]
    assert [fact["seen"] for fact in always] == ["1"]
    eventually(lambda: run(plane, CRASHES).exit, 0)


def test_without_the_unseal_step_vso_fails(plane, spoiler, tmp_path):
    spoiler.drop("S10")
    spoiler.replace("--timeout=90s", "--timeout=15s")
    for scenario in ("crds-gone", "power-cut"):
        result, _ = drilled(plane, tmp_path / "base", scenario)
        assert result.verdict == "red"
        said = "S11: exit 1; VSO says: Failed to get Vault client: auth/kubernetes/login: Vault is sealed"
        assert result.reason == said


@pytest.mark.parametrize(
    ("scenario", "step"),
    [("crds-gone", "S6"), ("engine-ids-lost", "S8"), ("power-cut", "S13"), ("power-cut", "S2")],
)
def test_a_step_that_is_left_out_is_missed(plane, scenario, step):
    """A choice of the mutants; `kbtool drill --mutate` tries each step in each scenario."""
    # What is never green is waited for to its end: that of the ERP would be minutes away.
    patience = {"`k8s deploy/erp -n erp {.status.readyReplicas} == 1` within 5m": 40.0}
    result, _ = drilled(plane, scenario=scenario, without=(step,), patience=patience)
    assert result.verdict == "red"
    print(f"\n{scenario} without {step}: {result.reason}")


def test_without_a_device_nothing_is_written_and_no_orphan_is_marked(plane):
    """A volume that is not attached has no device: `dd` must not make a file of its name."""
    result, _ = drilled(plane, scenario="engine-ids-lost", without=("S7",))
    assert result.verdict == "red"
    assert result.reason.startswith("S8: exit 1; dd: failed to open")
    marked = "ls /var/lib/longhorn/replicas/erp-data-*/recovered"
    assert run(plane, marked, on="pi2").exit != 0
