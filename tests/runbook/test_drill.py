"""A drill is green only if it was healthy, really broken, seen as broken, and walked back."""

import pytest
from support.runbook import GUARDS, FakeClock, FakeSandbox, plan, step

from kbtool.errors import BoundaryError
from kbtool.runbook.drill import Drill, Mutant, confined, self_healing, unsound, useless
from kbtool.runbook.ports import Description, Layer


def heal(world):
    world["status"] = 200


REPAIR = step("S1 [AGENT] Repair", block="repair")


def drilled(*steps, guards=GUARDS, **kwargs):
    kwargs.setdefault("scripts", {"repair": heal})
    sandbox = FakeSandbox(**kwargs)
    journal = []
    drill = Drill(
        plan(*(steps or (REPAIR,)), guards=guards), sandbox, FakeClock(), journal.append, {}, {}
    )
    return drill, sandbox, journal


def result(*steps, **kwargs):
    drill, _, _ = drilled(*steps, **kwargs)
    (only,) = drill.all()
    return only


def test_green():
    drill, sandbox, journal = drilled()
    (only,) = drill.all()
    assert (only.verdict, only.reason) == ("green", "")
    assert only.red == ("`http vault/health status == 200`",)
    assert [f["phase"] for f in journal if f["kind"] == "phase"] == [
        "healthy",
        "break",
        "steps",
        "accept",
    ]
    assert sandbox.ran == ["repair"]


@pytest.mark.parametrize(
    ("kwargs", "verdict", "reason"),
    [
        ({"world": {"status": 500}}, "not-healthy", "before anything was broken"),
        ({"world": {"status": 200, "error": True}}, "not-healthy", "connection refused"),
        ({"unseen": ("vault-sealed",)}, "fault-not-seen", "vault-sealed was injected, but"),
        ({"faults": {"vault-sealed": lambda _: None}}, "not-broken", "no Accept turned red within 30 s"),
        ({"faults": {"vault-sealed": lambda world: world.update(error=True)}}, "not-broken", "no Accept"),
        ({"scripts": {}}, "red", "Accept: "),
    ],
)  # fmt: skip
def test_every_other_end(kwargs, verdict, reason):
    found = result(**kwargs)
    assert found.verdict == verdict
    assert reason in found.reason


def test_a_step_that_fails_is_red_before_accept():
    found = result(
        step("S1 [AGENT] x", block="repair", after="- **Expect**: `http vault/x status == 201`")
    )
    assert found.verdict == "red"
    assert found.reason.startswith("S1: ")


def test_before_is_looked_at_while_broken():
    guards = GUARDS + "- **Before**: `http vault/x status == 200`\n"
    assert result(guards=guards).reason.startswith("Before: ")
    assert result(guards=GUARDS + "- **Before**: `http vault/x status == 503`\n").verdict == "green"


def test_scenarios_begin_from_the_seeded_state():
    guards = GUARDS + "- **Break** `again`: vault-sealed\n"
    drill, sandbox, _ = drilled(guards=guards)
    assert [each.verdict for each in drill.all()] == ["green", "green"]
    assert sandbox.resets == 1


def mutants(*steps, **kwargs):
    drill, _, _ = drilled(*steps, **kwargs)
    return drill.plan.steps, drill.mutants(lambda _: None)


def test_a_needed_step_is_missed():
    steps, found = mutants()
    assert [(m.without, m.caught) for m in found] == [((), False), (("S1",), True)]
    assert useless(steps, found) == ()
    assert self_healing(steps, found) == ()


def test_a_useless_step_is_named():
    steps, found = mutants(REPAIR, step("S2 [AGENT] Decoration", block="echo"))
    assert useless(steps, found) == ("S2",)


def test_a_fault_that_heals_itself_proves_nothing():
    def recover(world):
        world["asked"] = world.get("asked", 0) + 1
        if world["asked"] > 2:
            world["status"] = 200

    guards = GUARDS.replace("== 200`", "== 200` within 5s")
    kwargs = {
        "guards": guards,
        "scripts": {},
        "faults": {"vault-sealed": lambda w: w.update(status=503, asked=0, tick=recover)},
    }
    steps, found = mutants(step("S1 [AGENT] x", block="echo"), **kwargs)
    assert self_healing(steps, found) == ("sealed",)


def test_an_end_that_proves_nothing_is_not_counted_as_caught():
    """Leaving a step out and then not being broken at all says nothing about the step."""
    drill, _, _ = drilled(unseen=("vault-sealed",))
    (scenario,) = drill.plan.scenarios
    assert not Mutant("sealed", ("S1",), drill.scenario(scenario, ("S1",))).caught


def test_where_the_control_is_not_green_nothing_is_shown():
    steps, found = mutants(scripts={})
    assert [m.without for m in found] == [()]
    assert unsound(found) == ("sealed",)
    assert useless(steps, found) == ("S1",)


def test_a_mutant_waits_no_longer_than_the_control_gives_reason_to():
    guards = GUARDS.replace("== 200`", "== 200` within 1h")
    drill, _, journal = drilled(guards=guards)
    _, mutant = drill.mutants(lambda _: None)
    assert mutant.caught
    waited = [f["seconds"] for f in journal if f["kind"] == "check" and f["where"] == "accept"]
    assert waited[0] == 0
    assert 20 <= waited[1] < 21


ALWAYS = GUARDS + "- **Always**: `http vault/health {.n} < 2` from S2 until S3\n"
STEPS = [
    step(f"S{number} [AGENT] x", block=block)
    for number, block in enumerate(("a", "b", "repair"), 1)
]


def raised(world):
    world["body"] = {"n": 2}


@pytest.mark.parametrize(
    ("scripts", "ran", "reason"),
    [
        ({}, ("S1", "S2", "S3"), ""),
        ({"a": raised}, ("S1", "S2"), "S2: Always `http vault/health {.n} < 2`: 2"),
        ({"b": raised}, ("S1", "S2"), "S2: Always `http vault/health {.n} < 2`: 2"),
        ({"repair": lambda world: (raised(world), heal(world))[1]}, ("S1", "S2", "S3"), ""),
    ],
)
def test_always_stops_the_run_between_its_steps_only(scripts, ran, reason):
    faults = {"vault-sealed": lambda world: world.update(status=503, body={"n": 1})}
    found = result(*STEPS, guards=ALWAYS, faults=faults, scripts={"repair": heal, **scripts})
    assert (found.outcome.ran, found.outcome.reason) == (ran, reason)


def test_a_step_that_is_left_out_is_not_watched():
    """The null drill must be judged by what a user sees, not by a guard of steps nobody took."""
    faults = {"vault-sealed": lambda world: world.update(status=503, body={"n": 9})}
    drill, _, _ = drilled(*STEPS, guards=ALWAYS, faults=faults)
    (scenario,) = drill.plan.scenarios
    nothing = drill.scenario(scenario, ("S1", "S2", "S3"))
    assert nothing.reason.startswith("Accept: ")


def description(*layers):
    return Description("id", "embedded", (), tuple(layers), (), (), (), (), "")


def test_nothing_runs_unless_every_layer_held():
    confined(description(Layer("no network", held=True)))
    for layers, said in (
        ((), "nothing measured"),
        ((Layer("a", held=True), Layer("b", held=False, detail="reached")), r"b \(reached\)"),
    ):
        with pytest.raises(BoundaryError, match=said) as refused:
            confined(description(*layers))
        assert refused.value.exit_code == 3
