"""What a run needs from the world.

A blocking `run()` could host neither an invariant nor a dying server: hence start and poll.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kbtool.runbook.model import Json


@dataclass(frozen=True, slots=True)
class Action:
    """One block to execute, everything decided; `env` is all the author controls of it."""

    step: str
    shell: Literal["sh", "bash"]
    script: str
    on: str
    timeout: float  # seconds
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # files $KB_SECRETS/NAME
    files: Mapping[str, bytes] = field(default_factory=dict)  # Uses: path → the digested bytes
    types: tuple[str, ...] = ()  # secrets typed at prompts; not empty: run on a pty
    endpoints: tuple[str, ...] | None = None  # components it may reach; None: all


@dataclass(frozen=True, slots=True)
class Completed:
    """How an action ended. Streams are masked, control characters made visible."""

    exit: int
    timed_out: bool
    stdout: str
    stderr: str
    truncated: bool
    seconds: float
    leaked: tuple[str, ...] = ()  # names of secrets that had to be masked in the streams


class Running(Protocol):
    """An action under way."""

    def poll(self) -> Completed | None:
        """Return how it ended, or None while it runs."""

    def kill(self) -> None:
        """End it and all it started; returns when nothing is left."""

    def keep_secret(self, name: str, pattern: str) -> bool:
        """Keep a secret capture (after the end): True if the RE2 pattern matched stdout."""


@dataclass(frozen=True, slots=True)
class HttpQuery:
    """GET a path of a component; no redirect, no proxy."""

    component: str
    target: str


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """One cell by the read-only role."""

    component: str
    query: str


@dataclass(frozen=True, slots=True)
class K8sQuery:
    """Read one object."""

    resource: str
    namespace: str | None


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Run a command confined like a step; the value is its exit code."""

    command: str
    secret: str | None
    env: Mapping[str, str] = field(default_factory=dict)


Query = HttpQuery | SqlQuery | K8sQuery | RunQuery


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen. `error` (refused, timed out, not JSON) is neither green nor a proven red.

    HTTP: value = {"status": int, "body": Json | None}; SQL: value = str | None (SQL NULL);
    RUN: value = exit code. `absent`: the object or cell does not exist.
    """

    status: Literal["value", "absent", "error"]
    value: Json = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a sandbox: version, and whether it is the real thing or a model."""

    name: str
    version: str
    real: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """One boundary layer as measured before the run."""

    name: str
    held: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """Who this sandbox is: enters journal and evidence."""

    sandbox: str
    profile: str
    parts: tuple[Part, ...]
    layers: tuple[Layer, ...]
    components: tuple[str, ...]
    secrets: tuple[str, ...]
    faults: tuple[str, ...]
    hosts: tuple[str, ...]
    environment: str  # digest of profile, faults, seeds, binaries, kbtool's own code
    boundary: str = ""  # why it is weak, and so verifies no page; "" where it is not


@dataclass(frozen=True, slots=True)
class FaultSeen:
    """A fault after injection: was its own observation seen?"""

    fault: str
    seen: bool
    detail: str = ""


class Sandbox(Protocol):
    """A sandbox kbtool created. Every method may raise BoundaryError or ServerDied."""

    def describe(self) -> Description:
        """Prove identity, measure the layers, and return both."""

    def start(self, action: Action) -> Running:
        """Prove identity again, then start the action confined."""

    def observe(self, query: Query, timeout: float) -> Observation:
        """Make one check, confined; bounded by `timeout` seconds."""

    def inject(self, fault: str) -> FaultSeen:
        """Break something and look at it."""

    def dead(self) -> tuple[str, ...]:
        """Names of servers that ended although nobody told them to."""

    def reset(self) -> None:
        """Go back to the seeded state."""


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked to do."""

    step: str
    title: str
    who: str
    block: str | None
    prose: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person gave, and through which channel."""

    done: bool
    evidence: Mapping[str, str]
    channel: Literal["terminal", "flag"]


class People(Protocol):
    """The persons of the `[HUMAN]` steps."""

    def ask(self, question: Question) -> Answer:
        """Wait for the person. Raises WaitingForPerson where nobody can be asked."""


Fact = Mapping[str, Json]
Record = Callable[[Fact], None]
