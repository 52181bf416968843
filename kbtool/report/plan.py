"""A plan as text, JSON and mermaid."""

from collections.abc import Iterator
from typing import Any, Final

from kbtool.runbook.digest import step_digests
from kbtool.runbook.model import Expectation, Input, Invariant, Step
from kbtool.runbook.plan import Plan

VERSION: Final = 1


def plan_text(plan: Plan) -> str:
    """Return what will happen, for a person to read."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    guards = plan.runbook.guards
    yield f"{plan.runbook.title}"
    profile = f"profile {plan.profile}" if plan.profile else "no profile can run it"
    yield f"  {plan.runbook.path} · {profile} · plan {plan.digest[:12]}"
    if guards.requires:
        yield f"  requires {', '.join(guards.requires)}"
    for given in guards.inputs:
        yield f"  input {given.name} = {_input(plan, given)}  {given.description}"
    for scenario in plan.scenarios:
        yield f"  scenario {scenario.name}: breaks {', '.join(scenario.faults)}"
    yield from _checks("before", guards.before)
    for always in guards.always:
        yield f"  always: {always_text(always)}"
    for step in plan.steps:
        yield ""
        yield from _step(step)
    yield ""
    yield from _checks("accept", guards.accept)


def _input(plan: Plan, given: Input) -> str:
    value = plan.inputs.get(given.name)
    if value is not None:
        return value
    drilled = f"; a drill takes {given.example}" if given.example else ""
    return f"(not given{drilled})"


def _checks(label: str, expectations: tuple[Expectation, ...]) -> Iterator[str]:
    for expectation in expectations:
        yield f"  {label}: {expectation.source}"


def always_text(always: Invariant) -> str:
    """Return what must hold and between which steps."""
    start = f" from {always.start}" if always.start else ""
    until = f" until {always.until}" if always.until else ""
    return f"{always.expectation.source}{start}{until}"


def _step(step: Step) -> Iterator[str]:
    who = f"{step.who}" if step.tag == "HUMAN" else f"on {step.on}"
    yield f"  {step.id} [{step.tag}] {step.title}"
    yield f"      {who} · at most {_duration(step.timeout)}" + _needs(step)
    if step.when:
        yield f"      only when ${step.when.name} {step.when.op} {step.when.value}"
    if step.secrets:
        yield f"      holds secrets: {', '.join(step.secrets)}"
    for line in (step.block or "").splitlines():
        yield f"      | {line}"
    if step.stand_in:
        types = f", typing {', '.join(step.stand_in.types)}" if step.stand_in.types else ""
        yield f"      in a drill: {step.stand_in.how}{types}"
    for expectation in step.expects:
        yield f"      expect: {expectation.source}"
    for capture in step.captures:
        kind = "secret " if capture.secret else ""
        yield f"      capture: {kind}{capture.name} from /{capture.pattern}/"
    for command in step.undo:
        yield f"      if it goes wrong: {command}"


def _needs(step: Step) -> str:
    return f" · after {', '.join(step.needs)}" if step.needs else ""


def _duration(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60}m" if whole % 60 == 0 else f"{whole}s"


def plan_json(plan: Plan, lacking: str = "") -> dict[str, Any]:
    """Return the plan as JSON data; `lacking` says why no profile of the project can run it."""
    digests = step_digests(plan.runbook)
    return {
        "version": VERSION,
        "runbook": plan.runbook.path,
        "title": plan.runbook.title,
        "profile": plan.profile or None,
        "requires": list(plan.runbook.guards.requires),
        "lacking": lacking,
        "digest": plan.digest,
        "inputs": dict(plan.inputs),
        "examples": {i.name: i.example for i in plan.runbook.guards.inputs if i.example},
        "scenarios": [{"name": s.name, "faults": list(s.faults)} for s in plan.scenarios],
        "before": [e.source for e in plan.runbook.guards.before],
        "always": [always_text(always) for always in plan.runbook.guards.always],
        "accept": [e.source for e in plan.runbook.guards.accept],
        "steps": [_step_json(step, digests[step.id]) for step in plan.steps],
    }


def _step_json(step: Step, digest: str) -> dict[str, Any]:
    return {
        "id": step.id,
        "tag": step.tag,
        "title": step.title,
        "digest": digest,
        "on": step.on,
        "who": step.who,
        "timeout": step.timeout,
        "needs": list(step.needs),
        "when": f"${step.when.name} {step.when.op} {step.when.value}" if step.when else None,
        "block": step.block,
        "shell": step.shell,
        "secrets": list(step.secrets),
        "uses": list(step.uses),
        "stand_in": step.stand_in.how if step.stand_in else None,
        "expects": [expectation.source for expectation in step.expects],
        "captures": [capture.name for capture in step.captures],
        "undo": list(step.undo),
    }


def plan_mermaid(plan: Plan) -> str:
    """Return the plan as a mermaid flowchart."""
    lines = ["%%{init: {'theme':'base'}}%%", "flowchart TD"]
    for step in plan.steps:
        title = step.title.replace('"', "'")
        lines.append(f'    {step.id}["{step.id} · {title}"]:::{step.tag.lower()}')
    for step in plan.steps:
        label = f'|"{step.when.name} {step.when.op} {step.when.value}"|' if step.when else ""
        lines += [f"    {need} -->{label} {step.id}" for need in step.needs]
    lines += [
        "    classDef agent fill:#059669,stroke:#047857,color:#fff",
        "    classDef human fill:#2563eb,stroke:#1e40af,color:#fff",
    ]
    return "\n".join(lines) + "\n"
