"""`kbtool runs`."""

import click

from kbtool.app.journals import JournalFile, listed, load_facts
from kbtool.cli.console import print_json
from kbtool.cli.options import json_option
from kbtool.cli.progress import Teller
from kbtool.errors import CLEAN, UsageError
from kbtool.runbook.journal import fold


@click.group("runs")
def command() -> None:
    """List, show and answer runs.

    \b
    kbtool runs list
    kbtool runs show 20261124-101500-a1b2c3
    kbtool runs answer 20261124-101500-a1b2c3 S4 --evidence initials=AB
    """


@command.command("list")
@json_option
def list_runs(form: str) -> int:
    """List the runs, newest first."""
    rows = []
    for row in listed():
        run = row.state.run
        verdict = row.problem or row.state.verdict or "begun, not ended"
        rows.append(
            {
                "run": row.run,
                "mode": run.get("mode"),
                "runbook": run.get("runbook"),
                "verdict": verdict,
                "waiting": row.state.waiting,
            }
        )
    if form == "json":
        print_json({"version": 1, "runs": rows})
        return CLEAN
    if not rows:
        click.echo("no runs yet: kbtool drill RUNBOOK")
    for each in rows:
        waits = f" ({each['waiting']} waits for a person)" if each["waiting"] else ""
        what = f"{each['mode'] or '-':6} {each['runbook'] or '-'}"
        click.echo(f"{each['run']}  {what}  {each['verdict']}{waits}")
    return CLEAN


@command.command("show")
@click.argument("run")
@json_option
def show(run: str, form: str) -> int:
    """Show a run's facts; its chain of hashes is checked first."""
    facts = load_facts(run)
    if form == "json":
        print_json({"version": 1, "run": run, "facts": list(facts)})
        return CLEAN
    teller = Teller(to_stderr=False)
    for fact in facts:
        teller.fact(fact)
    return CLEAN


@command.command("answer")
@click.argument("run")
@click.argument("step")
@click.option("--evidence", multiple=True, metavar="NAME=VALUE", help="What the step asks for.")
@click.option("--done", is_flag=True, help="The step was done (the default).")
@click.option("--again", is_flag=True, help="Run an interrupted step once more.")
def answer(run: str, step: str, evidence: tuple[str, ...], done: bool, again: bool) -> int:
    """Answer for a step that waits: it was done, and this is the evidence."""
    del done  # the default, spelled out
    state = fold(load_facts(run))
    if step not in (state.waiting, state.open_step):
        waits = state.waiting or state.open_step
        hint = f"{waits} does" if waits else "nothing waits in this run"
        raise UsageError(f"{step} waits for nobody", hint)
    given = _evidence(evidence)
    missing = [name for name in state.wanted if name not in given]
    if missing and not again:
        hint = " ".join(f"--evidence {name}=…" for name in missing)
        raise UsageError(f"{step} asks for evidence: {', '.join(missing)}", hint)
    journal = JournalFile(run)
    try:
        journal.record(
            {
                "kind": "answered",
                "step": step,
                "evidence": dict(given),
                "channel": "flag",
                "again": again,
            }
        )
    finally:
        journal.close()
    click.echo(f"recorded; go on: kbtool run {state.run.get('runbook')} --resume {run}")
    return CLEAN


def _evidence(pairs: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not value:
            raise UsageError(f"--evidence {pair!r} is not NAME=value")
        given[name] = value
    return given
