"""The command line: arguments in, rendered report out, exit code. One error boundary."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from kbtool import __version__
from kbtool.adapters.replay import Tape
from kbtool.cli.console import color_wanted, complain
from kbtool.commands import COMMANDS
from kbtool.errors import CLEAN, INTERRUPTED, USAGE, KbError

BUG_URL: Final = "the project's issue tracker"


class LazyGroup(click.Group):
    """Imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None when there is no such name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = import_module(entry.module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name when there is none."""
        if args[0] not in COMMANDS:
            from difflib import get_close_matches

            for near in get_close_matches(args[0], COMMANDS, 1):
                ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under the four jobs, without importing any."""
        for job in dict.fromkeys(entry.job for entry in COMMANDS.values()):
            with formatter.section(job):
                formatter.write_dl(
                    [(name, entry.help) for name, entry in COMMANDS.items() if entry.job == job]
                )


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='Shell completion: eval "$(_KBTOOL_COMPLETE=bash_source kbtool)" (or zsh, fish).',
)
@click.version_option(__version__, prog_name="kbtool", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Docs-as-code for a Markdown knowledge base: lint it, publish it, run its runbooks.

    \b
    kbtool lint                      check the knowledge base around you
    kbtool lint --fix                mend what can be mended
    kbtool drill vibe/runbooks/X.md  prove a runbook in its own sandbox
    kbtool new adr "Use a queue"     write a page, listed and linked where it must be
    """
    ctx.color = color_wanted(sys.stdout)


def answer(args: Sequence[str] | None = None, tape: Tape | None = None) -> int:
    """Run the command line and return its exit code. Never raises.

    A command whose answer may be given again says on the `tape` what it rests on.
    """
    try:
        result = main.main(args, prog_name="kbtool", standalone_mode=False, obj=tape)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        complain(error.format_message(), f"{context.command_path if context else 'kbtool'} --help")
        return USAGE
    except KbError as error:
        complain(error.message, error.hint)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - the one outer boundary: everything else is a bug report
        _report_bug()
        return USAGE
    return result if isinstance(result, int) else CLEAN


def _report_bug() -> None:
    complain(f"this is a bug in kbtool; please report it to {BUG_URL} with all that follows")
    import platform
    import traceback

    python = platform.python_version()
    click.echo(f"kbtool {__version__}, Python {python}, {platform.platform()}", err=True)
    click.echo(f"arguments: {sys.argv[1:]}\n{traceback.format_exc()}", err=True)
