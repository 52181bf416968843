"""`kbtool lint`."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import click

from kbtool.adapters.replay import Tape
from kbtool.app.lint import Linted, lint_project
from kbtool.cli.console import color_wanted, note, print_json
from kbtool.errors import CLEAN, FINDINGS
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding
from kbtool.report import findings as report

_STYLES: Final[Mapping[str, Callable[[str], str]]] = {
    "path": lambda text: click.style(text, bold=True),
    "error": lambda text: click.style(text, fg="red"),
    "warning": lambda text: click.style(text, fg="yellow"),
    "dim": lambda text: click.style(text, dim=True),
}


@click.command("lint")
@click.argument("paths", nargs=-1, metavar="[PATH]…")
@click.option("--fix", "mend", is_flag=True, help="Mend what can be mended; report what is left.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "concise", "json"]),
    default="text",
    show_default=True,
)
@click.option("--select", multiple=True, metavar="RULE", help="Only these rules, by id or name.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules, by id or name.")
@click.option("--statistics", is_flag=True, help="Count findings by rule.")
@click.option("--no-cache", is_flag=True, help="Judge anew what was judged before.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.pass_obj
def command(
    tape: Tape | None,
    paths: tuple[str, ...],
    mend: bool,
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    statistics: bool,
    no_cache: bool,
    strict: bool,
) -> int:
    """Check the pages against the conventions.

    All pages of the project are read; PATHs limit what is reported.

    \b
    kbtool lint
    kbtool lint vibe/runbooks --fix
    kbtool lint --select KB101,dead-anchor --format concise
    """
    done = lint_project(
        paths, select=_split(select), ignore=_split(ignore), mend=mend, cached=not no_cache
    )
    for notice in done.notices:
        note(notice)
    numbers = report.summary(done.findings, done.pages, done.fixed, done.suppressed)
    if form == "json":
        print_json(report.to_json(done.kb, done.findings, numbers))
    else:
        _print(done, form, statistics=statistics)
    if tape:
        tape.rests_on(done.rests)
    failed = numbers["errors"] or (strict and numbers["warnings"])
    return FINDINGS if failed else CLEAN


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for value in values for part in value.replace(",", " ").split())


def _print(done: Linted, form: str, *, statistics: bool) -> None:
    if statistics:
        _echo(report.statistics(done.findings))
    elif form == "concise":
        _echo(report.concise(done.kb, done.findings))
    else:
        print_findings(done.kb, done.findings)
    if form == "text":
        _last_line(done)


def print_findings(kb: KnowledgeBase, findings: tuple[Finding, ...]) -> None:
    """Write findings by page, each with its place in the text."""
    _echo(report.text(kb, findings, _styled))


def _echo(lines: Iterable[str]) -> None:
    color = color_wanted(sys.stdout)
    for line in lines:
        click.echo(line, color=color)


def _styled(text: str, kind: str) -> str:
    return _STYLES[kind](text)


def _last_line(done: Linted) -> None:
    numbers = report.summary(done.findings, done.pages, done.fixed, done.suppressed)
    if not done.pages and not done.findings:
        note("no pages here: is this the right folder?")
        return
    parts = [f"{numbers['pages']} pages"]
    counts = {name: numbers[name] for name in ("errors", "warnings") if numbers[name]}
    parts += [f"{n} {name if n > 1 else name[:-1]}" for name, n in counts.items()]
    if not done.findings:
        parts.append("no findings")
    if numbers["fixed"]:
        parts.append(f"{numbers['fixed']} mended in {', '.join(done.changed)}")
    if numbers["suppressed"]:
        parts.append(f"{numbers['suppressed']} ignored with a reason")
    if numbers["fixable"]:
        parts.append(f"{numbers['fixable']} can be mended with --fix")
    click.echo(("\n" if done.findings else "") + ", ".join(parts))
