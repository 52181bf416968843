"""The runbook of the power cut, as it stands and spoiled, drilled in a sandbox that is already up."""

import re

from kbtool.app.runbooks import open_runbook, plan_of
from kbtool.app.world import RealClock
from kbtool.runbook.checks import Checker
from kbtool.runbook.drill import Drill
from kbtool.runbook.execute import uses_files
from support.sandbox import ROOT

RECOVERY = "vibe/runbooks/power-cut-recovery.md"

WAITS = "{.items[0].status.containerStatuses[0].state.waiting.reason}"
CRASHES = f"kubectl -n erp get pods -o jsonpath='{WAITS}' | grep -qx CrashLoopBackOff"


def opened(base=ROOT, profile=None, scenario=None):
    """The runbook of a base, and its plan for a drill."""
    found = open_runbook(str(base / RECOVERY))
    return found, plan_of(found, profile, inputs={}, mode="drill", scenario=scenario)


def drilled(sandbox, base=ROOT, scenario=None, without=(), patience=None):
    """(result, facts) of one scenario, in a sandbox that goes back to its seed first."""
    found, plan = opened(base, sandbox.profile, scenario)
    files = uses_files(plan, {path: found.workspace.raw(path) for path in plan.runbook.uses})
    facts = []
    drill = Drill(plan, sandbox, RealClock(), facts.append, files, {}, fresh=False)
    drill.patience = patience or {}
    return drill.scenario(plan.scenarios[0], without), facts


def accepted(sandbox):
    """What the runbook accepts and is not there."""
    _, plan = opened(profile=sandbox.profile)
    checker = Checker(sandbox, RealClock(), lambda _: None)
    verdicts = {
        expectation.source: checker.until_green(expectation, plan.inputs, "accept")
        for expectation in plan.runbook.guards.accept
    }
    return {source: each.seen for source, each in verdicts.items() if each.color != "green"}


class Spoiler:
    """Changes the text of a runbook in a copy of the base."""

    def __init__(self, base):
        self.path = base / RECOVERY
        self.text = self.path.read_text()

    def replace(self, old, new, count=1):
        assert self.text.count(old) == count, (old, self.text.count(old))
        self.text = self.text.replace(old, new)
        self.path.write_text(self.text)

    def drop(self, *steps):
        for step in steps:
            part = re.search(rf"### {step} \[.*?(?=\n### |\n## )", self.text, re.DOTALL)
            assert part, step
            self.replace(part[0], "")
