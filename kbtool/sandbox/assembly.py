"""Which servers make up the sandbox of a profile, each after those it needs."""

from collections.abc import Mapping, Sequence
from typing import Any

from kbtool.sandbox.components.cluster import ClusterServer
from kbtool.sandbox.components.guest import GuestServer
from kbtool.sandbox.components.hosted import K3sServer, ServiceServer
from kbtool.sandbox.components.kubernetes import ApiServer, ControllerManager, EtcdServer
from kbtool.sandbox.components.model import ModelServer
from kbtool.sandbox.components.network import Network
from kbtool.sandbox.components.openbao import OpenBaoServer
from kbtool.sandbox.components.postgres import PostgresServer
from kbtool.sandbox.components.server import Server
from kbtool.sandbox.components.workload import WorkloadServer
from kbtool.sandbox.profile import Component, Compose, K3d, K3s, Kubernetes, Postgres, Profile
from kbtool.sandbox.site import Site

Versions = Mapping[str, Any]  # what the boot file tells of programs and of guests' images


def assembled(profile: Profile, site: Site, boot: Versions) -> dict[str, Server]:
    """Return the servers by name, none of them started."""
    servers: dict[str, Server] = {}
    for part in profile.components.values():
        for server in _servers_of(part, profile, site, boot["programs"], servers):
            servers[server.name] = server
    for name, workload in profile.workloads.items():
        cluster = next(each for each in servers.values() if isinstance(each, ClusterServer))
        servers[name] = WorkloadServer(workload, site, cluster)
    for model in profile.models.values():
        servers[model.name] = ModelServer(model, site, servers)
    _add_machines(servers, profile, site, boot["guests"])
    return servers


def _servers_of(
    part: Component,
    profile: Profile,
    site: Site,
    versions: Mapping[str, str],
    others: Mapping[str, Server],
) -> Sequence[Server]:
    if isinstance(part, K3s | Compose):
        return []  # on guests, which come first
    if isinstance(part, Postgres):
        return [PostgresServer(part, site)]
    if isinstance(part, K3d):
        return [ClusterServer(part, site, profile.workloads.values())]
    if isinstance(part, Kubernetes):
        etcd = EtcdServer(site, versions)
        api = ApiServer(part, site, versions, etcd)
        return [etcd, api, ControllerManager(site, versions, api)]
    needed = [others[name] for name in (part.database, part.kubernetes) if name]
    return [OpenBaoServer(part, site, needed)]


def _add_machines(
    servers: dict[str, Server], profile: Profile, site: Site, versions: Versions
) -> None:
    """Add the network between guests, the guests, and what runs on them."""
    guests, made = profile.guests, dict[str, GuestServer]()
    if on_it := {name: each for name, each in guests.items() if each.address}:
        servers["network"] = Network(on_it, site)
    for name in guests:
        made[name] = GuestServer(guests, name, site, versions[name], servers)
    servers |= made
    for part in profile.components.values():
        if isinstance(part, K3s):
            servers[part.name] = K3sServer(part, site, made)
        elif isinstance(part, Compose):
            _add_services(servers, part, site, made[part.guest])


def _add_services(servers: dict[str, Server], part: Compose, site: Site, host: GuestServer) -> None:
    before: list[Server] = []
    for name in part.images:
        servers[name] = ServiceServer(part, name, site, host, before)
        before.append(servers[name])
