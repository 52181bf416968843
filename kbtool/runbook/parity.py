"""`parity.toml`: what production is, and in what each sandbox profile may differ from it.

A rehearsal can deceive because its stage is not like production. So every difference is named, and
accepted with a reason or not at all; an acceptance that no difference needs any more is named too.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from kbtool.errors import ConfigError

FILE: Final = "parity.toml"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of production. What is not known of it is empty, and compared with nothing."""

    program: str = ""
    version: str = ""
    outside: str = ""  # the host it runs on, outside the cluster; "": inside


@dataclass(frozen=True, slots=True)
class Production:
    """What the lab's pages say production is."""

    parts: Mapping[str, Part]
    nodes: Mapping[str, str]  # name → role
    apps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Differences somebody accepted, by the words that name them, and why."""

    what: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole file."""

    production: Production
    accepted: Mapping[str, tuple[Acceptance, ...]]  # profile → what is accepted of it


# ---------------------------------------------------------------------- the other side
@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a profile. `outside` None: the question makes no sense for it."""

    program: str = ""
    version: str = ""
    real: bool = True
    outside: bool | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What a profile sets up."""

    parts: Mapping[str, Piece]
    nodes: Mapping[str, str] = field(default_factory=dict)
    apps: tuple[str, ...] = ()


# ---------------------------------------------------------------------- comparing
@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `what` names it with the stage's own value: it is accepted for that only."""

    what: str
    production: str
    here: str


@dataclass(frozen=True, slots=True)
class Parity:
    """How one profile compares with production."""

    profile: str
    accepted: tuple[tuple[Drift, str], ...]  # with the reason
    open: tuple[Drift, ...]
    stale: tuple[str, ...]  # accepted, and not there
    unknown: Mapping[str, str]  # part → its version here; of production none is known

    @property
    def ok(self) -> bool:
        """Whether every difference is accepted, and every acceptance needed."""
        return not self.open and not self.stale

    def by_reason(self) -> dict[str, list[Drift]]:
        """Return what is accepted, by its reason."""
        found: dict[str, list[Drift]] = {}
        for drift, reason in self.accepted:
            found.setdefault(reason, []).append(drift)
        return found

    def lines(self) -> list[str]:
        """Return it for the evidence: what is accepted by its reason, and what nobody accepted."""
        found = [
            f"{', '.join(drift.what for drift in drifts)}. Accepted: {reason}"
            for reason, drifts in self.by_reason().items()
        ]
        return found + [f"{drift.what}. Not accepted" for drift in self.open]


def compare(manifest: Manifest, profile: str, stage: Stage) -> Parity:
    """Return how a profile's stage differs from production."""
    reasons = {
        what: acceptance.reason
        for acceptance in manifest.accepted.get(profile, ())
        for what in acceptance.what
    }
    found = list(_drifts(manifest.production, stage))
    there = {drift.what for drift in found}
    return Parity(
        profile,
        tuple((drift, reasons[drift.what]) for drift in found if drift.what in reasons),
        tuple(drift for drift in found if drift.what not in reasons),
        tuple(what for what in reasons if what not in there),
        _unknown(manifest.production, stage),
    )


def _drifts(production: Production, stage: Stage) -> Iterator[Drift]:
    for name in _names(production.parts, stage.parts):
        yield from _part(name, production.parts.get(name), stage.parts.get(name))
    for name in _names(production.nodes, stage.nodes):
        wanted, seen = production.nodes.get(name, ""), stage.nodes.get(name, "")
        if wanted != seen:
            how = f"role {seen}" if wanted and seen else "missing" if wanted else "extra"
            yield Drift(f"node {name}: {how}", wanted or "none", seen or "none")
    for name in _names(production.apps, stage.apps):
        if name not in production.apps or name not in stage.apps:
            missing = name not in stage.apps
            how = "missing" if missing else "extra"
            yield Drift(f"app {name}: {how}", *("deployed", "none")[:: 1 if missing else -1])


def _names(*sides: Collection[str]) -> list[str]:
    return list(dict.fromkeys(name for side in sides for name in side))


def _part(name: str, wanted: Part | None, seen: Piece | None) -> Iterator[Drift]:
    if seen is None:
        yield Drift(f"{name}: missing", "there", "none")
    elif wanted is None:
        yield Drift(f"{name}: extra", "none", seen.version or "there")
    elif not seen.real:
        yield Drift(f"{name}: modelled", "real", seen.version)
    else:
        yield from _real(name, wanted, seen)


def _real(name: str, wanted: Part, seen: Piece) -> Iterator[Drift]:
    if wanted.program and wanted.program != seen.program:
        yield Drift(f"{name}: program {seen.program}", wanted.program, seen.program)
    if wanted.version and _bare(wanted.version) != _bare(seen.version):
        yield Drift(f"{name}: version {seen.version or 'unknown'}", wanted.version, seen.version)
    if seen.outside is not None and seen.outside != bool(wanted.outside):
        where = "outside" if seen.outside else "inside"
        inside = f"outside, on {wanted.outside}" if wanted.outside else "inside"
        yield Drift(f"{name}: {where} the cluster", f"{inside} the cluster", where)


def _bare(version: str) -> str:
    return version.removeprefix("v")


def _unknown(production: Production, stage: Stage) -> dict[str, str]:
    return {
        name: stage.parts[name].version or "unknown"
        for name, part in production.parts.items()
        if not part.version and name in stage.parts and stage.parts[name].real
    }


# ---------------------------------------------------------------------- reading
def parse_parity(text: str, profiles: Collection[str]) -> Manifest:
    """Return what the text of a `parity.toml` says.

    Raises:
        ConfigError: it is no TOML, or has faults; all are named.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{FILE}: not readable as TOML: {error}") from error
    return _Reader().manifest(table, profiles)


class _Reader:
    """Reads the file and collects all its faults."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def manifest(self, table: Mapping[str, Any], profiles: Collection[str]) -> Manifest:
        self._known(table, "", ("production", "profile"))
        production = self._production(self._table(table, "production"))
        of = self._table(table, "profile")
        self._known(of, "profile", profiles)
        own = {name: self._accepted(name, part) for name, part in of.items()}
        accepted = {name: self._like(name, of[name], own) + each for name, each in own.items()}
        if self.faults:
            raise ConfigError("\n".join(f"{FILE}: {fault}" for fault in self.faults))
        return Manifest(production, accepted)

    def _production(self, table: Mapping[str, Any]) -> Production:
        self._known(table, "production", ("parts", "nodes", "apps"))
        parts = {
            name: self._part(f"production.parts.{name}", part)
            for name, part in self._table(table, "parts", "production.").items()
        }
        nodes = self._texts(self._table(table, "nodes", "production."), "production.nodes")
        return Production(parts, nodes, self._list(table.get("apps", []), "production.apps"))

    def _part(self, where: str, table: Any) -> Part:
        if not isinstance(table, dict):
            self.faults.append(f"{where} must be a table")
            return Part()
        self._known(table, where, Part.__slots__)
        texts = self._texts(table, where)
        return Part(**{key: text for key, text in texts.items() if key in Part.__slots__})

    def _like(
        self, profile: str, table: Any, own: Mapping[str, tuple[Acceptance, ...]]
    ) -> tuple[Acceptance, ...]:
        """Return what is accepted of the profile that this one is like."""
        like = table.get("like") if isinstance(table, dict) else None
        if like is not None and (like == profile or like not in own):
            self.faults.append(f"profile.{profile}.like must name another profile of this file")
        return own.get(like, ()) if isinstance(like, str) else ()

    def _accepted(self, profile: str, table: Any) -> tuple[Acceptance, ...]:
        where = f"profile.{profile}"
        entries = table.get("accepted", []) if isinstance(table, dict) else None
        if not isinstance(entries, list):
            self.faults.append(f"{where}.accepted must be a list")
            return ()
        self._known(table, where, ("accepted", "like"))
        found = tuple(
            self._acceptance(f"{where}.accepted[{number}]", entry)
            for number, entry in enumerate(entries)
        )
        seen: set[str] = set()
        for what in (what for each in found for what in each.what):
            if what in seen:
                self.faults.append(f"{where}: {what!r} is accepted twice")
            seen.add(what)
        return found

    def _acceptance(self, where: str, entry: Any) -> Acceptance:
        if not isinstance(entry, dict):
            self.faults.append(f"{where} must be a table of what and reason")
            return Acceptance((), "")
        self._known(entry, where, ("what", "reason"))
        what, reason = entry.get("what"), entry.get("reason")
        listed = self._list([what] if isinstance(what, str) else what, f"{where}.what")
        if not isinstance(reason, str) or not reason.strip():
            self.faults.append(f"{where} needs a reason")
            reason = ""
        return Acceptance(listed, reason)

    # ------------------------------------------------------------------ kinds of values
    def _table(self, table: Mapping[str, Any], key: str, where: str = "") -> Mapping[str, Any]:
        found = table.get(key, {})
        if isinstance(found, dict):
            return found
        self.faults.append(f"{where}{key} must be a table")
        return {}

    def _texts(self, table: Mapping[str, Any], where: str) -> dict[str, str]:
        for key, text in table.items():
            if not isinstance(text, str) or not text:
                self.faults.append(f"{where}.{key} must be text")
        return {key: text for key, text in table.items() if isinstance(text, str)}

    def _list(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.faults.append(f"{where} must be a list of text")
            return ()
        return tuple(value)

    def _known(self, table: Mapping[str, Any], where: str, known: Collection[str]) -> None:
        for key in table:
            if key not in known:
                hint = near(key, tuple(known))
                self.faults.append(f"unknown key {f'{where}.{key}' if where else key}{hint}")


def near(word: str, known: Sequence[str]) -> str:
    """Return the nearest of the known words as a question in brackets, "" where none is near."""
    found = get_close_matches(word, known, 1)
    return f" (did you mean {found[0]!r}?)" if found else ""
