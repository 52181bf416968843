"""Runbook + profile + inputs → plan: what will happen, decided before anything does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kbtool.errors import PlanError
from kbtool.runbook.digest import hexdigest, runbook_digest
from kbtool.runbook.model import (
    Expectation,
    HttpCheck,
    K8sCheck,
    Runbook,
    RunCheck,
    Scenario,
    SqlCheck,
    Step,
)
from kbtool.runbook.policy import production_names

Mode = Literal["plan", "run", "drill"]
WARNINGS: Final = frozenset({"KB504", "KB506"})


@dataclass(frozen=True, slots=True)
class ProfileView:
    """What a plan must know of a profile; nothing is started for it."""

    name: str
    components: Mapping[str, str]  # name → kind
    secrets: tuple[str, ...]
    faults: tuple[str, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, decided: every step, every value, every scenario."""

    runbook: Runbook
    profile: str  # "" when no profile has what the runbook requires: to be read, not to be run
    inputs: Mapping[str, str]
    scenarios: tuple[Scenario, ...]
    digest: str  # of the runbook, its inputs and the profile's name

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in order."""
        return self.runbook.steps


def missing(runbook: Runbook, profile: ProfileView) -> tuple[str, ...]:
    """Return what the runbook requires and the profile does not have."""
    return tuple(name for name in runbook.guards.requires if name not in profile.components)


def make_plan(
    runbook: Runbook,
    profile: ProfileView | None,
    *,
    inputs: Mapping[str, str],
    mode: Mode,
    scenario: str | None = None,
    production: tuple[str, ...] = (),
) -> Plan:
    """Return the plan. Without a profile it is judged by its text alone.

    Raises:
        PlanError: naming everything that stands in the way, at once.
    """
    faults = list(_faults(runbook, inputs, mode))
    faults += _profile_faults(runbook, profile) if profile else ()
    faults += production_names(runbook, production)
    scenarios = _scenarios(runbook, scenario, mode, faults)
    if faults:
        raise PlanError(f"{runbook.path} cannot be run:\n  " + "\n  ".join(faults), _hint(mode))
    known = {
        given.name: inputs[given.name] for given in runbook.guards.inputs if given.name in inputs
    }
    name = profile.name if profile else ""
    digest = hexdigest({"runbook": runbook_digest(runbook), "inputs": dict(known), "profile": name})
    return Plan(runbook, name, known, scenarios, digest)


def _hint(mode: Mode) -> str:
    return (
        "`kbtool lint` shows each place" if mode == "plan" else "`kbtool plan` shows what is left"
    )


def _scenarios(
    runbook: Runbook, name: str | None, mode: Mode, faults: list[str]
) -> tuple[Scenario, ...]:
    known = runbook.guards.scenarios
    if name is not None:
        chosen = tuple(scenario for scenario in known if scenario.name == name)
        if not chosen:
            names = [scenario.name for scenario in known]
            faults.append(f"no scenario {name!r}{_near(name, names)}")
        return chosen
    if mode == "drill" and not known:
        faults.append("no Break in its Guards: a drill needs something to recover from")
    return known


def _faults(runbook: Runbook, inputs: Mapping[str, str], mode: Mode) -> Iterator[str]:
    for defect in runbook.defects:
        if defect.rule not in WARNINGS:
            yield f"{defect.message} ({defect.rule})"
    if not runbook.steps:
        yield "it has no steps"
    yield from _input_faults(runbook, inputs, mode)
    for step in runbook.steps:
        if mode == "drill" and step.tag == "HUMAN" and step.block is not None and not step.stand_in:
            yield f"{step.id}: has no Stand-in, so no drill can act for the person"


def _profile_faults(runbook: Runbook, profile: ProfileView) -> Iterator[str]:
    yield from _guard_faults(runbook, profile)
    captured: set[str] = set()
    for step in runbook.steps:
        yield from _step_faults(step, profile, captured)
        captured |= {capture.name for capture in step.captures if capture.secret}


def _input_faults(runbook: Runbook, inputs: Mapping[str, str], mode: Mode) -> Iterator[str]:
    known = [given.name for given in runbook.guards.inputs]
    for name in inputs:
        if name not in known:
            yield f"no input {name!r}{_near(name, known)}"
    for given in runbook.guards.inputs:
        if mode != "plan" and given.name not in inputs:
            example = given.example or "…"
            yield f"input {given.name} ({given.description}): --input {given.name}={example}"


def _guard_faults(runbook: Runbook, profile: ProfileView) -> Iterator[str]:
    guards = runbook.guards
    for name in missing(runbook, profile):
        yield f"requires {name}, which profile {profile.name} does not have"
    for always in guards.always:
        yield (
            f"Always {always.expectation.source}: profile {profile.name} watches no invariants; "
            "it takes profile controlplane"
        )
    for expectation in (*guards.before, *guards.accept):
        yield from _check_faults("Guards", expectation, profile, set())
    for scenario in guards.scenarios:
        for fault in scenario.faults:
            if fault not in profile.faults:
                near = _near(fault, profile.faults)
                where = f"scenario {scenario.name}: profile {profile.name}"
                yield f"{where} has no fault {fault!r}{near}"


def _step_faults(step: Step, profile: ProfileView, captured: set[str]) -> Iterator[str]:
    if step.on not in ("operator", *profile.hosts):
        yield (
            f"{step.id}: On {step.on}: profile {profile.name} has no hosts; "
            "it takes profile controlplane"
        )
    names = (*step.secrets, *(step.stand_in.types if step.stand_in else ()))
    for name in names:
        if name not in profile.secrets and name not in captured:
            near = _near(name, profile.secrets)
            yield f"{step.id}: profile {profile.name} declares no secret {name!r}{near}"
    for expectation in step.expects:
        yield from _check_faults(step.id, expectation, profile, captured)


def _check_faults(
    where: str, expectation: Expectation, profile: ProfileView, captured: set[str]
) -> Iterator[str]:
    check = expectation.check
    if isinstance(check, K8sCheck) and "kubernetes" not in profile.components.values():
        yield (
            f"{where}: {expectation.source}: profile {profile.name} has no Kubernetes; "
            "it takes profile controlplane"
        )
    if isinstance(check, HttpCheck | SqlCheck) and check.component not in profile.components:
        near = _near(check.component, tuple(profile.components))
        yield f"{where}: profile {profile.name} has no component {check.component!r}{near}"
    if (
        isinstance(check, SqlCheck)
        and profile.components.get(check.component, "postgres") != "postgres"
    ):
        yield f"{where}: {check.component} is no database"
    if isinstance(check, RunCheck):
        known = {None, *profile.secrets, *captured}
        if check.secret not in known:
            near = _near(check.secret or "", profile.secrets)
            yield f"{where}: profile {profile.name} declares no secret {check.secret!r}{near}"


def _near(name: str, known: tuple[str, ...] | list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    if near:
        return f" (did you mean {near[0]!r}?)"
    return f" (there are: {', '.join(known)})" if known else ""
