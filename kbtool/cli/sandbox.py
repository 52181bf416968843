"""`kbtool sandbox`."""

import dataclasses
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from kbtool.app.assets import Files, Images, acquire, acquire_files_of, acquire_images_of
from kbtool.app.runbooks import DEFAULT_PROFILE
from kbtool.app.sandbox import (
    Box,
    Check,
    doctor,
    exposing,
    in_vm,
    inventory_of,
    kubeconfig,
    open_box,
    statuses,
    stop,
)
from kbtool.cli.console import note, print_json, wait_while, write_private
from kbtool.cli.options import json_option, profile_option, profile_option_all
from kbtool.cli.parity import command as parity
from kbtool.cli.progress import Teller
from kbtool.cli.terminal import open_shell
from kbtool.errors import BOUNDARY, CLEAN, FINDINGS, RequirementError, SandboxError, UsageError
from kbtool.sandbox.registry import Entry
from kbtool.sandbox.vmhost import configuration, create

name_argument = click.argument("name", default="default")


@click.group("sandbox")
def command() -> None:
    """Start, break, reset and stop sandboxes.

    \b
    kbtool sandbox up              start (or build) the sandbox `default`
    kbtool sandbox break vault-sealed
    kbtool sandbox shell           look around inside
    kbtool sandbox assets          build what profile `controlplane` needs, once
    kbtool sandbox reset           back to the seeded state
    kbtool sandbox down            stop it and remove all of it
    kbtool sandbox parity          how the profiles differ from production
    kbtool sandbox inventory       its hosts, for Ansible
    """


@command.command("up")
@name_argument
@profile_option
@click.option(
    "--only",
    metavar="HOST",
    help="Of a profile of guests, this one alone.",
)
@click.option(
    "--expose",
    is_flag=True,
    help="Then open its doors on ports of 127.0.0.1, until Ctrl-C.",
)
@json_option
def up(name: str, profile: str | None, only: str | None, expose: bool, form: str) -> int:
    """Start a sandbox, building it when it is new.

    Nothing of a sandbox listens on this machine. With --expose the servers can be reached from
    here for as long as the command runs: what clients need is written as NAME=VALUE, one a line.
    Whoever reaches a port still needs the credentials.

    \b
    kbtool sandbox up --profile controlplane
    kbtool sandbox up --profile vm --only pi2
    """
    if only:
        profile = f"{profile or DEFAULT_PROFILE}/{only}"
    teller = Teller(to_stderr=form == "json" or expose)
    box = open_box(name, profile, teller.step)
    return _expose(box, form) if expose else _show([box], form)


def _expose(box: Box, form: str) -> int:
    with exposing(box) as environment:
        if form == "json":
            print_json({"version": 1, "environment": dict(environment)})
        for key, value in environment.items() if form == "text" else ():
            click.echo(f"{key}={value}")
        note(f"{box.name} is open to clients on this machine; Ctrl-C closes it")
        wait_while(box.live.entry.alive)
    if not box.live.entry.alive():
        raise SandboxError(f"sandbox {box.name} ended", f"kbtool sandbox up {box.name}")
    return CLEAN


@command.command("status")
@json_option
def status(form: str) -> int:
    """Say which sandboxes there are, and how their parts are."""
    return _show(statuses(), form)


def _show(boxes: list[Box], form: str) -> int:
    if form == "json":
        print_json({"version": 1, "sandboxes": [box.to_json() for box in boxes]})
        return CLEAN
    if not boxes:
        click.echo("no sandboxes: kbtool sandbox up")
    for box in boxes:
        click.echo(f"{box.name}  profile {box.profile}  {box.state}")
        for part, what in box.parts.items():
            click.echo(f"  {part:10} {what['state']:10} {what['version']}")
    return CLEAN


@command.command("down")
@name_argument
@click.option("--all", "every", is_flag=True, help="All sandboxes, kept ones of drills too.")
@click.option("--keep", is_flag=True, help="Keep the data: the next `up` takes no time.")
def down(name: str, every: bool, keep: bool) -> int:
    """Stop a sandbox and remove it: no process, socket or file is left."""
    for stopped in stop(None if every else name, keep=keep):
        click.echo(f"{stopped}: {'stopped' if keep else 'removed'}")
    return CLEAN


@command.command("reset")
@name_argument
def reset(name: str) -> int:
    """Go back to the seeded state."""
    box = open_box(name, None, lambda _: None, running=True)
    box.live.reset()
    click.echo(f"{name}: as seeded")
    return CLEAN


@command.command("break")
@click.argument("fault")
@click.argument("name", default="default")
@json_option
def break_(fault: str, name: str, form: str) -> int:
    """Inject a fault, and look whether it is really there."""
    box = open_box(name, None, lambda _: None, running=True)
    seen = box.live.inject(fault)
    if form == "json":
        print_json({"version": 1, "fault": fault, "seen": seen.seen, "detail": seen.detail})
    else:
        word = "seen" if seen.seen else "NOT seen"
        click.echo(f"{fault}: injected and {word} ({seen.detail})")
    return CLEAN if seen.seen else FINDINGS


@command.command("shell")
@name_argument
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="A secret to hold.")
def shell(name: str, secrets: tuple[str, ...]) -> int:
    """Open a confined bash in a sandbox, as a step would see it."""
    open_shell(Entry(name), secrets)
    return CLEAN


command.add_command(parity)


@command.command("kubeconfig")
@name_argument
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write it here, 0600.")
def kubeconfig_(name: str, output: Path | None) -> int:
    """Print the kubeconfig of the steps' user: one context, for use inside the sandbox.

    Its address is the one that steps and `kbtool sandbox shell` see. From outside nothing listens
    there: `kbtool sandbox up --expose` has one that does.
    """
    text = kubeconfig(name)
    if output is None:
        click.echo(text, nl=False)
        return CLEAN
    try:
        write_private(output, text)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    return CLEAN


@command.command("vm-host", context_settings={"ignore_unknown_options": True})
@click.option("--write", type=click.Path(path_type=Path), help="Write the configuration here.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def vm_host(write: Path | None, arguments: tuple[str, ...]) -> int:
    """On macOS: the Linux machine that sandboxes run in, and kbtool inside of it.

    With --write the configuration for Lima is written: a machine without folders, keys, agent or
    ports of its host. With arguments they are passed to the kbtool in that machine, which works in
    the clone of the project at ~/project there. On Linux neither is needed.

    \b
    kbtool sandbox vm-host --write kbtool-lima.yaml
    limactl start --name=kbtool kbtool-lima.yaml
    kbtool sandbox vm-host drill unseal-vault-after-a-restart
    """
    if write is not None:
        try:
            write_private(write, configuration(cpus=4, memory=8, disk=40))
        except OSError as error:
            raise UsageError(f"cannot write {write}: {error.strerror}") from error
        note(f"then: {shlex.join(create(str(write)))}")
        return CLEAN
    if platform.system() == "Linux":
        click.echo("not needed on Linux: sandboxes run here as they are")
        return CLEAN
    if not arguments:
        raise UsageError("nothing to pass on", "kbtool sandbox vm-host --help")
    return in_vm(arguments)


@command.command("inventory")
@name_argument
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write hosts.yml and guard.yml here."
)
def inventory(name: str, output: Path | None) -> int:
    """Print the sandbox's hosts as an inventory for Ansible: the group `sandbox`, and no other.

    With --output the playbook guard.yml is written beside it. A playbook that imports it first
    fails before its first task when a host is not the sandbox's, or has an address or a name that
    the configuration gives to production.

    \b
    kbtool sandbox inventory
    kbtool sandbox inventory -o sandbox-inventory
    ansible-playbook -i sandbox-inventory/hosts.yml sandbox-inventory/guard.yml site.yml
    """
    hosts, guard = inventory_of(name)
    if output is None:
        click.echo(hosts, nl=False)
        return CLEAN
    try:
        output.mkdir(parents=True, exist_ok=True)
        for file, text in (("hosts.yml", hosts), ("guard.yml", guard)):
            write_private(output / file, text)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    return CLEAN


@command.command("assets")
@profile_option_all
@click.option("--yes", is_flag=True, help="Without asking (CI=true: builds only).")
@json_option
def assets(profile: str | None, yes: bool, form: str) -> int:
    """Find what profiles need beside packages, or make or get it once, asking first.

    The programs of a control plane are looked for in TEST_ASSET_*, in KUBEBUILDER_ASSETS and in the
    shared store, and built into that store by Go from sources that are pinned by checksum. The
    image of the guests is made there from the Debian packages this machine's apt knows. The
    images of containers are pulled by Docker, by the digests in PROFILE.images.lock beside the
    profile, and k3s for guests comes from its publisher, as PROFILE.files.lock says. Where a lock
    is missing it is written, to be committed. Images that a profile has recipes for are made of
    them.

    \b
    kbtool sandbox assets
    kbtool sandbox assets --profile k3d --yes
    kbtool sandbox assets --profile vm --yes
    """
    teller = Teller(to_stderr=form == "json")
    agreed = yes or os.environ.get("CI") == "true"
    found = acquire(profile, lambda names, cost: agreed or _agree(names, cost), teller.step)
    got = acquire_files_of(profile, lambda names: yes or _agree_to("Download", names), teller.step)
    pulled = acquire_images_of(profile, lambda names: yes or _agree_to("Pull", names), teller.step)
    if form == "json":
        assets, files = [each.to_json() for each in found], [each.to_json() for each in got]
        images = [each.to_json() for each in pulled]
        print_json({"version": 1, "assets": assets, "files": files, "images": images})
        return CLEAN
    if not found and not pulled:
        click.echo("nothing to get: no control plane, no guest and no cluster in the profiles")
    for each in found:
        click.echo(f"{each.profile}: {each.folder} ({'just built' if each.built else each.origin})")
        for program, version in each.versions.items():
            click.echo(f"  {program:25} {version}")
    for those in got:
        _tell_files(those)
    for which in pulled:
        _tell_images(which)
    return CLEAN


def _tell_images(found: Images) -> None:
    click.echo(f"{found.profile}: {f'no images: {found.why}' if found.why else 'images'}")
    for image in found.images:
        digest = image.digest or ("made here" if image.made else "loaded from a file")
        click.echo(f"  {image.name} {digest}{' (just now)' if image.pulled else ''}")
    if found.lock:
        click.echo(f"  wrote {found.lock.name}: commit it, so that nobody gets other content")


def _tell_files(found: Files) -> None:
    click.echo(f"{found.profile}: {f'no files: {found.why}' if found.why else 'files'}")
    for file in found.files:
        click.echo(f"  {file.name} {file.digest}{' (just got)' if file.fetched else ''}")
    if found.lock:
        click.echo(f"  wrote {found.lock.name}: commit it, so that nobody gets other content")


def _agree_to(do: str, names: Sequence[str]) -> bool:
    what = f"{do} {', '.join(names)}? It takes some hundred MB."
    return _somebody_is_there() and click.confirm(what, err=True)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _agree(names: Sequence[str], cost: str) -> bool:
    """Ask a person; nobody there to ask means no."""
    if not _somebody_is_there():
        raise RequirementError(
            f"not here: {', '.join(names)}", "kbtool sandbox assets --yes makes them"
        )
    return click.confirm(f"Build {', '.join(names)} {cost}", err=True)


@command.command("doctor")
@profile_option_all
@json_option
def check(profile: str | None, form: str) -> int:
    """Say what this machine has and lacks for sandboxes, one line each with the fix.

    Exits with 3 when something is missing that every profile needs, or the default one, or with
    --profile that one.

    \b
    kbtool sandbox doctor
    kbtool sandbox doctor --profile controlplane --format json
    """
    checks, profiles = doctor(profile)
    missing = [each for each in checks if not each.found and _needed(each.profile, profile)]
    if form == "json":
        rows = [dataclasses.asdict(each) for each in checks]
        which = [each.to_json() for each in profiles]
        print_json({"version": 1, "checks": rows, "profiles": which, "ok": not missing})
        return BOUNDARY if missing else CLEAN
    for line in _once(checks, missing):
        click.echo(line)
    for one in profiles:
        lacks = f"cannot start here, it lacks {'; '.join(one.lacks)}"
        click.echo(f"profile {one.name}: {lacks if one.lacks else 'can start here'}")
    return BOUNDARY if missing else CLEAN


def _once(checks: Sequence[Check], missing: Sequence[Check]) -> Iterator[str]:
    """Yield one line for each thing, with all the profiles that want it."""
    wanted: dict[tuple[str, str, str], list[Check]] = {}
    for each in checks:
        if each.what != "profile" or not each.found:
            wanted.setdefault((each.what, each.found, each.fix), []).append(each)
    for (what, found, fix), same in wanted.items():
        mark = "✓" if found else "✗" if any(each in missing for each in same) else "–"
        profiles = ", ".join(dict.fromkeys(each.profile for each in same if each.profile))
        answer = found or f"missing; {fix}"
        yield f"{mark} {what}: {answer}{f'  [{profiles}]' if profiles else ''}"


def _needed(profile: str, asked: str | None) -> bool:
    return profile in ("", asked or DEFAULT_PROFILE)
