"""`kbtool sandbox`."""

from pathlib import Path

import click

from kbtool.app.sandbox import Box, doctor, open_box, profiles_folder, statuses, stop
from kbtool.cli.console import print_json
from kbtool.cli.options import json_option, profile_option
from kbtool.cli.parity import command as parity
from kbtool.cli.progress import Teller
from kbtool.cli.terminal import open_shell
from kbtool.errors import BOUNDARY, CLEAN, FINDINGS
from kbtool.sandbox.registry import Entry

name_argument = click.argument("name", default="default")


@click.group("sandbox")
def command() -> None:
    """Start, break, reset and stop sandboxes.

    \b
    kbtool sandbox up              start (or build) the sandbox `default`
    kbtool sandbox break vault-sealed
    kbtool sandbox shell           look around inside
    kbtool sandbox reset           back to the seeded state
    kbtool sandbox down            stop it and remove all of it
    kbtool sandbox parity          how the profiles differ from production
    """


@command.command("up")
@name_argument
@profile_option
@json_option
def up(name: str, profile: str | None, form: str) -> int:
    """Start a sandbox, building it when it is new."""
    teller = Teller(to_stderr=form == "json")
    box = open_box(name, profile, teller.step)
    return _show([box], form)


@command.command("status")
@json_option
def status(form: str) -> int:
    """Say which sandboxes there are, and how their parts are."""
    return _show(statuses(), form)


def _show(boxes: list[Box], form: str) -> int:
    if form == "json":
        print_json({"version": 1, "sandboxes": [box.to_json() for box in boxes]})
        return CLEAN
    if not boxes:
        click.echo("no sandboxes: kbtool sandbox up")
    for box in boxes:
        click.echo(f"{box.name}  profile {box.profile}  {box.state}")
        for part, what in box.parts.items():
            click.echo(f"  {part:10} {what['state']:10} {what['version']}")
    return CLEAN


@command.command("down")
@name_argument
@click.option("--all", "every", is_flag=True, help="All sandboxes, kept ones of drills too.")
@click.option("--keep", is_flag=True, help="Keep the data: the next `up` takes no time.")
def down(name: str, every: bool, keep: bool) -> int:
    """Stop a sandbox and remove it: no process, socket or file is left."""
    for stopped in stop(None if every else name, keep=keep):
        click.echo(f"{stopped}: {'stopped' if keep else 'removed'}")
    return CLEAN


@command.command("reset")
@name_argument
def reset(name: str) -> int:
    """Go back to the seeded state."""
    box = open_box(name, None, lambda _: None, running=True)
    box.live.reset()
    click.echo(f"{name}: as seeded")
    return CLEAN


@command.command("break")
@click.argument("fault")
@click.argument("name", default="default")
@json_option
def break_(fault: str, name: str, form: str) -> int:
    """Inject a fault, and look whether it is really there."""
    box = open_box(name, None, lambda _: None, running=True)
    seen = box.live.inject(fault)
    if form == "json":
        print_json({"version": 1, "fault": fault, "seen": seen.seen, "detail": seen.detail})
    else:
        word = "seen" if seen.seen else "NOT seen"
        click.echo(f"{fault}: injected and {word} ({seen.detail})")
    return CLEAN if seen.seen else FINDINGS


@command.command("shell")
@name_argument
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="A secret to hold.")
def shell(name: str, secrets: tuple[str, ...]) -> int:
    """Open a confined bash in a sandbox, as a step would see it."""
    open_shell(Entry(name), secrets)
    return CLEAN


command.add_command(parity)


@command.command("doctor")
@json_option
def check(form: str) -> int:
    """Say what this machine has and lacks for sandboxes, one line each with the fix."""
    rows = doctor(_folder())
    missing = [row for row in rows if not row["found"]]
    if form == "json":
        print_json({"version": 1, "checks": rows, "ok": not missing})
    else:
        for row in rows:
            mark = "✓" if row["found"] else "✗"
            click.echo(f"{mark} {row['what']}: {row['found'] or row['fix']}")
    return BOUNDARY if missing else CLEAN


def _folder() -> Path | None:
    return profiles_folder()
