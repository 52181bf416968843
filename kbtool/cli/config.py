"""`kbtool config`."""

import click

from kbtool.app.config import explain_page, show_config
from kbtool.cli.console import print_json
from kbtool.cli.options import json_option
from kbtool.config import config_schema
from kbtool.errors import CLEAN
from kbtool.report.config import VERSION, setting_json, setting_lines, value_line


@click.group("config")
def command() -> None:
    """Show the configuration, its schema, or what holds for a page.

    \b
    kbtool config show
    kbtool config explain vibe/runbooks/X.md
    kbtool config schema > kbtool.schema.json
    """


@command.command("show")
@json_option
def show(form: str) -> int:
    """Show every key with its value here and where that comes from.

    \b
    kbtool config show
    kbtool config show --format json
    """
    root, values = show_config()
    if form == "json":
        print_json(
            {
                "version": VERSION,
                "root": str(root.path),
                "source": root.config.source,
                "values": [
                    {"key": v.key, "value": v.value, "from": v.source, "help": v.help}
                    for v in values
                ],
            }
        )
        return CLEAN
    click.echo(f"# root: {root.path}")
    for each in values:
        click.echo(value_line(each.key, each.value, each.source))
    return CLEAN


@command.command("explain")
@click.argument("page", metavar="PAGE")
@json_option
def explain(page: str, form: str) -> int:
    """Say which rules hold for PAGE, with which severity and options, and why.

    \b
    kbtool config explain vibe/shareouts/2026-11-26-x.md
    """
    found = explain_page(page)
    if form == "json":
        rules = [setting_json(each.setting, each.off) for each in found.rules]
        about = {"version": VERSION, "path": found.path, "kind": found.kind}
        print_json(about | {"source": found.source, "rules": rules})
        return CLEAN
    click.echo(f"{found.path}: {found.kind}, configured by {found.source or 'nothing'}\n")
    for line in setting_lines([(each.setting, each.off) for each in found.rules]):
        click.echo(line)
    return CLEAN


@command.command("schema")
def schema() -> int:
    """Print the JSON Schema of kbtool.toml, for editors and checks.

    \b
    kbtool config schema > kbtool.schema.json
    """
    print_json(config_schema())
    return CLEAN
