"""What all commands share of the terminal: colour, complaints, exit codes, JSON."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
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
    import json

    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in place of what is there."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def wait_while(condition: Callable[[], bool]) -> None:
    """Wait until the condition no longer holds, or somebody presses Ctrl-C or sends SIGTERM."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while condition():
            time.sleep(0.2)
    except KeyboardInterrupt:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
