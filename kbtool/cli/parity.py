"""`kbtool sandbox parity`."""

from collections.abc import Iterator
from typing import Any

import click

from kbtool.cli.console import color_wanted, print_json
from kbtool.cli.options import json_option
from kbtool.errors import CLEAN, FINDINGS
from kbtool.runbook.parity import Drift, Parity


@click.command("parity")
@click.option("--profile", metavar="P", help="Only this profile (default: all).")
@json_option
def command(profile: str | None, form: str) -> int:
    """How does a sandbox differ from production?

    Compares each profile with `parity.toml`, which stands beside the folder of profiles: parts with
    their programs and versions, what runs outside the cluster, nodes, applications. Fails for a
    difference that is not accepted there with a reason, and for an acceptance nothing needs.

    \b
    kbtool sandbox parity
    kbtool sandbox parity --profile controlplane
    kbtool sandbox parity --format json
    """
    import sys

    from kbtool.app.parity import parities

    found = parities(profile)
    fine = all(each.ok for each in found)
    if form == "json":
        print_json({"version": 1, "ok": fine, "profiles": [_json(each) for each in found]})
        return CLEAN if fine else FINDINGS
    color = color_wanted(sys.stdout)
    for each in found:
        for line, hue in _lines(each):
            click.echo(click.style(line, fg=hue) if hue else line, color=color)
    if not fine:
        click.echo("hint: mend the profile, or accept a difference in parity.toml with its reason")
    return CLEAN if fine else FINDINGS


def _lines(parity: Parity) -> Iterator[tuple[str, str | None]]:
    many = len(parity.accepted) + len(parity.open)
    state = "all accepted" if parity.ok else f"{len(parity.open)} not accepted"
    stale = f", {len(parity.stale)} accepted that are not there" if parity.stale else ""
    yield f"{parity.profile}: {many} differences, {state}{stale}", "green" if parity.ok else "red"
    for drift in parity.open:
        yield f"  ✗ {drift.what}  (production: {drift.production})", "red"
    for what in parity.stale:
        yield f"  ✗ {what}: accepted, and there is no such difference", "red"
    for reason, drifts in parity.by_reason().items():
        yield f"  accepted: {reason}", None
        for drift in drifts:
            yield f"    {drift.what}  (production: {drift.production})", None
    for part, version in parity.unknown.items():
        yield f"  ? {part} is {version} here; production's version is not written down", None


def _json(parity: Parity) -> dict[str, Any]:
    return {
        "profile": parity.profile,
        "ok": parity.ok,
        "accepted": [{**_drift(drift), "reason": reason} for drift, reason in parity.accepted],
        "drift": [_drift(drift) for drift in parity.open],
        "stale": list(parity.stale),
        "unknown": [{"part": part, "here": here} for part, here in parity.unknown.items()],
    }


def _drift(drift: Drift) -> dict[str, str]:
    return {"what": drift.what, "production": drift.production, "here": drift.here}
