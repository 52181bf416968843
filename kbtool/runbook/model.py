"""What the author of a runbook wrote, piece by piece, each with its place in the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kbtool.text import Span

Tag = Literal["AGENT", "HUMAN"]
Shell = Literal["sh", "bash"]
Operator = Literal["==", "!=", "<", "<=", ">", ">=", "=~", "exists", "absent"]
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`{path} op right`. `path` is empty for sql. `right` is None for exists and absent."""

    path: str
    op: Operator
    right: str | None  # as written; $NAME is substituted, then a JSON scalar if it parses as one


@dataclass(frozen=True, slots=True)
class ExitCheck:
    """`exit N`."""

    code: int


@dataclass(frozen=True, slots=True)
class StdoutCheck:
    """`stdout =~ /re/` (pattern) or `stdout json {path} op v` (comparison)."""

    pattern: str | None
    comparison: Comparison | None


@dataclass(frozen=True, slots=True)
class K8sCheck:
    """`k8s kind/name [-n ns] {path} op v | exists | absent`."""

    resource: str
    namespace: str | None
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """`http COMPONENT/path {path} op v` or `http COMPONENT/path status op N` (path `status`)."""

    component: str
    target: str  # path and query, with its leading slash
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class SqlCheck:
    """`sql COMPONENT "SELECT …" op v`: one cell as text, read-only role."""

    component: str
    query: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class RunCheck:
    """`run CMD` exit N [with secret NAME]."""

    command: str
    code: int
    secret: str | None


CheckKind = ExitCheck | StdoutCheck | K8sCheck | HttpCheck | SqlCheck | RunCheck


@dataclass(frozen=True, slots=True)
class Expectation:
    """One check and how long it may take to become true (seconds; 0: at once)."""

    source: str  # as written, whitespace collapsed
    check: CheckKind
    within: float
    span: Span


@dataclass(frozen=True, slots=True)
class Condition:
    """`When: $NAME op value`."""

    name: str
    op: Operator
    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Capture:
    """`NAME from /re/`, or `secret NAME from /re/`: group 1, else the whole match."""

    name: str
    pattern: str
    secret: bool
    span: Span


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who acts for the person in a drill: the same block with secrets typed, or another text."""

    types: tuple[str, ...]  # names of secrets typed at the prompts, in order
    script: str | None  # the text under `#### Stand-in`; None: the same block
    shell: Shell
    span: Span

    @property
    def how(self) -> str:
        """The word evidence uses."""
        return "same text" if self.script is None else "other text"


@dataclass(frozen=True, slots=True)
class WrittenField:
    """A field as authored, whitespace collapsed; digests are made from these, in order."""

    name: str
    value: str
    span: Span  # of the value
    name_span: Span
    label: str = ""  # the code span between name and colon: the scenario of a Break


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Derived values stand beside the authored fields they come from."""

    id: str
    tag: Tag
    title: str
    span: Span  # of the heading
    fields: tuple[WrittenField, ...]
    shell: Shell
    block: str | None  # the text of the one sh/bash fence
    block_span: Span | None  # where that text stands
    prose: str  # all prose of the step, whitespace collapsed
    on: str
    timeout: float
    needs: tuple[str, ...]
    when: Condition | None
    who: str | None
    uses: tuple[str, ...]
    captures: tuple[Capture, ...]
    secrets: tuple[str, ...]
    expects: tuple[Expectation, ...]
    undo: tuple[str, ...]
    repeat_safe: bool
    evidence: tuple[str, ...]  # names of what the person must give
    stand_in: StandIn | None


@dataclass(frozen=True, slots=True)
class Input:
    """A value the caller gives: `NAME` (what it is, e.g. `x`)."""

    name: str
    description: str
    example: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Scenario:
    """One `Break` bullet: faults, injected in this order."""

    name: str
    faults: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Invariant:
    """`Always: check from Sn until Sm`."""

    expectation: Expectation
    start: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class Guards:
    """The `## Guards` section."""

    fields: tuple[WrittenField, ...] = ()
    requires: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    before: tuple[Expectation, ...] = ()
    always: tuple[Invariant, ...] = ()
    accept: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True)
class Defect:
    """Something malformed: the rule id it is reported under, where, and what is wrong."""

    rule: str
    span: Span
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Runbook:
    """A whole runbook. With `defects` of error severity it can be shown, not planned."""

    path: str
    title: str
    guards: Guards
    steps: tuple[Step, ...]
    defects: tuple[Defect, ...]
    uses: Mapping[str, str]  # path of each Uses file → sha256 of its bytes ("" when missing)
