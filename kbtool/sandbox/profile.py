"""A profile: which components make up a sandbox, its secrets, its seed, its faults. Strict TOML."""

import contextlib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from kbtool.errors import ConfigError
from kbtool.markdown.frontmatter import read_settings
from kbtool.runbook.expectation import GrammarError, parse_expectation
from kbtool.runbook.parity import FILE as PARITY
from kbtool.runbook.plan import ProfileView
from kbtool.text import Span

KINDS: Final = ("compose", "k3d", "k3s", "kubernetes", "openbao", "postgres")
_ACTIONS: Final = re.compile(
    r"(restart|kill) (?P<a>\S+)|halt (?P<host>\S+)|script (?P<file>\S+)"
    r"|call (?P<b>\S+) (GET|PUT|POST|DELETE) \S+"
)
WEAK: Final = "weak: nodes are privileged containers, and own the machine the engine runs on"
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


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
    lists = {name: tuple(data[name]) for name in _GUEST_LISTS}
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


def load_profile(folder: Path, name: str) -> Profile:
    """Return the profile written in `folder/NAME.toml`; `NAME/HOST` is that one's guest alone.

    Raises:
        ConfigError: there is none of that name, or it has faults; all are named.
    """
    name, _, host = name.partition("/")
    raw, table = _read(folder, name)
    if isinstance(parent := table.pop("extends", None), str):
        more, inherited = _read(folder, parent)
        raw, table = raw + more, _extended(inherited, table)
    with contextlib.suppress(OSError):  # what is accepted of a profile belongs to it
        raw += (folder.parent / PARITY).read_bytes()
    found = _Loader(folder, f"{name}.toml", raw).profile(table)
    return found.only(host) if host else found


def _read(folder: Path, name: str) -> tuple[bytes, dict[str, Any]]:
    """Return a file's bytes, and what stands in them.

    Raises:
        ConfigError: there is none of that name, or it is no TOML.
    """
    file = folder / f"{name}.toml"
    try:
        raw = file.read_bytes()
        return raw, tomllib.loads(raw.decode())
    except FileNotFoundError as error:
        known = sorted(path.stem for path in folder.glob("*.toml"))
        hint = f"there are: {', '.join(known)}" if known else f"profiles stand in {folder}"
        raise ConfigError(f"no profile {name!r}", hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{file.name}: not readable as TOML: {error}") from error


def _extended(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile that extends another: in a table of both the child's entries are added."""
    found = {**parent, **child}
    for key in parent.keys() & child.keys():
        if isinstance(parent[key], dict) and isinstance(child[key], dict):
            found[key] = {**parent[key], **child[key]}
    return found


def load_profiles(folder: Path) -> tuple[Profile, ...]:
    """Return every profile of a folder, the weakest first.

    Raises:
        ConfigError: one has faults.
    """
    found = (load_profile(folder, path.stem) for path in folder.glob("*.toml"))
    return tuple(sorted(found, key=lambda profile: (profile.strength, profile.name)))


class _Loader:
    """Reads one profile and collects all its faults."""

    def __init__(self, folder: Path, file: str, raw: bytes) -> None:
        self.folder = folder
        self.file = file
        self.faults: list[str] = []
        self.hash = sha256(raw)

    def profile(self, table: Mapping[str, Any]) -> Profile:
        top = self._table(table, "", name=str, strength=int, components=dict, secrets=dict)
        seed = self._table(table.get("seed", {}), "seed", script=str, secrets=list)
        known = {"name", "strength", "components", "secrets", "seed", "faults", "models", "hosts"}
        self._unknown(table, "", known | {"guests", "workloads"})
        components = {name: self._component(name, part) for name, part in top["components"].items()}
        secrets = {name: self._secret(name, data) for name, data in top["secrets"].items()}
        machines = {*table.get("guests", {}), *_nodes(components)}
        self._on_guests(components, table.get("guests", {}))
        faults = {
            name: self._fault(name, data, components, machines)
            for name, data in table.get("faults", {}).items()
        }
        models = {
            n: self._model(n, data, components) for n, data in table.get("models", {}).items()
        }
        for name, part in components.items():
            self._reach(name, part, components)
        workloads = {n: self._workload(n, data) for n, data in table.get("workloads", {}).items()}
        if workloads and not any(isinstance(part, K3d) for part in components.values()):
            self.faults.append("workloads need a component of kind k3d")
        hosts = {n: self._host(n, data) for n, data in table.get("hosts", {}).items()}
        guests = {n: self._guest(n, data, hosts) for n, data in table.get("guests", {}).items()}
        self._one_network([each.address for each in guests.values() if each and each.address])
        script = self._file(seed["script"], "seed.script")
        if self.faults:
            raise ConfigError("\n".join(f"{self.file}: {fault}" for fault in self.faults))
        parts = {name: part for name, part in components.items() if part}
        return Profile(
            top["name"],
            top["strength"],
            parts,
            {name: source for name, source in secrets.items() if source},
            script,
            tuple(seed["secrets"]),
            table.get("seed", {}).get("admin", False) is True,
            {name: fault for name, fault in faults.items() if fault},
            models,
            workloads,
            hosts,
            {name: guest for name, guest in guests.items() if guest},
            self.hash.hexdigest(),
        )

    def _table(self, table: Any, where: str, **wanted: type) -> dict[str, Any]:
        """Return the wanted keys; a missing or mistyped one is a fault and gets an empty value."""
        found: dict[str, Any] = {}
        for key, kind in wanted.items():
            value = table.get(key) if isinstance(table, dict) else None
            if not isinstance(value, kind) or isinstance(value, bool):
                name = f"{where}.{key}" if where else key
                self.faults.append(f"{name} must be given, as {_WORDS[kind]}")
                value = kind()
            found[key] = value
        return found

    def _unknown(self, table: Mapping[str, Any], where: str, known: set[str]) -> None:
        for key in set(table) - known:
            near = get_close_matches(key, known, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            self.faults.append(f"unknown key {f'{where}.{key}' if where else key}{hint}")

    def _file(self, path: str, where: str) -> str:
        try:
            raw = self._beneath(path).read_bytes() if path else b""
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.faults.append(f"{where}: {path}: {reason}")
            raw = b""
        self.hash.update(path.encode() + b"\0" + raw)
        return raw.decode("utf-8", "replace")

    def _beneath(self, path: str) -> Path:
        """Return a file beside the profiles: what it holds is shown to steps and in messages.

        Raises:
            ValueError: it lies elsewhere, by its name or by a link.
        """
        real = (self.folder / path).resolve(strict=True)
        if not real.is_relative_to(self.folder.parent.resolve()) or not real.is_file():
            raise ValueError("is no file beside the profiles")
        return real

    def _component(self, name: str, part: Any) -> Component | None:
        readers: Mapping[str, Callable[[str, Any], Component]] = {
            "compose": self._compose,
            "k3d": self._k3d,
            "k3s": self._k3s,
            "kubernetes": self._kubernetes,
            "openbao": self._openbao,
            "postgres": self._postgres,
        }
        kind = part.get("kind") if isinstance(part, dict) else None
        if not isinstance(kind, str) or kind not in readers or not _NAME.fullmatch(name):
            self.faults.append(f"components.{name}: kind must be one of {', '.join(KINDS)}")
            return None
        return readers[kind](name, part)

    def _postgres(self, name: str, part: Any) -> Postgres:
        where = f"components.{name}"
        keys = ("database", "owner", "manager", "reader", "sql")
        found = self._table(part, where, **dict.fromkeys(keys, str))
        self._unknown(part, where, {"kind", "databases", *keys})
        names = {key: found[key] for key in keys[:-1]}
        databases = self._table({"databases": [], **part}, where, databases=list)["databases"]
        names |= {f"databases[{n}]": each for n, each in enumerate(databases)}
        for key, text in names.items():
            if not re.fullmatch(r"[a-z_][a-z0-9_]*", str(text)):
                self.faults.append(f"{where}.{key} must be a plain SQL name")
        found["sql"] = self._file(found["sql"], f"{where}.sql")
        return Postgres(name, **found, databases=tuple(databases))

    def _openbao(self, name: str, part: Any) -> OpenBao:
        where = f"components.{name}"
        found = self._table(part, where, setup=list)
        self._unknown(part, where, {"kind", "setup", "database", "kubernetes"})
        for entry in found["setup"]:
            if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict)):
                self.faults.append(f"{where}.setup: each entry is [path, {{data}}]")
        return OpenBao(name, part.get("database"), part.get("kubernetes"), found["setup"])

    def _kubernetes(self, name: str, part: Any) -> Kubernetes:
        return self._api(name, part, set())

    def _k3d(self, name: str, part: Any) -> K3d:
        where = f"components.{name}"
        own = self._table(part, where, image=str, tools=str, nodes=dict)
        lists = ("imported", "reach", "builds")
        given = {**{key: [] for key in lists}, **part}
        more = self._table(given, where, **dict.fromkeys(lists, list))
        api = self._api(name, part, {*own, *more})
        own |= {key: tuple(map(str, more[key])) for key in ("imported", "reach")}
        own["builds"] = tuple(
            self._build(f"{where}.builds[{number}]", each)
            for number, each in enumerate(more["builds"])
        )
        for key, image in (("image", own["image"]), ("tools", own["tools"])):
            self._image(f"{where}.{key}", image)
        for image in own["imported"]:
            self._image(f"{where}.imported", image)
        self._roles(where, own["nodes"])
        rest = {key: getattr(api, key) for key in Kubernetes.__slots__ if key != "kind"}
        return K3d(
            **rest, **own, locked=self._locked(where, lock_name(self.profile_name), "images")
        )

    def _k3s(self, name: str, part: Any) -> K3s:
        where = f"components.{name}"
        texts = dict.fromkeys(("version", "source", "checksums", "program", "airgap"), str)
        own = self._table(part, where, **texts, nodes=dict)
        api = self._api(name, part, set(own))
        for key in ("checksums", "program", "airgap"):
            if not _FILE.fullmatch(own[key]):
                self.faults.append(f"{where}.{key} must be the plain name of a file")
        if not own["source"].startswith(_SOURCES):
            self.faults.append(f"{where}.source must begin with {_SOURCES[0]}")
        self._roles(where, own["nodes"])
        rest = {key: getattr(api, key) for key in Kubernetes.__slots__ if key != "kind"}
        return K3s(
            **rest, **own, locked=self._locked(where, files_lock(self.profile_name), "files")
        )

    def _on_guests(
        self, components: Mapping[str, Component | None], guests: Mapping[str, Any]
    ) -> None:
        """Check that what runs on guests names guests, on the network where it needs one."""
        for name, part in components.items():
            if isinstance(part, Compose) and part.guest not in guests:
                self.faults.append(f"components.{name}.guest: there is no guest {part.guest!r}")
            for node in part.nodes if isinstance(part, K3s) else ():
                if not (guests.get(node) or {}).get("address"):
                    self.faults.append(
                        f"components.{name}.nodes: {node} is no guest with an address"
                    )

    def _roles(self, where: str, nodes: Mapping[str, Any]) -> None:
        for node, role in nodes.items():
            if not _NAME.fullmatch(node) or role not in ("server", "agent"):
                self.faults.append(f"{where}.nodes.{node} must be server or agent")
        if list(nodes.values()).count("server") != 1 or next(iter(nodes.values())) != "server":
            self.faults.append(f"{where}.nodes must begin with the one server")

    def _compose(self, name: str, part: Any) -> Compose:
        where = f"components.{name}"
        own = self._table(part, where, guest=str, file=str, platform=str, programs=dict)
        self._unknown(part, where, {"kind", *own})
        text = self._file(own["file"], f"{where}.file")
        services = read_settings(text).get("services")
        services = services if isinstance(services, dict) else {}
        images = {service: str((what or {}).get("image")) for service, what in services.items()}
        for service, image in images.items():
            if not _NAME.fullmatch(service) or not _IMAGE.fullmatch(image):
                self.faults.append(f"{where}: {service} must have an image with a tag: {image!r}")
        if set(images) != set(own["programs"]):
            self.faults.append(f"{where}.programs must name what each of {sorted(images)} is")
        locked = self._locked(where, lock_name(self.profile_name), "images")
        return Compose(name, own["guest"], text, images, own["programs"], own["platform"], locked)

    def _reach(
        self, name: str, part: Component | None, all_: Mapping[str, Component | None]
    ) -> None:
        for other in part.reach if isinstance(part, K3d) else ():
            if not isinstance(all_.get(other), OpenBao | Postgres):
                self.faults.append(f"components.{name}.reach: {other!r} is none in a cell")

    def _image(self, where: str, name: str) -> None:
        if not _IMAGE.fullmatch(name):
            self.faults.append(f"{where} must be an image with a tag: {name!r}")

    def _build(self, where: str, data: Any) -> Build:
        found = self._table(data, where, names=list, recipe=str, bases=dict)
        files = self._table({"files": [], **data}, where, files=list)["files"]
        self._unknown(data, where, {*found, "files", "node"})
        for image in (*found["names"], *found["bases"].values()):
            self._image(where, str(image))
        texts = {"Dockerfile": self._file(found["recipe"], f"{where}.recipe")}
        for pattern in files:
            paths = sorted(self.folder.glob(str(pattern)))
            if not paths:
                self.faults.append(f"{where}.files: there is no {pattern}")
            for path in paths:
                texts[path.name] = self._file(os.path.relpath(path, self.folder), f"{where}.files")
        node = data.get("node", False) is True
        return Build(tuple(map(str, found["names"])) or ("",), found["bases"], texts, node)

    def _workload(self, name: str, data: Any) -> Workload:
        where = f"workloads.{name}"
        found = self._table(data, where, manifests=list, deployment=str, version=str)
        self._unknown(data, where, {*found, "model"})
        namespace, _, deployment = found["deployment"].partition("/")
        if not deployment:
            self.faults.append(f"{where}.deployment must be NAMESPACE/NAME")
        paths = map(str, found["manifests"])
        texts = {path: self._file(path, f"{where}.manifests") for path in paths}
        real = data.get("model", False) is not True
        return Workload(name, texts, namespace, deployment, found["version"], real)

    @property
    def profile_name(self) -> str:
        """The name of the file that is read, which locks beside it begin with."""
        return self.file.removesuffix(".toml")

    def _locked(self, where: str, file: str, table: str) -> Mapping[str, str]:
        """Return the digests beside the profile, none where nobody wrote them down yet."""
        path = self.folder / file
        try:
            raw = path.read_bytes()
            found = tomllib.loads(raw.decode())[table]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError) as error:
            self.faults.append(f"{where}: {path.name} cannot be read: {error}")
            return {}
        self.hash.update(raw)
        for name, digest in found.items():
            if not _DIGEST.fullmatch(str(digest)):
                self.faults.append(f"{where}: {path.name}: {name}: {digest!r} is no digest")
        return {str(name): str(digest) for name, digest in found.items()}

    def _api(self, name: str, part: Any, more: set[str]) -> Kubernetes:
        where = f"components.{name}"
        found = self._table(
            part, where, user=str, observer=str, users=list, manifests=list, programs=str
        )
        self._unknown(part, where, {"kind", *found, *more})
        users = tuple(dict.fromkeys([found["user"], found["observer"], *found["users"]]))
        for user in users:
            if not _NAME.fullmatch(str(user)):
                self.faults.append(f"{where}.users: {user!r} is no plain name")
        texts = {
            str(path): self._file(str(path), f"{where}.manifests") for path in found["manifests"]
        }
        module = self.folder / found["programs"]
        for file in ("go.mod", "go.sum"):
            self._file(f"{found['programs']}/{file}", f"{where}.programs")
        return Kubernetes(name, found["user"], found["observer"], users, texts, str(module))

    def _secret(self, name: str, data: Any) -> SecretSource | None:
        where = f"secrets.{name}"
        if not isinstance(data, dict) or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            self.faults.append(f"{where} must be a table with a name in capitals")
            return None
        self._unknown(data, where, {"component", "take", "read", "write", "field"})
        if sum(key in data for key in ("take", "read", "write")) != 1 or "component" not in data:
            self.faults.append(f"{where} needs component, and one of take, read, write")
            return None
        return SecretSource(**{k: v for k, v in data.items() if k in SecretSource.__slots__})

    def _fault(
        self,
        name: str,
        data: Any,
        components: Mapping[str, Component | None],
        machines: AbstractSet[str],
    ) -> Fault | None:
        where = f"faults.{name}"
        found = self._table(data, where, about=str, do=list, observe=str)
        scripts: dict[str, str] = {}
        for action in found["do"]:
            match = _ACTIONS.fullmatch(str(action))
            if match is None:
                kinds = "restart, kill, halt, call, script"
                self.faults.append(f"{where}: {action!r} is none of {kinds}")
            elif match["file"]:
                scripts[match["file"]] = self._file(match["file"], where)
            elif match["host"]:
                if match["host"] not in machines:
                    self.faults.append(f"{where}: {action!r} names no node and no guest")
            elif (named := match["a"] or match["b"]) not in components:
                self.faults.append(f"{where}: {action!r} names no component")
            elif isinstance(components[named], K3s | Compose):
                self.faults.append(f"{where}: {action!r}: {named} is on guests: halt one of these")
        try:
            parse_expectation(found["observe"], Span(0, 0))
        except GrammarError as fault:
            self.faults.append(f"{where}.observe: {fault}")
        return Fault(found["about"], tuple(found["do"]), found["observe"], scripts)

    def _model(self, name: str, data: Any, components: Mapping[str, Component | None]) -> Model:
        where = f"models.{name}"
        found = self._table(data, where, program=str, user=str, needs=list, version=str)
        self._unknown(data, where, {*found, "hosts"})
        for need in found["needs"]:
            if need not in components:
                self.faults.append(f"{where}.needs: {need!r} is no component")
        program = self.folder / found["program"]
        self._file(found["program"], f"{where}.program")
        files = {
            path.name: self._file(f"{Path(found['program']).parent}/{path.name}", where)
            for path in sorted(program.parent.glob("*.py"))
        }
        return Model(
            name,
            program.name,
            files,
            found["user"],
            tuple(found["needs"]),
            data.get("hosts", False) is True,
            found["version"],
        )

    def _host(self, name: str, folders: Any) -> tuple[str, ...]:
        fine = isinstance(folders, list) and all(
            isinstance(each, str) and re.fullmatch(r"(/[A-Za-z0-9_-]+)+", each) for each in folders
        )
        if not fine or not _NAME.fullmatch(name):
            self.faults.append(f"hosts.{name} must be a list of absolute folders")
            return ()
        return tuple(folders)

    def _guest(self, name: str, data: Any, hosts: Mapping[str, tuple[str, ...]]) -> Guest | None:
        where = f"guests.{name}"
        own = self._table({"address": "", **data}, where, image=str, address=str)
        path = own["image"]
        self._unknown(data, where, set(own))
        if name not in hosts:
            self.faults.append(f"{where}: hosts has no {name}")
        try:
            recipe = tomllib.loads(self._file(path, f"{where}.image"))
        except tomllib.TOMLDecodeError as error:
            self.faults.append(f"{where}.image: {path}: {error}")
            return None
        if not path or not recipe:
            return None
        texts = dict.fromkeys(("suite", "architecture", "kernel", "overlay"), str)
        lists = dict.fromkeys(_GUEST_LISTS, list)
        numbers = dict.fromkeys(("disk", "memory", "cpus"), int)
        found = self._table(recipe, path, **texts, **lists, **numbers)
        self._unknown(recipe, path, set(found))
        folder = Path(path).parent / found["overlay"]
        for file in sorted((self.folder / folder).rglob("*")):
            if not file.is_dir():
                self._file(str(file.relative_to(self.folder)), f"{path}.overlay")
        found |= {key: tuple(map(str, found[key])) for key in lists}
        found["overlay"] = str(self.folder / folder)
        return Guest(name, str(self.folder / path), **found, address=own["address"])

    def _one_network(self, addresses: list[str]) -> None:
        """Check the guests' addresses: different ones, of one network that is nobody's."""
        if not addresses:
            return
        network = next((each for each in _NETWORKS if addresses[0].startswith(each)), None)
        fine = [bool(network) and _AFTER.fullmatch(a.removeprefix(str(network))) for a in addresses]
        if not all(fine) or len(set(addresses)) != len(addresses):
            wanted = " or ".join(f"{each}1" for each in _NETWORKS)
            self.faults.append(f"guests: addresses must differ, and be of one network: {wanted} …")


def _nodes(components: Mapping[str, Component | None]) -> Iterator[str]:
    for part in components.values():
        yield from part.nodes if isinstance(part, K3d) else ()


_NETWORKS: Final = ("192.0.2.", "198.51.100.", "203.0.113.")  # RFC 5737: of documents, nobody's
_AFTER: Final = re.compile(r"[1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4]")
_IMAGE: Final = re.compile(r"[a-z0-9.-]+(/[a-z0-9._-]+)*:[A-Za-z0-9._-]+")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SOURCES: Final = ("https://", "http://127.0.0.1:")  # whose list of checksums can be believed
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def lock_name(profile: str) -> str:
    """Return the file beside a profile that says which content its images must have."""
    return f"{profile}.images.lock"


def files_lock(profile: str) -> str:
    """Return the file beside a profile that says which content its files must have."""
    return f"{profile}.files.lock"


_GUEST_LISTS: Final = ("packages", "modules", "enable", "disable")
_WORDS: Final[Mapping[type, str]] = {str: "text", int: "a number", list: "a list", dict: "a table"}
