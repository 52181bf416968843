"""`kbtool.toml` or `[tool.kbtool]` → one frozen `Config`. All faults are reported together."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from kbtool.errors import ConfigError
from kbtool.graph.conventions import (
    LANGUAGES,
    RELATIONS,
    Conventions,
    External,
    Override,
    Production,
)
from kbtool.graph.site import Publisher, Site, SiteKind
from kbtool.values import Faults, choice, each, faults_of, folder, near, table, text, texts

FILE: Final = "kbtool.toml"
PRESETS: Final = ("lab", "plain")
HEADERS: Final = ("quote", "list")
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
_SITE: Final[Mapping[str, Callable[[Any], str]]] = {"folder": folder, "kind": choice(*SiteKind)}
_TABLES: Final[Mapping[str, Any]] = {"relations": RELATIONS, "languages": LANGUAGES}
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    """What a project may choose."""

    base: str = "vibe"
    preset: str | None = None  # None: lab where there is a base, else plain
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)  # by rule id
    rules: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # options, by rule id
    overrides: tuple[Override, ...] = ()  # of folders
    header: str = "quote"
    relations: Mapping[str, str] | None = None
    base_branch: str = ""
    languages: Mapping[str, str] | None = None
    evidence_age: int = 180
    sites: tuple[Publisher, ...] | None = None  # None: what their configuration files say
    profiles: str = "sandbox/profiles"
    repository: str = ""
    external: External = External()
    production: Production = Production()
    source: str = ""  # the file it was read from, "" for none
    written: frozenset[str] = frozenset()  # the keys that stand there

    def conventions(self, base: str, sites: tuple[Site, ...] = ()) -> Conventions:
        """Return what the core needs of it, and of the sites that publish the pages."""
        return Conventions(
            base=base,
            header=self.header,
            relations=self.value("relations"),
            languages=self.value("languages"),
            evidence_age=self.evidence_age,
            production=self.production,
            sites=sites,
            overrides=(*self._everywhere(), *self.overrides),
        )

    def _everywhere(self) -> tuple[Override, ...]:
        """Return what is said of rules for all pages; what to ignore is left out of the rules."""
        said = Override(self.source, severity=self.severity, options=self.rules)
        return (said,) if self.severity or self.rules else ()

    def value(self, key: str) -> Any:
        """Return the value of a key, as it holds here; None where that depends on the project."""
        if key in _TABLES:
            own = getattr(self, key)
            return own if own is not None else _TABLES[key]
        return getattr(self, key.replace("-", "_"))


@dataclass(frozen=True, slots=True)
class Option:
    """One key: how it is checked, what it means, and what an editor may know of it."""

    read: Callable[[Any], Any]
    help: str
    schema: Callable[[], Schema] = dict


def _schema(**said: Any) -> Callable[[], Schema]:
    return lambda: said


def _branch(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"(?!-)[^\s\x00-\x1f~^:?*\[\\]+", name):
        raise ValueError("must be the name of a branch")
    return name


def _days(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a number of days, at least 1")
    return value


def _pairs(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise TypeError("must be a table of strings")
    missing = sorted(set(value.values()) - set(value))
    if missing:
        raise ValueError(f"inverse {missing[0]!r} has no line of its own")
    return dict(value)


def _languages(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise TypeError("must be a table of strings")
    for code in value.values():
        if not isinstance(code, str) or not _LANGUAGE.fullmatch(code):
            raise ValueError(f"{code!r} is no ISO 639-1 code such as en or fr")
    return {folder(place): code for place, code in value.items()}


def _sites(value: Any) -> tuple[Publisher, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError("must be a list of tables")
    return tuple(each(enumerate(value, 1), lambda entry: [_publisher(*entry)]))


def _publisher(number: int, written: Mapping[str, Any]) -> Publisher:
    faults = [f"unknown key {key!r}{near(key, _SITE)}" for key in written if key not in _SITE]
    faults += [f"has no {key}" for key in _SITE if key not in written]
    values: dict[str, str] = {}
    for key, read in _SITE.items():
        try:
            values[key] = read(written[key]) if key in written else ""
        except (TypeError, ValueError) as fault:
            faults.append(f"{key}: {fault}")
    if faults:
        raise Faults([f"{number}: {fault}" for fault in faults])
    return Publisher(values["folder"], SiteKind(values["kind"]))


def _external(value: Any) -> External:
    known = [field.name for field in fields(External)]
    for key in table(value):
        if key not in known:
            raise ValueError(f"unknown key {key!r}{near(key, known)}")
    if not isinstance(value.get("private", False), bool):
        raise TypeError("private: must be true or false")
    return External(value.get("private", False), texts(value.get("skip", [])))


def _production(value: Any) -> Production:
    known = [field.name for field in fields(Production)]
    for key in table(value):
        if key not in known:
            raise ValueError(f"unknown key {key!r}{near(key, known)}")
    return Production(**{key: texts(item) for key, item in value.items()})


def _of_rules(name: str) -> Callable[..., Any]:
    """Return what `overrides` has under a name: the rules are imported once somebody asks."""

    def lazy(*arguments: Any) -> Any:
        from kbtool import overrides

        return getattr(overrides, name)(*arguments)

    return lazy


_STRING: Final = _schema(type="string")
_RULE_LIST: Final = _of_rules("rule_list_schema")
OPTIONS: Final[Mapping[str, Option]] = {
    "base": Option(folder, "folder of the knowledge base, from the root", _STRING),
    "preset": Option(
        choice(*PRESETS), "lab: all rules; plain: links and diagrams only", _schema(enum=[*PRESETS])
    ),
    "select": Option(
        _of_rules("rule_names"),
        "rules to check, by id or name; empty: all of the preset",
        _RULE_LIST,
    ),
    "ignore": Option(_of_rules("rule_names"), "rules to leave out, by id or name", _RULE_LIST),
    "severity": Option(
        _of_rules("severities"), "error or warning, by rule", _of_rules("severity_schema")
    ),
    "rules": Option(_of_rules("options"), "options of rules, by rule", _of_rules("options_schema")),
    "overrides": Option(
        _of_rules("overrides"),
        "ignore, severity and rules of a folder; of two, the later one holds",
        _of_rules("overrides_schema"),
    ),
    "header": Option(
        choice(*HEADERS), "style of header fields that --fix writes", _schema(enum=[*HEADERS])
    ),
    "relations": Option(
        _pairs,
        "header relations and their inverses",
        _schema(type="object", additionalProperties={"type": "string"}),
    ),
    "base-branch": Option(
        _branch,
        "branch this work will be merged into; else origin's default, main or master",
        _STRING,
    ),
    "languages": Option(
        _languages,
        "folders of the base and the language their pages are in",
        _schema(
            type="object",
            additionalProperties={"type": "string", "pattern": f"^{_LANGUAGE.pattern}$"},
        ),
    ),
    "sites": Option(
        _sites,
        "folders and the kind of site their pages are on; else what configuration files of "
        "generators say; empty: the forge",
        _schema(
            type="array",
            items={
                "type": "object",
                "properties": {"folder": {"type": "string"}, "kind": {"enum": [*SiteKind]}},
                "required": ["folder", "kind"],
                "additionalProperties": False,
            },
        ),
    ),
    "evidence-age": Option(
        _days, "days after which evidence is stale", _schema(type="integer", minimum=1)
    ),
    "profiles": Option(folder, "folder of the sandbox profiles, from the root", _STRING),
    "repository": Option(text, "the project's page on its forge, for links to its files", _STRING),
    "external": Option(
        _external,
        "hosts that --external may contact: private ones too, and which never",
        _schema(
            type="object",
            properties={
                "private": {"type": "boolean"},
                "skip": {"type": "array", "items": {"type": "string"}},
            },
            additionalProperties=False,
        ),
    ),
    "production": Option(
        _production,
        "addresses, names, contexts, paths, buckets never to touch",
        _schema(
            type="object",
            properties={
                field.name: {"type": "array", "items": {"type": "string"}}
                for field in fields(Production)
            },
            additionalProperties=False,
        ),
    ),
}


def parse_config(table: Mapping[str, Any], source: str) -> Config:
    """Return the Config written in `table`, which stands in the file `source`.

    Raises:
        ConfigError: naming every fault with its key.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for key, value in table.items():
        option = OPTIONS.get(key)
        if option is None:
            faults.append(f"{source}: unknown key {key!r}{near(key, OPTIONS)}")
            continue
        try:
            values[key.replace("-", "_")] = option.read(value)
        except (TypeError, ValueError) as error:
            faults += (f"{source}: {key}: {fault}" for fault in faults_of(error))
    if faults:
        raise ConfigError("\n".join(faults), "the keys are: " + ", ".join(OPTIONS))
    return Config(**values, source=source, written=frozenset(table))


def config_schema() -> Schema:
    """Return the JSON Schema (2020-12) of kbtool.toml, and of `[tool.kbtool]`."""
    defaults = Config()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of kbtool",
        "description": "kbtool.toml, or the table tool.kbtool of pyproject.toml",
        "type": "object",
        "properties": {
            key: option.schema()
            | {"description": option.help}
            | ({} if defaults.value(key) is None else {"default": plain(defaults.value(key))})
            for key, option in OPTIONS.items()
        },
        "additionalProperties": False,
    }


def plain(value: Any) -> Any:
    """Return a value of a Config as TOML and JSON have it."""
    if isinstance(value, External):
        return {"private": value.private, "skip": [*value.skip]}
    if isinstance(value, Production):
        return {field.name: [*getattr(value, field.name)] for field in fields(Production)}
    if isinstance(value, Publisher):
        return {"folder": value.folder, "kind": value.kind.value}
    if isinstance(value, Override):
        return {
            "folder": value.folder,
            "ignore": sorted(value.ignore),
            "severity": dict(value.severity),
            "rules": plain(value.options),
        }
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def config_table(folder: Path) -> tuple[Mapping[str, Any], str] | None:
    """Return the configuration that stands in `folder` and its file's name, None where none does.

    Raises:
        ConfigError: a file cannot be read, or is not TOML.
    """
    own = _toml(folder / FILE)
    if own is not None:
        return own, FILE
    project = _toml(folder / "pyproject.toml")
    tools = (project or {}).get("tool")
    table = tools.get("kbtool") if isinstance(tools, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ConfigError("pyproject.toml: tool.kbtool: must be a table", str(folder))
    return table, "pyproject.toml"


def _toml(path: Path) -> Mapping[str, Any] | None:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path.name}: cannot be read: {error.strerror}", str(path)) from error
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not TOML: {error}", str(path)) from error
