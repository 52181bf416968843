"""`kbtool lint`."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final, NamedTuple

import click

from kbtool.adapters.replay import Tape
from kbtool.app.lint import Linted, lint_project
from kbtool.cli.console import color_wanted, note
from kbtool.errors import CLEAN, FINDINGS, UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding
from kbtool.report.answer import Answer
from kbtool.report.cover import Cover
from kbtool.report.findings import answer_of, summary
from kbtool.report.findings import text as text_lines
from kbtool.report.formats import COUNTING, FOR_PEOPLE, FORMATS

_AT_ONCE: Final = 500  # lines: each write is flushed
_STYLES: Final[Mapping[str, Callable[[str], str]]] = {
    "path": lambda text: click.style(text, bold=True),
    "error": lambda text: click.style(text, fg="red"),
    "warning": lambda text: click.style(text, fg="yellow"),
    "dim": lambda text: click.style(text, dim=True),
}


class Wish(NamedTuple):
    """What one run is asked for."""

    paths: tuple[str, ...]
    mend: bool
    preview: bool
    form: str
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    statistics: bool
    changed: str | None
    baseline: str
    update: bool
    cached: bool
    strict: bool
    external: bool


@click.command("lint")
@click.argument("paths", nargs=-1, metavar="[PATH]…")
@click.option("--fix", "mend", is_flag=True, help="Mend what can be mended; report what is left.")
@click.option("--diff", "preview", is_flag=True, help="Show what --fix would write; write nothing.")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True
)
@click.option("--select", multiple=True, metavar="RULE", help="Only these rules, by id or name.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules, by id or name.")
@click.option("--statistics", is_flag=True, help="Count findings by rule.")
@click.option(
    "--changed",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[BASE]",
    help="Report only what changed since BASE (default: the base branch), and what is not "
    "committed. Paths go before it.",
)
@click.option("--baseline", default="", metavar="FILE", help="Do not report what FILE has.")
@click.option(
    "--update-baseline",
    "update",
    is_flag=True,
    help="Take out of FILE what is found no more; write it where there is none.",
)
@click.option("--watch", is_flag=True, help="Lint again whenever a file changes, until Ctrl-C.")
@click.option("--external", is_flag=True, help="Ask the hosts of external links, too (KB110).")
@click.option("--no-cache", is_flag=True, help="Keep nothing, judge anew what was judged before.")
@click.option("--strict", is_flag=True, help="Warnings fail too, and so do stale baseline entries.")
@click.pass_obj
def command(
    tape: Tape | None,
    paths: tuple[str, ...],
    mend: bool,
    preview: bool,
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    statistics: bool,
    changed: str | None,
    baseline: str,
    update: bool,
    watch: bool,
    external: bool,
    no_cache: bool,
    strict: bool,
) -> int:
    """Check the pages against the conventions.

    All pages of the project are read; PATHs limit what is reported.

    \b
    kbtool lint
    kbtool lint vibe/runbooks --fix
    kbtool lint --diff | git apply
    kbtool lint --select KB101,dead-anchor --format concise
    kbtool lint --changed --format github
    kbtool lint --baseline baseline.json --update-baseline
    """
    wish = Wish(
        paths,
        mend,
        preview,
        form,
        _split(select),
        _split(ignore),
        statistics,
        changed,
        baseline,
        update,
        not no_cache,
        strict,
        external,
    )
    _refuse(wish, watch=watch)
    if not watch:
        return run(wish, tape)
    from kbtool.cli.watch import keep_running

    return keep_running(paths, lambda: run(wish))


def _refuse(wish: Wish, *, watch: bool) -> None:
    """Refuse what contradicts itself.

    Raises:
        UsageError: two options do not go together.
    """
    pairs = (
        (wish.mend and wish.preview, "--fix writes and --diff does not", "take one of them"),
        (wish.preview and wish.form != "text", "--diff has one format", "leave --format out"),
        (wish.preview and wish.statistics, "--diff counts nothing", "leave --statistics out"),
        (wish.update and not wish.baseline, "--update-baseline updates no file", "--baseline FILE"),
        (
            wish.statistics and wish.form not in COUNTING,
            f"--statistics does not go with --format {wish.form}",
            f"take one of {', '.join(COUNTING)}",
        ),
        (
            watch and (wish.mend or wish.update),
            "--watch only looks: it would write under your hands",
            "leave --fix and --update-baseline out",
        ),
        (
            watch and wish.form not in FOR_PEOPLE,
            "--watch is for people",
            f"take one of {', '.join(FOR_PEOPLE)}",
        ),
    )
    for contradicts, message, hint in pairs:
        if contradicts:
            raise UsageError(message, hint)


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for value in values for part in value.replace(",", " ").split())


def run(wish: Wish, tape: Tape | None = None) -> int:
    """Lint once, write the answer, and return the exit code; say on the tape what it rests on."""
    done = lint_project(
        wish.paths,
        select=wish.select,
        ignore=wish.ignore,
        mend=wish.mend,
        preview=wish.preview,
        cached=wish.cached,
        changed=wish.changed,
        baseline=wish.baseline,
        update=wish.update,
        external=wish.external,
    )
    answer = _answer(done, wish)
    for notice in answer.notices:
        note(notice)
    if wish.preview:
        _print_diff(done, answer)
    else:
        _echo(FORMATS[wish.form](answer))
        if wish.form == "text":
            _last_line(done, answer.numbers)
    if tape:
        tape.rests_on(done.rests)
    failed = answer.numbers["errors"] or (wish.strict and (answer.numbers["warnings"] or done.gone))
    return FINDINGS if failed else CLEAN


def _answer(done: Linted, wish: Wish) -> Answer:
    numbers = summary(done.findings, done.pages, done.fixed, done.suppressed, done.known)
    return Answer(
        done.kb,
        done.findings,
        Cover(done.kb, done.secrets),
        numbers,
        done.reported,
        done.rules,
        (*done.notices, *_stale(done, wish.baseline)),
        _folder(done),
        wish.strict,
        wish.statistics,
        _styled,
    )


def _stale(done: Linted, baseline: str) -> Iterable[str]:
    if done.gone:
        first = done.gone[0]
        more = f" and {len(done.gone) - 1} more" if len(done.gone) > 1 else ""
        yield (
            f"{baseline}: found no more: {first.rule} in {first.path}{more} "
            "(--update-baseline takes them out)"
        )


def _folder(done: Linted) -> str:
    """Return where the project lies in the checkout CI speaks of: annotations need that."""
    checkout = os.environ.get("GITHUB_WORKSPACE", "")
    if not checkout or not done.root.path.is_relative_to(os.path.realpath(checkout)):
        return ""
    found = done.root.path.relative_to(os.path.realpath(checkout)).as_posix()
    return "" if found == "." else f"{found}/"


def _print_diff(done: Linted, answer: Answer) -> None:
    from kbtool.report.diff import diff

    # As bytes: a page with CRLF is changed with CRLF.
    for line in diff(done.preview, answer.cover):
        click.echo(line.encode() + b"\n", nl=False)
    all_of_them = len(done.findings) + done.known
    pages = f"{len(done.preview)} page{'s' if len(done.preview) != 1 else ''}"
    note(f"--fix would mend {done.fixed} of {all_of_them} findings, in {pages}")


def print_findings(kb: KnowledgeBase, findings: tuple[Finding, ...]) -> None:
    """Write findings by page, each with its place in the text."""
    _echo(text_lines(answer_of(kb, findings)._replace(style=_styled)))


def _echo(lines: Iterable[str]) -> None:
    color = color_wanted(sys.stdout)
    waiting = iter(lines)
    while some := list(islice(waiting, _AT_ONCE)):
        click.echo("\n".join(some), color=color)


def _styled(text: str, kind: str) -> str:
    return _STYLES[kind](text)


def _last_line(done: Linted, numbers: Mapping[str, int]) -> None:
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
    if numbers["baseline"]:
        parts.append(f"{numbers['baseline']} in the baseline")
    if numbers["fixable"]:
        parts.append(f"{numbers['fixable']} can be mended with --fix")
    click.echo(("\n" if done.findings else "") + ", ".join(parts))
