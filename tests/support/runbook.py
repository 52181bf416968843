"""Runbooks from a few lines, a sandbox that follows a script, a clock that does not wait."""

from dataclasses import dataclass, field
from hashlib import sha256

from kbtool.errors import WaitingForPerson
from kbtool.markdown.parse import parse_page
from kbtool.runbook.plan import ProfileView, make_plan
from kbtool.runbook.ports import Answer, Completed, Description, FaultSeen, Layer, Observation, Part
from kbtool.runbook.read import read_runbook

PROFILE = ProfileView(
    "embedded",
    {"vault": "openbao", "postgres": "postgres"},
    ("UNSEAL_KEY", "ROLE_ID"),
    ("vault-sealed", "postgres-down"),
    (),
)
FILES = {"recover/a.yml": b"a: 1\n"}
GUARDS = "- **Break** `sealed`: vault-sealed\n- **Accept**: `http vault/health status == 200`\n"


def step(
    heading="S1 [AGENT] Do it", fields="", block="true", after="- **Expect**: `exit 0`", prose=""
):
    fence = f"```sh\n{block}\n```\n\n" if block is not None else ""
    return f"### {heading}\n\n{fields}\n\n{prose}\n\n{fence}{after}\n\n"


def page(*steps, guards=GUARDS, head="# A runbook\n"):
    return parse_page("r.md", f"{head}\n## Guards\n\n{guards}\n## Steps\n\n{''.join(steps)}")


def digest(path):
    return sha256(FILES[path]).hexdigest() if path in FILES else None


def runbook(*steps, guards=GUARDS, head="# A runbook\n"):
    return read_runbook(page(*steps, guards=guards, head=head), digest)


def plan(*steps, guards=GUARDS, inputs=None, mode="drill", profile=PROFILE, **kwargs):
    return make_plan(
        runbook(*steps, guards=guards), profile, inputs=inputs or {}, mode=mode, **kwargs
    )


def done(code=0, stdout="", stderr="", **kwargs):
    values = {"timed_out": False, "truncated": False, "seconds": 0.1} | kwargs
    return Completed(code, values.pop("timed_out"), stdout, stderr, **values)


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.time = 1_000_000.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


@dataclass
class FakeRunning:
    completed: Completed
    killed: int = 0

    def poll(self):
        return self.completed

    def kill(self):
        self.killed += 1

    def keep_secret(self, name, pattern):
        return "token" in self.completed.stdout


@dataclass
class FakeSandbox:
    """`world` holds what checks see; `scripts` maps a block's text to what it does to the world."""

    world: dict = field(default_factory=lambda: {"status": 200})
    scripts: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    unseen: tuple = ()
    death: tuple = ()
    ran: list = field(default_factory=list)
    actions: list = field(default_factory=list)
    resets: int = 0

    def describe(self):
        part, layer = Part("vault", "2", real=True), Layer("no network", held=True)
        return Description("id", "embedded", (part,), (layer,), ("vault",), (), (), (), "env")

    def start(self, action):
        self.ran.append(action.script.strip())
        self.actions.append(action)
        effect = self.scripts.get(action.script.strip())
        result = effect(self.world) if effect else None
        return FakeRunning(result or done())

    def observe(self, query, timeout):
        self.world.get("tick", lambda _: None)(self.world)
        if self.world.get("error"):
            return Observation("error", None, "connection refused")
        return Observation(
            "value", {"status": self.world["status"], "body": self.world.get("body")}
        )

    def inject(self, fault):
        self.faults.get(fault, lambda world: world.update(status=503))(self.world)
        return FaultSeen(fault, fault not in self.unseen, "status is 200")

    def dead(self):
        return self.death

    def reset(self):
        self.resets += 1
        self.world.clear()
        self.world["status"] = 200


class Person:
    """Gives prepared answers, or is not there."""

    def __init__(self, **evidence):
        self.evidence = evidence
        self.asked = []

    def ask(self, question):
        self.asked.append(question)
        if "absent" in self.evidence:
            raise WaitingForPerson("nobody is here")
        return Answer("refuses" not in self.evidence, self.evidence, "terminal")
