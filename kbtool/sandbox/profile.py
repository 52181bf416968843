"""A profile: which components make up a sandbox, its secrets, its seed, its faults."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from kbtool.errors import ConfigError
from kbtool.runbook.plan import ProfileView

WEAK: Final = "weak: nodes are privileged containers, and own the machine the engine runs on"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL with one database. `sql` is the text of the seed, run as the owner.

    `databases` are further ones, empty, each owned by a role of the same name.
    """

    name: str
    database: str
    owner: str
    manager: str
    reader: str
    sql: str
    databases: tuple[str, ...] = ()
    kind: str = "postgres"


@dataclass(frozen=True, slots=True)
class OpenBao:
    """An OpenBao; `setup` are writes by its root token, [path, data], after the first unseal."""

    name: str
    database: str | None
    kubernetes: str | None
    setup: Sequence[tuple[str, Mapping[str, Any]]]
    kind: str = "openbao"


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """A control plane without kubelets.

    `manifests` (file → text) are what its administrator applies, in order, when it is built, roles
    included: steps act as `user`, checks as `observer`, and each of `users` has a token.
    `programs` is the folder of the Go module its programs are built from.
    """

    name: str
    user: str
    observer: str
    users: tuple[str, ...]
    manifests: Mapping[str, str]
    programs: str
    kind: str = "kubernetes"


@dataclass(frozen=True, slots=True)
class Build:
    """An image of the profile's own, which the engine makes: the first of `names` is its name.

    `bases` are the images it is made from, by the build argument that names each; `files` is all
    that its recipe, the `Dockerfile` among them, may copy.
    """

    names: tuple[str, ...]
    bases: Mapping[str, str]
    files: Mapping[str, str]
    node: bool = False  # whether the cluster's nodes are made of it


@dataclass(frozen=True, slots=True)
class K3d(Kubernetes):
    """A k3s in Docker, made by k3d: a cluster with real nodes, outside of every cell.

    Its control plane's own flags and programs are k3s'; `programs` is where its kubectl comes from.
    `locked` says which content the images must have: image → digest, empty before anybody knows.
    `imported` are images of others that its pods are made of. `reach` are components in cells that
    its pods may reach, over the gateway of its network.
    """

    kind: str = "k3d"
    image: str = ""
    tools: str = ""  # the image of k3d's helper, which k3d needs while it makes a cluster
    nodes: Mapping[str, str] = field(default_factory=dict)  # name → server or agent
    locked: Mapping[str, str] = field(default_factory=dict)
    imported: tuple[str, ...] = ()
    builds: tuple[Build, ...] = ()
    reach: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[str, ...]:
        """Every image of others that must be there before a cluster can be made."""
        bases = (base for build in self.builds for base in build.bases.values())
        return tuple(dict.fromkeys((self.image, self.tools, *self.imported, *bases)))

    @property
    def node_image(self) -> str:
        """What the nodes are made of."""
        return next((build.names[0] for build in self.builds if build.node), self.image)

    @property
    def brought(self) -> tuple[str, ...]:
        """Every image that a new cluster is given, since nothing is pulled later."""
        own = (name for build in self.builds if not build.node for name in build.names)
        return (*self.imported, *own)


@dataclass(frozen=True, slots=True)
class K3s(Kubernetes):
    """A k3s on guests, which are its nodes: a real cluster inside of the cells.

    `source` is the address its publisher has the files at: `program`, `airgap` (the images it runs
    without a registry) and `checksums`, in which the others' are. `locked` says which content they
    must have: name → digest, empty before anybody knows.
    """

    kind: str = "k3s"
    version: str = ""
    source: str = ""
    checksums: str = ""
    program: str = ""
    airgap: str = ""
    nodes: Mapping[str, str] = field(default_factory=dict)  # guest → server or agent
    locked: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that must be there before it can be brought up."""
        return (self.program, self.airgap)

    @property
    def server(self) -> str:
        """The guest that is its server."""
        return next(node for node, role in self.nodes.items() if role == "server")


@dataclass(frozen=True, slots=True)
class Compose:
    """Services in containers on one guest, outside of any cluster, by docker-compose.

    `text` is the compose file, `images` what its services run, by service, `programs` what these
    are, for parity. `locked` is as that of a `K3d`.
    """

    name: str
    guest: str
    text: str
    images: Mapping[str, str]
    programs: Mapping[str, str]
    platform: str
    locked: Mapping[str, str]
    kind: str = "compose"


Component = Postgres | OpenBao | Kubernetes | K3d | K3s | Compose


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a step's secret comes from: exactly one of take, read, write."""

    component: str
    take: str = ""
    read: str = ""
    write: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A program of the lab that behaves like a part which cannot run here. Never reported as real.

    `files` are all programs of its folder, by name: it may import its siblings. `needs` are further
    components whose doors it has; with `hosts` it sees every host view.
    """

    name: str
    program: str
    files: Mapping[str, str]
    user: str
    needs: tuple[str, ...]
    hosts: bool
    version: str


@dataclass(frozen=True, slots=True)
class Workload:
    """A part of the lab that runs inside the cluster, as pods of a deployment.

    `manifests` (file → text) are applied with those of the cluster. It is there once its
    `deployment` is.
    """

    name: str
    manifests: Mapping[str, str]
    namespace: str
    deployment: str
    version: str
    real: bool


@dataclass(frozen=True, slots=True)
class Guest:
    """A host that is a real machine under QEMU: what is its disk, memory and processors.

    `image` is the recipe it is made from, a file; `packages` are Debian's, `modules` those the
    kernel needs before it finds its disk, `overlay` a folder laid over the rest, `enable` and
    `disable` services.
    `address` is its own in the network between guests, "" where it is in none.
    """

    name: str
    image: str
    suite: str
    architecture: str
    kernel: str
    packages: tuple[str, ...]
    modules: tuple[str, ...]
    enable: tuple[str, ...]
    disable: tuple[str, ...]
    overlay: str
    disk: int  # MiB
    memory: int  # MiB
    cpus: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to break something, and the check that sees it broken."""

    about: str
    do: tuple[str, ...]
    observe: str
    scripts: Mapping[str, str]  # file → text, of the `script` actions


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything a supervisor needs to build a sandbox, as data."""

    name: str
    strength: int
    components: Mapping[str, Component]
    secrets: Mapping[str, SecretSource]
    seed: str
    seed_secrets: tuple[str, ...]
    seed_admin: bool  # whether the seed acts as the cluster's administrator, on all hosts
    faults: Mapping[str, Fault]
    models: Mapping[str, Model]
    workloads: Mapping[str, Workload]
    hosts: Mapping[str, tuple[str, ...]]  # host → the folders of it that a step there sees
    guests: Mapping[str, Guest]  # those of the hosts that are real machines
    digest: str  # of all files it was read from

    def view(self) -> ProfileView:
        """Return what a plan must know."""
        kinds = {
            name: "kubernetes" if isinstance(part, Kubernetes) else part.kind
            for name, part in self.components.items()
            if not isinstance(part, Compose)  # no check knows how to ask it
        }
        kinds |= dict.fromkeys(self.models, "model") | dict.fromkeys(self.workloads, "workload")
        return ProfileView(
            self.name, kinds, tuple(self.secrets), tuple(self.faults), tuple(self.hosts)
        )

    @property
    def cluster(self) -> K3d | None:
        """The cluster outside of the cells, None where there is none."""
        return next((part for part in self.components.values() if isinstance(part, K3d)), None)

    @property
    def downloads(self) -> K3s | None:
        """What takes files from a publisher, None where nothing does."""
        return next((part for part in self.components.values() if isinstance(part, K3s)), None)

    @property
    def compositions(self) -> tuple[Compose, ...]:
        """The services in containers on guests."""
        return tuple(part for part in self.components.values() if isinstance(part, Compose))

    @property
    def boundary(self) -> str:
        """Why the boundary is weak; "" where it is not."""
        return WEAK if self.cluster else ""

    def only(self, host: str) -> "Profile":
        """Return the profile with one of its guests, as a machine alone.

        Raises:
            ConfigError: it has no such guest.
        """
        on_guests = all(isinstance(part, K3s | Compose) for part in self.components.values())
        if host not in self.guests or not on_guests or self.models or self.workloads:
            known = ", ".join(self.guests) if on_guests else ""
            hint = f"it has {known}" if known else "it is no profile of guests alone"
            raise ConfigError(f"profile {self.name} cannot be started with only {host}", hint)
        return replace(
            self,
            name=f"{self.name}/{host}",
            components={},
            secrets={},
            faults={},
            hosts={host: self.hosts[host]},
            guests={host: replace(self.guests[host], address="")},  # alone there is no network
            digest=sha256(f"{self.digest} only {host}".encode()).hexdigest(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def from_json(data: Mapping[str, Any]) -> Profile:
    """Return the profile `to_json` gave."""
    parts = {name: part_from_json(part) for name, part in data["components"].items()}
    secrets = {name: SecretSource(**source) for name, source in data["secrets"].items()}
    faults = {name: Fault(**{**f, "do": tuple(f["do"])}) for name, f in data["faults"].items()}
    models = {n: Model(**{**m, "needs": tuple(m["needs"])}) for n, m in data["models"].items()}
    hosts = {name: tuple(folders) for name, folders in data["hosts"].items()}
    workloads = {name: Workload(**each) for name, each in data["workloads"].items()}
    rest = {"components": parts, "secrets": secrets, "faults": faults, "workloads": workloads}
    guests = {name: _guest(each) for name, each in data["guests"].items()}
    rest |= {"models": models, "hosts": hosts, "guests": guests}
    rest |= {"seed_secrets": tuple(data["seed_secrets"])}
    return Profile(**{**data, **rest})


def _guest(data: Mapping[str, Any]) -> Guest:
    lists = {name: tuple(data[name]) for name in GUEST_LISTS}
    return Guest(**{**data, **lists})


def part_from_json(data: Mapping[str, Any]) -> Component:
    """Return the component of a profile that `to_json` gave."""
    apis = {"kubernetes": Kubernetes, "k3s": K3s}
    if kind := apis.get(data["kind"]):
        return kind(**{**data, "users": tuple(data["users"])})
    if data["kind"] == "k3d":
        lists = {name: tuple(data[name]) for name in ("users", "imported", "reach")}
        builds = (Build(**{**each, "names": tuple(each["names"])}) for each in data["builds"])
        return K3d(**{**data, **lists, "builds": tuple(builds)})
    if data["kind"] == "postgres":
        return Postgres(**{**data, "databases": tuple(data["databases"])})
    return Compose(**data) if data["kind"] == "compose" else OpenBao(**data)


def lock_name(profile: str) -> str:
    """Return the file beside a profile that says which content its images must have."""
    return f"{profile}.images.lock"


def files_lock(profile: str) -> str:
    """Return the file beside a profile that says which content its files must have."""
    return f"{profile}.files.lock"


GUEST_LISTS: Final = ("packages", "modules", "enable", "disable")
