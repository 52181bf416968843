"""A walk through the steps: order, conditions, captures, undo, resumption."""

import pytest
from support.runbook import FILES, FakeClock, FakeSandbox, Person, done, plan, step

from kbtool.errors import PlanError, ServerDied, WaitingForPerson
from kbtool.runbook.execute import Execution, uses_files
from kbtool.runbook.journal import fold

STATE = "- **Capture**: `STATE` from `/state: (\\w+)/`"


def walk(*steps, sandbox=None, person=None, facts=(), **kwargs):
    sandbox = sandbox or FakeSandbox()
    journal = list(facts)
    inputs = kwargs.pop("inputs", {})
    guards = kwargs.pop("guards", None)
    made = plan(*steps, mode="run", inputs=inputs, **({"guards": guards} if guards else {}))
    execution = Execution(made, sandbox, FakeClock(), person or Person(), journal.append, dict(FILES), {}, state=fold(facts), **kwargs)  # fmt: skip
    try:
        return execution.run(), sandbox, journal
    except WaitingForPerson as waiting:
        return waiting, sandbox, journal


def prints(text, code=0):
    return lambda _: done(code, text)


def test_steps_run_in_order_with_the_values_captured_before():
    outcome, sandbox, journal = walk(
        step("S1 [AGENT] a", STATE, "look"),
        step("S2 [AGENT] b", "- **When**: `$STATE == down`", "repair"),
        step("S3 [AGENT] c", "- **When**: `$STATE != down`", "nothing"),
        sandbox=FakeSandbox(scripts={"look": prints("state: down\n")}),
    )
    assert (outcome.verdict, outcome.ran, outcome.skipped) == ("green", ("S1", "S2"), ("S3",))
    assert sandbox.ran == ["look", "repair"]
    assert sandbox.actions[1].env == {"STATE": "down"}
    assert {"kind": "skipped", "step": "S3", "reason": "$STATE is down"} in journal


def test_what_was_captured_by_a_skipped_step_is_a_failure_not_a_guess():
    outcome, _, _ = walk(
        step("S1 [AGENT] a", STATE, "look"), step("S2 [AGENT] b", "- **When**: `$STATE == down`"),
        without=frozenset({"S1"}),
    )  # fmt: skip
    assert (outcome.verdict, outcome.reason) == (
        "red",
        "S2: $STATE of its When was captured by no step",
    )


@pytest.mark.parametrize(
    ("fields", "after", "result", "reason"),
    [
        ("", "- **Expect**: `stdout =~ /x/`", done(3, stderr="no such thing\n"), "exit 3; no such thing"),
        ("", "- **Expect**: `exit 3`", done(0), "exit 0"),
        ("", "- **Expect**: `stdout =~ /yes/`", done(stdout="no\n"), "no"),
        ("- **Timeout**: 5s", "- **Expect**: `exit 0`", done(-9, timed_out=True), "no end within 5 s"),
        ("", "- **Expect**: `exit 0`", done(leaked=("ROLE_ID",)), "its output showed secret ROLE_ID"),
        (STATE, "", done(stdout="nothing"), "nothing to capture for STATE"),
        (STATE.replace("(\\w+)", "(x+)"), "", done(stdout="state: " + "x" * 5000), "longer than 4096 bytes"),
        ("- **Capture**: secret `TOKEN` from `/x/`", "", done(stdout=""), "nothing to capture for secret TOKEN"),
        ("", "- **Expect**: `http vault/x status == 201`", done(), "status == 201`: 200"),
    ],
)  # fmt: skip
def test_what_makes_a_step_red(fields, after, result, reason):
    outcome, _, journal = walk(
        step("S1 [AGENT] a", fields, "go", after),
        step("S2 [AGENT] b", block="never"),
        sandbox=FakeSandbox(scripts={"go": lambda _: result}),
    )
    assert outcome.verdict == "red"
    assert reason in outcome.reason
    assert outcome.ran == ("S1",)
    assert journal[-1]["kind"] == "red"


def test_a_check_is_made_until_it_is_green_or_its_time_is_over():
    def recover(world):
        world["left"] = world.get("left", 9) - 1
        world["status"] = 200 if world["left"] <= 0 else 503

    waits = "- **Expect**: `http vault/x status == 200` within {}s"
    for seconds, verdict in ((5, "green"), (1, "red")):
        sandbox = FakeSandbox(world={"status": 503, "tick": recover})
        outcome, _, _ = walk(step(after=waits.format(seconds)), sandbox=sandbox)
        assert outcome.verdict == verdict


def test_undo_in_reverse_on_failure_and_never_after_success():
    steps = [
        step("S1 [AGENT] a", "- **Undo**: `undo one`\n- **Undo**: `undo two`", "one"),
        step("S2 [AGENT] b", "- **Undo**: `undo three`", "fails"),
        step("S3 [AGENT] c", "- **Undo**: `undo four`", "later"),
    ]
    sandbox = FakeSandbox(scripts={"fails": prints("", 1), "undo three": prints("", 1)})
    outcome, _, journal = walk(*steps, sandbox=sandbox)
    assert outcome.verdict == "red"
    assert sandbox.ran == ["one", "fails", "undo three", "undo two", "undo one"]
    assert [fact["exit"] for fact in journal if fact["kind"] == "undo"] == [1, 0, 0]
    assert walk(*steps)[1].ran == ["one", "fails", "later"]


def test_undo_on_interrupt():
    def interrupted(_):
        raise KeyboardInterrupt

    sandbox = FakeSandbox(scripts={"two": interrupted})
    with pytest.raises(KeyboardInterrupt):
        walk(
            step("S1 [AGENT] a", "- **Undo**: `undo one`", "one"),
            step("S2 [AGENT] b", "", "two"),
            sandbox=sandbox,
        )
    assert sandbox.ran == ["one", "two", "undo one"]


def test_a_dead_server_ends_the_run_by_name():
    class Slow(FakeSandbox):
        def start(self, action):
            running = super().start(action)
            running.poll = lambda: None
            return running

    journal = []
    execution = Execution(
        plan(step(), mode="run"),
        Slow(death=("vault",)),
        FakeClock(),
        Person(),
        journal.append,
        {},
        {},
    )
    with pytest.raises(ServerDied, match="vault"):
        execution.run()
    assert journal[-1] == {"kind": "died", "servers": ["vault"]}


HUMAN = step("S1 [HUMAN] Unseal", "- **Who**: key holder · **Evidence**: `initials`\n- **Stand-in**: types `UNSEAL_KEY`", "unseal")  # fmt: skip


def test_a_person_is_asked_and_what_they_said_is_kept():
    person = Person(initials="AB")
    outcome, sandbox, journal = walk(HUMAN, person=person)
    assert outcome.verdict == "green"
    assert sandbox.ran == []
    assert person.asked[0].who == "key holder"
    kinds = [fact["kind"] for fact in journal]
    assert kinds == ["started", "asked", "answered", "green"]
    assert journal[2] == {
        "kind": "answered",
        "step": "S1",
        "evidence": {"initials": "AB"},
        "channel": "terminal",
        "again": False,
    }


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [({}, "evidence is missing: initials"), ({"refuses": "1"}, "the person did not do it")],
)
def test_a_person_who_did_not(evidence, reason):
    outcome, _, _ = walk(HUMAN, person=Person(**evidence))
    assert outcome.reason == f"S1: {reason}"


def test_in_a_drill_the_stand_in_types():
    outcome, sandbox, _ = walk(HUMAN, drill=True)
    assert outcome.verdict == "green"
    assert (sandbox.actions[0].script, sandbox.actions[0].types) == ("unseal\n", ("UNSEAL_KEY",))


def test_waiting_takes_nothing_back_and_goes_on_where_it_was():
    first = step(
        "S1 [AGENT] a",
        STATE + "\n- **Undo**: `undo`",
        "one",
        "- **Expect**: `http vault/x status == 200`",
    )
    human = HUMAN.replace("S1", "S2")
    last = step("S3 [AGENT] c", "- **When**: `$STATE == down`", "three")
    scripts = {"one": prints("state: down")}
    waiting, sandbox, journal = walk(
        first, human, last, sandbox=FakeSandbox(scripts=scripts), person=Person(absent="1")
    )
    assert isinstance(waiting, WaitingForPerson)
    assert waiting.exit_code == 4
    assert sandbox.ran == ["one"]
    journal.append(
        {
            "kind": "answered",
            "step": "S2",
            "evidence": {"initials": "AB"},
            "channel": "flag",
            "again": False,
        }
    )
    outcome, sandbox, _ = walk(first, human, last, facts=journal)
    assert (outcome.verdict, outcome.ran) == ("green", ("S1", "S2", "S3"))
    assert sandbox.ran == ["three"]
    sandbox = FakeSandbox(world={"status": 500})
    outcome, sandbox, _ = walk(first, human, last, facts=journal, sandbox=sandbox)
    assert "was green, is not any more" in outcome.reason
    assert sandbox.ran == []


@pytest.mark.parametrize(
    ("fields", "again"), [("", None), ("- **Repeat**: safe", None), ("", True)]
)
def test_a_step_that_was_begun_is_not_simply_done_again(fields, again):
    facts = [{"kind": "started", "step": "S1", "tag": "AGENT", "title": "a", "how": "agent"}]
    if again is not None:
        facts.append(
            {"kind": "answered", "step": "S1", "evidence": {}, "channel": "flag", "again": again}
        )
    outcome, sandbox, _ = walk(step(fields=fields, block="one"), facts=facts)
    if fields or again:
        assert sandbox.ran == ["one"]
    else:
        assert isinstance(outcome, WaitingForPerson)
        assert "--again to run it once more" in outcome.hint
        assert sandbox.ran == []


def test_answered_as_done_is_checked_and_not_run():
    facts = [
        {"kind": "started", "step": "S1", "tag": "AGENT", "title": "a", "how": "agent"},
        {"kind": "answered", "step": "S1", "evidence": {}, "channel": "flag", "again": False},
    ]
    text = step(block="one", after="- **Expect**: `http vault/x status == 200`")
    outcome, sandbox, _ = walk(text, facts=facts)
    assert (outcome.verdict, sandbox.ran) == ("green", [])
    outcome, sandbox, _ = walk(text, facts=facts, sandbox=FakeSandbox(world={"status": 500}))
    assert (outcome.verdict, sandbox.ran) == ("red", [])


def test_secrets_and_uses_reach_only_the_step_that_names_them():
    named = step("S1 [AGENT] a", "- **Secret**: `ROLE_ID`\n- **Uses**: `recover/a.yml`")
    _, sandbox, journal = walk(named, step("S2 [AGENT] b"))
    assert [(a.secrets, dict(a.files)) for a in sandbox.actions] == [
        (("ROLE_ID",), FILES),
        ((), {}),
    ]
    outputs = [fact["output"] for fact in journal if fact["kind"] == "ran"]
    assert outputs == ["", "S2.txt"]


def test_a_uses_file_changed_since_the_plan_is_refused():
    made = plan(step(fields="- **Uses**: `recover/a.yml`"), mode="run")
    assert uses_files(made, FILES) == FILES
    for changed in (b"a: 2\n", None):
        with pytest.raises(PlanError, match=r"recover/a\.yml was changed"):
            uses_files(made, {"recover/a.yml": changed})
