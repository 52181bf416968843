"""`kbtool drill`."""

from typing import Any

import click

from kbtool.app.drill import Drilled, Mutated, Wishes, drill, mutate
from kbtool.app.runbooks import open_runbook, parse_inputs, plan_of, profile_of
from kbtool.app.world import RealClock
from kbtool.cli.console import print_json
from kbtool.cli.options import (
    input_option,
    json_option,
    runbook_argument,
    runbook_profile_option,
    scenario_option,
)
from kbtool.cli.progress import Teller
from kbtool.errors import CLEAN, FINDINGS
from kbtool.runbook.drill import Mutant


@click.command("drill")
@runbook_argument
@input_option
@scenario_option
@runbook_profile_option
@click.option("--keep", is_flag=True, help="Keep the sandbox, also when all is green.")
@click.option("--mutate", "mutants", is_flag=True, help="Leave steps out: is each one needed?")
@click.option("--record", is_flag=True, help="Write evidence even when nothing changed.")
@json_option
def command(
    runbook: str,
    inputs: tuple[str, ...],
    scenario: str | None,
    profile: str | None,
    keep: bool,
    mutants: bool,
    record: bool,
    form: str,
) -> int:
    """Prove a runbook in a sandbox of its own.

    Healthy at first → each fault injected and seen → an Accept turns red → the steps, with
    stand-ins for people → healthy again. Writes the evidence file beside the page, and its
    `Last Verified`.

    \b
    kbtool drill unseal-vault-after-a-restart
    kbtool drill vibe/runbooks/X.md --scenario vault-sealed --keep
    kbtool drill vibe/runbooks/X.md --mutate
    """
    opened = open_runbook(runbook)
    chosen = profile_of(opened, profile)
    plan = plan_of(opened, chosen, inputs=parse_inputs(inputs), mode="drill", scenario=scenario)
    teller = Teller(to_stderr=form == "json")
    teller.line(f"{plan.runbook.title} · profile {plan.profile}", "bold")
    if mutants:
        found = mutate(
            opened, plan, chosen, RealClock(), lambda _: None, teller.step, _told(teller)
        )
        return _mutated(found, [step.id for step in plan.steps], form, teller)
    wishes = Wishes(keep=keep, record=record)
    done = drill(opened, plan, chosen, RealClock(), wishes, teller.fact, teller.step)
    return _drilled(done, form, teller)


def _drilled(done: Drilled, form: str, teller: Teller) -> int:
    green = all(result.verdict == "green" for result in done.results)
    if form == "json":
        print_json(_drilled_json(done))
        return CLEAN if green else FINDINGS
    teller.line("", "")
    for result in done.results:
        reason = f": {result.reason}" if result.reason else ""
        color = "green" if result.verdict == "green" else "red"
        teller.line(f"{result.scenario}: {result.verdict} in {result.seconds:.1f} s{reason}", color)
    teller.line(f"evidence  {done.evidence}", "")
    teller.line(f"journal   kbtool runs show {done.run}", "")
    if done.kept:
        teller.line(f"sandbox   kept: kbtool sandbox shell {done.kept}", "")
        teller.line(f"          remove it: kbtool sandbox down {done.kept}", "")
    if done.unrun:
        steps = ", ".join(done.unrun)
        teller.line(f"not verified: no scenario ran {steps}", "red")
    elif done.verified:
        teller.line(
            f"verified  {done.verified} (self-reported: the evidence is not signed)", "green"
        )
    else:
        teller.line("not verified", "red")
    return CLEAN if green else FINDINGS


def _drilled_json(done: Drilled) -> dict[str, Any]:
    return {
        "version": 1,
        "run": done.run,
        "verified": done.verified,
        "evidence": done.evidence,
        "unrun": done.unrun,
        "sandbox": done.kept or None,
        "scenarios": [
            {
                "name": result.scenario,
                "verdict": result.verdict,
                "reason": result.reason,
                "turned_red": list(result.red),
                "ran": list(result.outcome.ran),
                "skipped": list(result.outcome.skipped),
                "seconds": round(result.seconds, 1),
            }
            for result in done.results
        ],
    }


def _told(teller: Teller) -> Any:
    def tell(mutant: Mutant) -> None:
        what = _left_out(mutant.without)
        outcome = f"{mutant.result.verdict}: {mutant.result.reason}".rstrip(": ")
        teller.line(f"  {mutant.scenario}, {what}: {outcome}", "")

    return tell


def _left_out(steps: tuple[str, ...]) -> str:
    if not steps:
        return "every step"
    return f"without {steps[0]}" if len(steps) == 1 else "no step at all"


def _mutated(found: Mutated, steps: list[str], form: str, teller: Teller) -> int:
    bad = bool(found.useless or found.healing or found.unsound)
    if form == "json":
        print_json(
            {
                "version": 1,
                "run": found.run,
                "needed": [step for step in steps if step not in found.useless],
                "useless": list(found.useless),
                "self_healing": list(found.healing),
                "unsound": list(found.unsound),
                "mutants": [
                    {
                        "scenario": m.scenario,
                        "without": list(m.without),
                        "verdict": m.result.verdict,
                        "reason": m.result.reason,
                    }
                    for m in found.mutants
                ],
            }
        )
        return FINDINGS if bad else CLEAN
    teller.line("", "")
    for step in steps:
        useless = step in found.useless
        word = "useless, or no check sees what it does" if useless else "needed"
        teller.line(f"{step}: {word}", "red" if useless else "green")
    for name in found.unsound:
        teller.line(f"{name}: not green with every step in place, so nothing was shown", "red")
    for name in found.healing:
        teller.line(f"{name}: turns green with no step at all: it proves nothing", "red")
    return FINDINGS if bad else CLEAN
