"""Telling what happens while it happens: one line a fact, to standard error with --format json."""

import sys

import click

from kbtool.cli.console import color_wanted
from kbtool.report.run import fact_line
from kbtool.runbook.ports import Fact


class Teller:
    """Writes progress; quiet facts stay quiet."""

    def __init__(self, *, to_stderr: bool) -> None:
        self.err = to_stderr
        self.color = color_wanted(sys.stderr if to_stderr else sys.stdout)

    def step(self, text: str) -> None:
        """Tell one step of the sandbox's start."""
        self.line(f"  {text} …", "")

    def fact(self, fact: Fact) -> None:
        """Tell one fact of a run."""
        told = fact_line(fact)
        if told:
            self.line(*told)

    def line(self, text: str, style: str) -> None:
        """Write one line in a colour ("" or "bold": none)."""
        styled = click.style(text, bold=True) if style == "bold" else text
        if style in ("green", "red"):
            styled = click.style(text, fg=style)
        click.echo(styled, err=self.err, color=self.color)
