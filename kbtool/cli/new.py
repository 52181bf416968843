"""`kbtool new`."""

import sys
from collections.abc import Iterator
from datetime import date
from difflib import unified_diff
from typing import Any, Final

import click

from kbtool.app.new import Ask, Made, make_page
from kbtool.cli.console import note, print_json
from kbtool.cli.lint import print_findings
from kbtool.cli.options import json_option
from kbtool.errors import CLEAN, FINDINGS, UsageError
from kbtool.report.findings import summary, to_json
from kbtool.scaffold.kinds import KINDS
from kbtool.source import MAX_PAGE_BYTES

VERSION: Final = 1


@click.command("new")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("title", nargs=-1, required=True)
@click.option(
    "--from", "source", metavar="FILE", help="Take this text for the body; - reads standard input."
)
@click.option("--related", multiple=True, metavar="PAGE", help="A page to relate to, both ways.")
@click.option("--date", "day", metavar="DATE", help="Its date, as 2026-11-24 (default: today).")
@click.option("--into", default="", metavar="GUIDEBOOK", help="The guidebook a page goes into.")
@click.option("--big", is_flag=True, help="A PRD with a QA strategy.")
@click.option("--dry-run", "dry", is_flag=True, help="Show what would be written; write nothing.")
@json_option
def command(
    kind: str,
    title: tuple[str, ...],
    source: str | None,
    related: tuple[str, ...],
    day: str | None,
    into: str,
    big: bool,
    dry: bool,
    form: str,
) -> int:
    """Write a new page of a kind, listed and linked where it must be.

    The number is the next one here and on the base branch. The page's breadcrumb, its row in the
    hub and the inverse of its relations are written too. What you must fill in is marked `_…_` in
    the page, and named in the answer. The base's own `_template.md` beside the pages goes before
    the built-in template.

    \b
    kbtool new adr "Use a queue for mail" --related vibe/guidebooks/mail/README.md
    kbtool new guidebook "How mail arrives" --into mail
    kbtool new inv "Why mail was late" --from notes.md
    echo "$TEXT" | kbtool new runbook "Empty the queue" --from - --format json
    """
    ask = Ask(kind, " ".join(title), _given(source), _day(day), related, into, big)
    made = make_page(ask, dry=dry)
    for notice in made.notices:
        note(notice)
    if form == "json":
        print_json(_json(kind, made, dry=dry))
    else:
        _print(made, dry=dry)
    return FINDINGS if any(f.severity == "error" for f in made.findings) else CLEAN


def _given(source: str | None) -> str | None:
    if source is None:
        return None
    try:
        if source == "-":
            raw = sys.stdin.buffer.read(MAX_PAGE_BYTES + 1)
        else:
            with open(source, "rb") as file:
                raw = file.read(MAX_PAGE_BYTES + 1)
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"the text of --from {source} is not UTF-8") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--from {source} cannot be read: {why}") from error
    if len(raw) > MAX_PAGE_BYTES:
        raise UsageError(f"the text of --from {source} is too large: at most 10 MB are read")
    if not text.strip() or "\0" in text:
        raise UsageError(f"--from {source} holds no text", "leave it out to start from a template")
    return text


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"--date {text!r} is no date", "write it as 2026-11-24") from error


# ---------------------------------------------------------------------- the answer
def _json(kind: str, made: Made, *, dry: bool) -> dict[str, Any]:
    found = to_json(made.kb, made.findings, summary(made.findings, len(made.created), 0, 0))
    return {
        "version": VERSION,
        "kind": kind,
        "path": made.draft.path,
        "title": made.draft.title,
        "number": made.draft.number,
        "written": not dry,
        "created": list(made.created),
        "changed": list(made.changed),
        "fill": _names(made),
        "places": [
            {
                "name": each.name,
                "path": each.path,
                "line": line,
                "column": column,
                "hint": each.hint,
            }
            for each in made.todos
            for line, column in [made.kb.pages[each.path].lines.position(each.span.start)]
        ],
        "findings": found["findings"],
        "texts": dict(sorted(made.texts.items())) if dry else {},
    }


def _names(made: Made) -> list[str]:
    return list(dict.fromkeys(each.name for each in made.todos))


def _print(made: Made, *, dry: bool) -> None:
    if dry:
        for line in _difference(made):
            click.echo(line)
        click.echo()
    click.echo(f"{'would write' if dry else 'wrote'} {made.draft.path}")
    others = [path for path in (*made.created, *made.changed) if path != made.draft.path]
    if others:
        click.echo(f"with: {', '.join(others)}")
    if made.todos:
        click.echo(f"fill: {', '.join(_names(made))}")
    if made.findings:
        click.echo()
        print_findings(made.kb, made.findings)


def _difference(made: Made) -> Iterator[str]:
    """Yield what would change, as a patch."""
    for path, text in sorted(made.texts.items()):
        old = made.before.pages.get(path)
        lines = old.text.splitlines() if old else []
        begin = f"a/{path}" if old else "/dev/null"
        yield from unified_diff(lines, text.splitlines(), begin, f"b/{path}", lineterm="")
