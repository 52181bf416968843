"""Options several commands share."""

from typing import Final

import click

runbook_argument: Final = click.argument("runbook", metavar="RUNBOOK")
profile_option: Final = click.option(
    "--profile", metavar="P", help="Sandbox profile (default: embedded)."
)
profile_option_all: Final = click.option(
    "--profile", metavar="P", help="Only this sandbox profile (default: all)."
)
runbook_profile_option: Final = click.option(
    "--profile",
    metavar="P",
    help="Sandbox profile (default: the weakest that has what the runbook requires).",
)
input_option: Final = click.option(
    "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="A value the runbook asks for."
)
scenario_option: Final = click.option(
    "--scenario", metavar="S", help="Only this scenario (default: all)."
)
json_option: Final = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
