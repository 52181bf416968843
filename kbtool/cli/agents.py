"""`kbtool agents`."""

import click

from kbtool.app.agents import check_agents, sync_agents
from kbtool.app.lint import Linted
from kbtool.cli.console import note, print_json
from kbtool.cli.lint import print_findings
from kbtool.cli.options import json_option
from kbtool.errors import CLEAN, FINDINGS
from kbtool.report import findings as report


@click.group("agents")
def command() -> None:
    """Check AGENTS.md, or write its sections.

    \b
    kbtool agents check
    kbtool agents sync
    """


@command.command("check")
@json_option
def check(form: str) -> int:
    """Is AGENTS.md true: sections current, paths and commands there, personas described?

    \b
    kbtool agents check
    kbtool agents check --format json
    """
    return _answer(check_agents(), form, "AGENTS.md: no findings")


@command.command("sync")
@json_option
def sync(form: str) -> int:
    """Write the generated sections of AGENTS.md: the map of the base, the table of commands.

    They stand between `<!-- kb-generated map -->` (or `commands`) and `<!-- /kb-generated -->`,
    each on a line of its own. What stands around them is yours.

    \b
    kbtool agents sync
    """
    done = sync_agents()
    said = "AGENTS.md: sections written" if done.changed else "AGENTS.md: already current"
    return _answer(done, form, said)


def _answer(done: Linted, form: str, said: str) -> int:
    for notice in done.notices:
        note(notice)
    numbers = report.summary(done.findings, 1, done.fixed, done.suppressed)
    if form == "json":
        print_json(report.to_json(done.kb, done.findings, numbers) | {"changed": [*done.changed]})
    elif done.findings:
        print_findings(done.kb, done.findings)
    else:
        click.echo(said)
    return FINDINGS if done.findings else CLEAN
