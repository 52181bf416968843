"""`kbtool verify`."""

import click

from kbtool.app.verify import verify
from kbtool.cli.console import color_wanted, print_json
from kbtool.cli.options import json_option
from kbtool.errors import CLEAN, FINDINGS


@click.command("verify")
@click.argument("paths", nargs=-1, metavar="[PATH]…")
@click.option("--against", metavar="REV", help="Also list checks a change removed or weakened.")
@json_option
def command(paths: tuple[str, ...], against: str | None, form: str) -> int:
    """Is each page's evidence still true?

    Fails when evidence is stale (a step, a guard or a Uses file changed), red, unconfined, too
    old, or missing where the header claims it; and when --against finds weakened checks.
    Evidence that is not signed is self-reported.

    \b
    kbtool verify
    kbtool verify vibe/runbooks/X.md --against origin/main
    """
    import sys

    rows = verify(paths, against)
    failed = any(row.problems or row.weakened for row in rows)
    if form == "json":
        print_json(
            {
                "version": 1,
                "runbooks": [
                    {
                        "path": row.path,
                        "state": row.state,
                        "date": row.date,
                        "signed": False,
                        "problems": list(row.problems),
                        "weakened": list(row.weakened),
                    }
                    for row in rows
                ],
            }
        )
        return FINDINGS if failed else CLEAN
    color = color_wanted(sys.stdout)
    for row in rows:
        hue = {"verified": "green", "failed": "red"}.get(row.state)
        dated = f" {row.date}, self-reported" if row.state == "verified" else ""
        click.echo(f"{row.path}: {click.style(row.state, fg=hue)}{dated}", color=color)
        for text in (*row.problems, *(f"weaker: {text}" for text in row.weakened)):
            click.echo(f"  {text}")
    if failed:
        click.echo("hint: drill again: kbtool drill RUNBOOK")
    if not rows:
        click.echo("no runbooks here")
    return FINDINGS if failed else CLEAN
