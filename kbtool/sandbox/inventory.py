"""The inventory of a sandbox for Ansible, and the guard that refuses every other one.

Format: an inventory in YAML with one group, and a playbook; JSON is YAML. The inventory is refused
here if it names production, and `guard.yml` refuses production in whatever inventory a playbook is
given. Both explain a mistake; the boundary is what holds.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from kbtool.errors import BoundaryError
from kbtool.graph.conventions import Production
from kbtool.hosts import named
from kbtool.sandbox.engine import cluster_name, containers
from kbtool.sandbox.profile import Profile

GROUP: Final = "sandbox"
# There is no plugin of that name: a play that wants to connect fails, and does not run elsewhere.
_VIEW: Final = "kbtool.host_view"
# An address, however it is spelt.
_NUMBER: Final = "(?i)^(0x[0-9a-f]+|[0-9]+)([.](0x[0-9a-f]+|[0-9]+)){0,3}$|^.*:"
_LOOPBACK: Final = "^127[.][0-9]+[.][0-9]+[.][0-9]+$"


def inventory(name: str, sandbox: str, profile: Profile, production: Production) -> str:
    """Return the inventory of a sandbox's hosts.

    Raises:
        BoundaryError: a host has a name or an address of production.
    """
    hosts = {host: dict(_connection(sandbox, profile, host)) for host in profile.hosts}
    for host, variables in hosts.items():
        for value in (host, *variables.values()):
            if taken := named(value, production):
                raise BoundaryError(
                    f"host {host} would be {value}: that is production's {taken}",
                    "the sandbox's hosts stand in its profile",
                )
    told = {"sandbox_name": name, "sandbox_id": sandbox, "sandbox_profile": profile.name}
    return json.dumps({GROUP: {"hosts": hosts, "vars": told}}, indent=2) + "\n"


def _connection(sandbox: str, profile: Profile, host: str) -> Iterator[tuple[str, str]]:
    """Yield how Ansible reaches a host; a host view cannot be reached from outside."""
    if profile.cluster is None:
        yield "ansible_connection", _VIEW
        return
    yield "ansible_connection", "community.docker.docker"
    yield "ansible_host", containers(profile.cluster, cluster_name(sandbox))[host]


def guard(production: Production) -> str:
    """Return the playbook that fails unless every host of an inventory is the sandbox's.

    A playbook imports it first. It asserts on the control node alone: nothing is connected to.
    """
    where = "ansible_host | default(inventory_hostname)"
    checks: Sequence[tuple[str, str]] = (
        (f"'{GROUP}' in group_names", "is not in the group of the sandbox"),
        (f"({where}) not in production_addresses", "has an address of production"),
        (
            f"({where}) is not match({_NUMBER!r}) or ({where}) is match({_LOOPBACK!r})",
            "is an address, and none of loopback: a sandbox has no other",
        ),
        (f"({where}) is not search(production_names)", "has a name of production"),
    )
    tasks = [
        {
            "name": f"No host {why}",
            "ansible.builtin.assert": {
                "that": [that],
                "fail_msg": f"{{{{ inventory_hostname }}}} {why}",
                "quiet": True,
            },
        }
        for that, why in checks
    ]
    play: Mapping[str, Any] = {
        "name": "Nothing but the sandbox",
        "hosts": "all",
        "gather_facts": False,
        "any_errors_fatal": True,
        "vars": {
            "ansible_connection": "local",  # an assertion needs none, and Ansible loads it anyway
            "production_addresses": list(production.addresses),
            "production_names": _pattern(production.names),
        },
        "tasks": tasks,
    }
    return json.dumps([play], indent=2) + "\n"


def _pattern(names: Sequence[str]) -> str:
    """Return a pattern that finds a name or what is below it; nothing where there are none."""
    escaped = "|".join(name.replace(".", r"\.") for name in names)
    return rf"(^|\.)({escaped})$" if names else "^$"
