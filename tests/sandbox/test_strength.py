"""A runbook names the weakest it needs, and is planned on everything stronger as it stands."""

import pytest
from support.profiles import PROFILES
from support.sandbox import ROOT

from kbtool.app.runbooks import fitting, open_runbook, plan_of
from kbtool.errors import PlanError
from kbtool.runbook.plan import missing

RUNBOOKS = sorted(
    path for path in (ROOT / "vibe" / "runbooks").glob("[a-z]*.md") if path.name != "README.md"
)


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", PROFILES)
def test_a_runbook_is_planned_on_every_stronger_profile_or_a_part_is_missing(path, name):
    """Where a part that it requires is missing, that is said before all that follows from it."""
    opened = open_runbook(str(path))
    weakest, _ = fitting(opened)
    profile = PROFILES[name]
    if profile.strength < weakest.strength:
        assert missing(opened.runbook, profile.view())
        return
    lacks = missing(opened.runbook, profile.view())
    if not lacks:
        plan = plan_of(opened, profile, inputs={}, mode="drill")
        assert (plan.profile, plan.runbook) == (name, opened.runbook)
        return
    with pytest.raises(PlanError) as refused:
        plan_of(opened, profile, inputs={}, mode="drill")
    told = [line.strip() for line in refused.value.message.splitlines()[1:]]
    wanted = [f"requires {part}, which profile {name} does not have" for part in lacks]
    assert told[: len(lacks)] == wanted


def test_what_needs_no_cluster_is_planned_wherever_there_are_servers():
    opened = open_runbook(str(ROOT / "vibe/runbooks/unseal-vault-after-a-restart.md"))
    for name in ("embedded", "controlplane", "controlplane-vm", "k3d"):
        assert plan_of(opened, PROFILES[name], inputs={}, mode="drill").profile == name
