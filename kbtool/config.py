"""`kbtool.toml` or `[tool.kbtool]` → one frozen `Config`. All faults are reported together."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from posixpath import normpath
from typing import Any, Final

from kbtool.errors import ConfigError
from kbtool.graph.conventions import LANGUAGES, RELATIONS, Conventions, Production

FILE: Final = "kbtool.toml"
PRESETS: Final = ("lab", "plain")
MAX_PAGE_BYTES: Final = 10 * 1024 * 1024
_LANGUAGE: Final = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, slots=True)
class Config:
    """What a project may choose."""

    base: str = "vibe"
    preset: str | None = None  # None: lab where there is a base, else plain
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    header: str = "quote"
    relations: Mapping[str, str] | None = None
    base_branch: str = ""
    languages: Mapping[str, str] | None = None
    evidence_age: int = 180
    profiles: str = "sandbox/profiles"
    repository: str = ""
    production: Production = Production()
    source: str = ""  # the file it was read from, "" for none

    def conventions(self, base: str) -> Conventions:
        """Return what the core needs of it."""
        relations = self.relations if self.relations is not None else RELATIONS
        return Conventions(
            base=base,
            header=self.header,
            relations=relations,
            languages=self.languages if self.languages is not None else LANGUAGES,
            evidence_age=self.evidence_age,
            production=self.production,
        )


@dataclass(frozen=True, slots=True)
class Option:
    """One key: how it is checked, and what it means."""

    read: Callable[[Any], Any]
    help: str


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be a string")
    return value


def _branch(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"(?!-)[^\s\x00-\x1f~^:?*\[\\]+", text):
        raise ValueError("must be the name of a branch")
    return text


def _folder(value: Any) -> str:
    text = _text(value).strip("/")
    if ".." in text.split("/") or "\0" in text:
        raise ValueError("must be a folder below the root")
    folder = normpath(text)
    return "" if folder == "." else folder


def _choice(*allowed: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return str(value)

    return read


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("must be a list of strings")
    return tuple(value)


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
    return {_folder(folder): code for folder, code in value.items()}


def _production(value: Any) -> Production:
    if not isinstance(value, dict):
        raise TypeError("must be a table")
    known = [field.name for field in fields(Production)]
    for key in value:
        if key not in known:
            raise ValueError(f"unknown key {key!r}{_near(key, known)}")
    return Production(**{key: _texts(item) for key, item in value.items()})


OPTIONS: Final[Mapping[str, Option]] = {
    "base": Option(_folder, "folder of the knowledge base, from the root"),
    "preset": Option(_choice(*PRESETS), "lab: all rules; plain: links and diagrams only"),
    "select": Option(_texts, "rules to check, by id or name; empty: all of the preset"),
    "ignore": Option(_texts, "rules to leave out, by id or name"),
    "header": Option(_choice("quote", "list"), "style of header fields that --fix writes"),
    "relations": Option(_pairs, "header relations and their inverses"),
    "base-branch": Option(
        _branch, "branch this work will be merged into; else origin's default, main or master"
    ),
    "languages": Option(_languages, "folders of the base and the language their pages are in"),
    "evidence-age": Option(_days, "days after which evidence is stale"),
    "profiles": Option(_folder, "folder of the sandbox profiles, from the root"),
    "repository": Option(_text, "the project's page on its forge, for links to its files"),
    "production": Option(_production, "addresses, names, contexts, paths, buckets never to touch"),
}


def _near(key: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


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
            faults.append(f"{source}: unknown key {key!r}{_near(key, list(OPTIONS))}")
            continue
        try:
            values[key.replace("-", "_")] = option.read(value)
        except (TypeError, ValueError) as fault:
            faults.append(f"{source}: {key}: {fault}")
    if faults:
        raise ConfigError("\n".join(faults), "the keys are: " + ", ".join(OPTIONS))
    return Config(**values, source=source)


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
        with path.open("rb") as file:
            return tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not TOML: {error}", str(path)) from error
    except OSError as error:
        raise ConfigError(f"{path.name}: cannot be read: {error.strerror}", str(path)) from error
