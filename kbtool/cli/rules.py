"""`kbtool rules`."""

from difflib import get_close_matches

import click

from kbtool.cli.console import print_json
from kbtool.cli.options import json_option
from kbtool.errors import CLEAN, UsageError
from kbtool.lint.rules import RULES
from kbtool.report.rules import explained, listing, to_json


@click.command("rules")
@click.argument("rule", required=False)
@json_option
def command(rule: str | None, form: str) -> int:
    """List the rules, or explain one: why it exists, with good and bad examples.

    \b
    kbtool rules
    kbtool rules KB107
    kbtool rules dead-link
    """
    chosen = list(RULES if rule is None else RULES.named({rule}))
    if not chosen:
        near = get_close_matches(rule or "", RULES.keys, 1)
        raise UsageError(
            f"no rule {rule!r}", f"did you mean {near[0]}?" if near else "kbtool rules"
        )
    if form == "json":
        print_json(to_json(chosen))
        return CLEAN
    lines = (
        listing(chosen) if rule is None else (line for each in chosen for line in explained(each))
    )
    for line in lines:
        click.echo(line)
    return CLEAN
