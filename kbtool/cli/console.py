"""What all commands share of the terminal: colour, complaints, exit codes, JSON."""

import json
import os
import sys
from typing import IO, Any

import click


def color_wanted(stream: IO[str]) -> bool:
    """Colour only on a terminal, never with NO_COLOR (no-color.org) or TERM=dumb."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def complain(message: str, hint: str = "") -> None:
    """Write one error and its hint to standard error."""
    color = color_wanted(sys.stderr)
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True, color=color)
    if hint:
        click.echo(click.style("hint:  ", fg="cyan") + hint, err=True, color=color)


def note(message: str) -> None:
    """Write one notice to standard error."""
    color = color_wanted(sys.stderr)
    click.echo(click.style("note:  ", fg="yellow") + message, err=True, color=color)


def print_json(data: Any) -> None:
    """Write one JSON document to standard output."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))
