"""The table of commands says what the command line has."""

from importlib import import_module

import click
import pytest

from kbtool.commands import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_is_the_command_line(name):
    entry = COMMANDS[name]
    command = import_module(entry.module).command
    parts = tuple(command.commands) if isinstance(command, click.Group) else ()
    assert (command.name, parts) == (name, entry.parts)
