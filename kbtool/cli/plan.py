"""`kbtool plan`."""

import click

from kbtool.app.runbooks import fitting, open_runbook, parse_inputs, plan_of, profile_of
from kbtool.cli.console import note, print_json
from kbtool.cli.options import (
    input_option,
    runbook_argument,
    runbook_profile_option,
    scenario_option,
)
from kbtool.report.plan import plan_json, plan_mermaid, plan_text
from kbtool.runbook.plan import WARNINGS


@click.command("plan")
@runbook_argument
@input_option
@scenario_option
@runbook_profile_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "mermaid"]),
    default="text",
    show_default=True,
)
def command(
    runbook: str, inputs: tuple[str, ...], scenario: str | None, profile: str | None, form: str
) -> int:
    """Show what a runbook will do; nothing runs.

    RUNBOOK is a path, or the name of a page. Without --profile, the weakest profile is taken that
    has what the runbook requires; where none has, the plan is shown with what is missing.

    \b
    kbtool plan unseal-vault-after-a-restart
    kbtool plan vibe/runbooks/X.md --format mermaid
    kbtool plan vibe/runbooks/X.md --profile embedded
    """
    opened = open_runbook(runbook)
    chosen, lacking = (profile_of(opened, profile), "") if profile else fitting(opened)
    plan = plan_of(opened, chosen, inputs=parse_inputs(inputs), mode="plan", scenario=scenario)
    if lacking:
        note(f"no profile can run this runbook, so `run` and `drill` refuse it: {lacking}")
    for defect in opened.runbook.defects:
        if defect.rule in WARNINGS:
            note(f"{defect.message} ({defect.rule})")
    if form == "json":
        print_json(plan_json(plan, lacking))
    else:
        click.echo(plan_text(plan) if form == "text" else plan_mermaid(plan), nl=False)
    return 0
