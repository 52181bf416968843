"""`kbtool site`."""

import click

from kbtool.app.site import build_site, serve_site, stage_site
from kbtool.cli.console import note, print_json
from kbtool.cli.options import json_option
from kbtool.errors import CLEAN, FINDINGS


@click.group("site")
def command() -> None:
    """Publish the knowledge base as a site: self-hosted, no request to another host.

    \b
    kbtool site stage    vibe/ → build/site-src/, only changed bytes are written
    kbtool site build    the same, then the site in build/site/
    kbtool site serve    the same, and again whenever a page changes

    mkdocs.yml stands at the root and is read as data: hooks, other plugins and other themes are
    refused, because they are code that a change could bring along. Plain `mkdocs build` works too,
    and trusts that file.
    """


_strict = click.option("--strict", is_flag=True, help="A warning fails the build.")
_path = click.argument("path", required=False)


def _paths(path: str | None) -> list[str]:
    return [path] if path else []


@command.command("stage")
@_path
@json_option
def stage(path: str | None, form: str) -> int:
    """Write the staged tree: Markdown any generator on Python-Markdown reads alike.

    \b
    kbtool site stage
    kbtool site stage --format json
    """
    done = stage_site(_paths(path))
    problems = done.stage.problems
    if form == "json":
        print_json(
            {
                "version": 1,
                "folder": str(done.folder),
                "written": list(done.mirrored.written),
                "removed": list(done.mirrored.removed),
                "kept": done.mirrored.kept,
                "problems": [
                    {"path": p.path, "line": p.line, "message": p.message} for p in problems
                ],
            }
        )
        return FINDINGS if problems else CLEAN
    for problem in problems:
        note(f"{problem.path}:{problem.line}: {problem.message}")
    counts = f"{len(done.mirrored.written)} written, {len(done.mirrored.removed)} removed"
    click.echo(f"{done.folder}: {counts}, {done.mirrored.kept} as they were")
    return FINDINGS if problems else CLEAN


@command.command("build")
@_path
@_strict
@click.option("--site-dir", metavar="DIR", help="Where to (default: as mkdocs.yml says).")
@json_option
def build(path: str | None, strict: bool, site_dir: str | None, form: str) -> int:
    """Stage, and build the site.

    \b
    kbtool site build --strict
    kbtool site build --site-dir /srv/www/kb
    """
    folder = build_site(_paths(path), site_dir, strict=strict)
    if form == "json":
        print_json({"version": 1, "folder": str(folder)})
        return CLEAN
    click.echo(f"{folder}: built; look at it: kbtool site serve")
    return CLEAN


@command.command("serve")
@_path
@_strict
@click.option("--address", metavar="HOST:PORT", help="Where to listen (default: 127.0.0.1:8000).")
def serve(path: str | None, strict: bool, address: str | None) -> int:
    """Stage, build and serve; build anew whenever a page changes.

    \b
    kbtool site serve
    kbtool site serve --address 127.0.0.1:8080
    """
    serve_site(_paths(path), address, strict=strict)
    return CLEAN
