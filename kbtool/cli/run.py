"""`kbtool run`."""

import click

from kbtool.app.journals import JournalFile, load_facts, new_run_id
from kbtool.app.run import run
from kbtool.app.runbooks import open_runbook, parse_inputs, plan_of, profile_of, profiles_of
from kbtool.app.sandbox import or_another
from kbtool.app.world import RealClock, TerminalPerson
from kbtool.cli.options import input_option, runbook_argument, runbook_profile_option
from kbtool.cli.progress import Teller
from kbtool.cli.terminal import open_shell
from kbtool.errors import CLEAN, FINDINGS
from kbtool.runbook.journal import fold
from kbtool.sandbox.client import LiveSandbox


@click.command("run")
@runbook_argument
@input_option
@click.option("--sandbox", metavar="NAME", help="Sandbox to run in (default: default).")
@runbook_profile_option
@click.option("--resume", metavar="RUN", help="Go on with a run that waits or was killed.")
def command(
    runbook: str,
    inputs: tuple[str, ...],
    sandbox: str | None,
    profile: str | None,
    resume: str | None,
) -> int:
    """Run a runbook in a sandbox, people at their steps.

    The sandbox is started when it is not running, and stays. Steps are taken back in reverse
    order when one fails, or on Ctrl-C. A step for a person waits at the terminal; without one the
    run ends with 4 and can be resumed.

    \b
    kbtool run unseal-vault-after-a-restart
    kbtool run X.md --sandbox try --input VOLUME=erp-data
    kbtool run X.md --resume 20261124-101500-a1b2c3
    """
    opened = open_runbook(runbook)
    chosen = profile_of(opened, profile)
    given = parse_inputs(inputs)
    name = sandbox or "default"
    if resume:
        begun = fold(load_facts(resume)).run
        kept = begun.get("inputs")
        given = {
            **{str(k): str(v) for k, v in (kept if isinstance(kept, dict) else {}).items()},
            **given,
        }
        name = sandbox or str(begun.get("name") or name)
    plan = plan_of(opened, chosen, inputs=given, mode="run")
    teller = Teller(to_stderr=False)
    with or_another(profiles_of(opened)):
        box = LiveSandbox.open(name, chosen, progress=teller.step)
    journal = JournalFile(resume or new_run_id(), teller.fact)
    try:
        ended = run(
            opened,
            plan,
            box,
            lambda run_id: TerminalPerson(run_id, lambda: open_shell(box.entry, ())),
            RealClock(),
            journal,
        )
    finally:
        journal.close()
    teller.line("", "")
    if ended.accepted:
        teller.line(f"green: {plan.runbook.title}", "green")
    else:
        teller.line(f"red: {ended.outcome.reason}", "red")
    teller.line(f"journal   kbtool runs show {ended.run}", "")
    teller.line(f"sandbox   {name}: kbtool sandbox shell {name}; kbtool sandbox down {name}", "")
    return CLEAN if ended.accepted else FINDINGS
