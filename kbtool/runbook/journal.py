"""Facts ↔ JSON Lines in a hash chain: `hash = sha256(previous hash + canonical JSON)`.

A chain is self-made: it shows damage and careless edits, not a forger. Only the fields of
`FIELDS` are ever written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from kbtool.errors import KbError
from kbtool.runbook.digest import canonical
from kbtool.runbook.model import Json
from kbtool.runbook.ports import Fact

FIRST: Final = "0" * 64
_RUN: Final = (
    *("run", "mode", "runbook", "digest", "plan", "profile", "sandbox", "environment", "kbtool"),
    *("commit", "inputs", "examples", "steps", "without", "nonce", "parts", "layers", "boundary"),
    "name",
)
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "run": _RUN,
    "resumed": ("parts", "layers"),
    "scenario": ("scenario", "faults", "without"),
    "phase": ("phase",),
    "check": ("where", "source", "color", "seen", "seconds"),
    "fault": ("fault", "seen", "detail"),
    "started": ("step", "tag", "title", "how"),
    "ran": ("step", "exit", "timed_out", "seconds", "truncated", "leaked", "output"),
    "captured": ("step", "name", "value"),
    "secret": ("step", "name"),
    "skipped": ("step", "reason"),
    "asked": ("step", "who", "evidence"),
    "answered": ("step", "evidence", "channel", "again"),
    "green": ("step",),
    "red": ("step", "reason"),
    "undo": ("step", "exit", "seconds"),
    "died": ("servers",),
    "ended": ("verdict", "reason"),
}


class JournalError(KbError):
    """A journal is damaged, or was changed."""


def entry(previous: str, fact: Fact, time: float) -> tuple[str, str]:
    """Return (line with its newline, its hash) of a fact; `time` in seconds since the epoch.

    Raises:
        ValueError: the fact has a kind or a field that is not allowed.
    """
    kind = fact["kind"]
    allowed = FIELDS.get(str(kind))
    if allowed is None or not set(fact) - {"kind"} <= set(allowed):
        raise ValueError(f"{kind}: {sorted(set(fact) - set(allowed or ()))} may not be recorded")
    body: dict[str, Json] = {**fact, "time": round(time, 3)}
    digest = _chained(previous, body)
    return json.dumps({**body, "hash": digest}, ensure_ascii=False) + "\n", digest


def _chained(previous: str, body: Mapping[str, Json]) -> str:
    return sha256(previous.encode() + canonical(dict(body))).hexdigest()


def read_journal(text: str) -> tuple[Sequence[Fact], str]:
    """Return the facts and the last hash; an unterminated last line was never finished.

    Raises:
        JournalError: a finished line is damaged, or the chain is broken; names the line.
    """
    facts: list[Fact] = []
    previous = FIRST
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            body = json.loads(line)
            digest = body.pop("hash")
            intact = digest == _chained(previous, body)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise JournalError(f"line {number} of the journal is damaged") from error
        if not intact:
            raise JournalError(f"line {number} of the journal was changed, or one before it")
        facts.append(body)
        previous = digest
    return facts, previous


@dataclass(slots=True)
class RunState:
    """What the facts add up to."""

    run: Fact = field(default_factory=dict)
    green: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    open_step: str | None = None  # started, not finished
    values: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Fact] = field(default_factory=dict)
    waiting: str | None = None  # the step whose person is waited for
    wanted: tuple[str, ...] = ()  # the evidence that person is asked for
    scenario: str | None = None
    verdict: str | None = None
    reason: str = ""


def fold(facts: Sequence[Fact]) -> RunState:
    """Return what any prefix of a journal adds up to."""
    state = RunState()
    for fact in facts:
        _apply(state, fact)
    return state


def _apply(state: RunState, fact: Fact) -> None:
    kind, step = fact["kind"], str(fact.get("step", ""))
    if kind == "run":
        state.run = fact
    elif kind == "scenario":
        state.scenario = str(fact["scenario"])
        state.green, state.skipped, state.values = [], [], {}
    elif kind == "started":
        state.open_step, state.verdict = step, None
    elif kind == "captured":
        state.values[str(fact["name"])] = str(fact["value"])
    elif kind == "asked":
        names = fact.get("evidence")
        state.waiting = step
        state.wanted = tuple(map(str, names)) if isinstance(names, list) else ()
    elif kind == "answered":
        state.answers[step] = fact
        state.waiting = None
    elif kind in ("green", "skipped", "red"):
        state.open_step = None
        {"green": state.green, "skipped": state.skipped}.get(str(kind), []).append(step)
    elif kind == "ended":
        state.verdict, state.reason = str(fact["verdict"]), str(fact["reason"])


def of_kind(facts: Sequence[Fact], kind: str) -> Iterator[Fact]:
    """Yield the facts of one kind."""
    return (fact for fact in facts if fact["kind"] == kind)
