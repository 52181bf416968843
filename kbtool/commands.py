"""The commands by job: what `--help` lists, and what AGENTS.md may name. Data, nothing else."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Command(NamedTuple):
    """One command: where it stands, under which job, its line of help, and its own commands."""

    module: str  # whose `command` it is
    job: str
    help: str
    parts: tuple[str, ...] = ()


# Read top to bottom in --help.
COMMANDS: Final[Mapping[str, Command]] = {
    "lint": Command(
        "kbtool.cli.lint", "Lint", "Check the pages against the conventions; --fix mends."
    ),
    "rules": Command("kbtool.cli.rules", "Lint", "List the rules, or explain one."),
    "config": Command(
        "kbtool.cli.config",
        "Lint",
        "Show the configuration, its schema, or what holds for a page.",
        ("show", "explain", "schema"),
    ),
    "site": Command(
        "kbtool.cli.site",
        "Publish",
        "Stage, build or serve the pages as a site.",
        ("stage", "build", "serve"),
    ),
    "plan": Command("kbtool.cli.plan", "Run", "Show what a runbook will do; nothing runs."),
    "run": Command("kbtool.cli.run", "Run", "Run a runbook in a sandbox, people at their steps."),
    "drill": Command("kbtool.cli.drill", "Run", "Prove a runbook: green, broken, red, run, green."),
    "verify": Command("kbtool.cli.verify", "Run", "Is each page's evidence still true?"),
    "runs": Command(
        "kbtool.cli.runs", "Run", "List, show and answer runs.", ("list", "show", "answer")
    ),
    "sandbox": Command(
        "kbtool.cli.sandbox",
        "Run",
        "Start, break, reset and stop sandboxes.",
        (
            "up",
            "status",
            "down",
            "reset",
            "break",
            "shell",
            "parity",
            "kubeconfig",
            "vm-host",
            "inventory",
            "assets",
            "doctor",
        ),
    ),
    "new": Command(
        "kbtool.cli.new",
        "Author",
        "Write a new page of a kind, listed and linked where it must be.",
    ),
    "agents": Command(
        "kbtool.cli.agents", "Author", "Check AGENTS.md, or write its sections.", ("check", "sync")
    ),
}
