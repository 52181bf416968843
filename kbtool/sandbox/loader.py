"""The file of a profile, read: strict TOML, every fault of it told at once."""

import contextlib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from kbtool.errors import ConfigError
from kbtool.markdown.frontmatter import read_settings
from kbtool.runbook.expectation import GrammarError, parse_expectation
from kbtool.runbook.parity import FILE as PARITY
from kbtool.sandbox.profile import (
    GUEST_LISTS,
    Build,
    Component,
    Compose,
    Fault,
    Guest,
    K3d,
    K3s,
    Kubernetes,
    Model,
    OpenBao,
    Postgres,
    Profile,
    SecretSource,
    Workload,
    files_lock,
    lock_name,
)
from kbtool.text import Span

KINDS: Final = ("compose", "k3d", "k3s", "kubernetes", "openbao", "postgres")
_ACTIONS: Final = re.compile(
    r"(restart|kill) (?P<a>\S+)|halt (?P<host>\S+)|script (?P<file>\S+)"
    r"|call (?P<b>\S+) (GET|PUT|POST|DELETE) \S+"
)
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


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
        lists = dict.fromkeys(GUEST_LISTS, list)
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
_WORDS: Final[Mapping[type, str]] = {str: "text", int: "a number", list: "a list", dict: "a table"}
