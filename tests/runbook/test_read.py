"""What the author wrote is read as written, and what is malformed is said at its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runbook import GUARDS, digest, page, runbook, step

from kbtool.markdown.parse import parse_page
from kbtool.runbook.read import is_runbook, read_runbook


def rules(found):
    return [defect.rule for defect in found.defects]


def only(*steps, **kwargs):
    found = runbook(*steps, **kwargs)
    assert found.defects == (), found.defects
    return found


def test_a_step_with_every_field():
    fields = (
        "- **On**: `operator` · **Timeout**: 45m · **Repeat**: safe\n"
        "- **Uses**: `recover/a.yml`\n"
        "- **Capture**: `STATE` from `/^state: (\\w+)$/`, secret `TOKEN` from `/token (\\S+)/`\n"
        "- **Secret**: `ROLE_ID`, `UNSEAL_KEY`\n"
        "- **Undo**: `rm x`\n- **Undo:** `rm y`\n"
    )
    after = "- **Expect**: `stdout =~ /a · b/` · **Expect**: `exit 3`\n- **Expect:** `http vault/x {.a} == 1` within 2m"
    (found,) = only(step("S2a [AGENT] Do `it` well", fields, "echo hi", after)).steps
    assert (found.id, found.tag, found.title) == ("S2a", "AGENT", "Do it well")
    assert (found.on, found.timeout, found.repeat_safe) == ("operator", 2700.0, True)
    assert found.uses == ("recover/a.yml",)
    assert [(c.name, c.pattern, c.secret) for c in found.captures] == [
        ("STATE", "^state: (\\w+)$", False),
        ("TOKEN", "token (\\S+)", True),
    ]
    assert found.secrets == ("ROLE_ID", "UNSEAL_KEY")
    assert found.undo == ("rm x", "rm y")
    assert [(e.source, e.within) for e in found.expects] == [
        ("`stdout =~ /a · b/`", 0.0),
        ("`exit 3`", 0.0),
        ("`http vault/x {.a} == 1` within 2m", 120.0),
    ]
    assert found.block == "echo hi\n"


def test_a_person_and_both_kinds_of_stand_in():
    typed = step(
        "S1 [HUMAN] Unseal",
        "- **Who**: key holder · **Evidence**: `initials`, `time`\n- **Stand-in**: types `UNSEAL_KEY`",
    )
    other = step(
        "S2 [HUMAN] Look",
        "- **Who**: anyone",
        after="- **Expect**: `exit 0`\n\n#### Stand-in\n\n```bash\nls\n```",
    )
    first, second = only(typed, other).steps
    assert first.who == "key holder"
    assert first.evidence == ("initials", "time")
    assert (first.stand_in.how, first.stand_in.types) == ("same text", ("UNSEAL_KEY",))
    assert (second.stand_in.how, second.stand_in.script, second.stand_in.shell) == (
        "other text",
        "ls\n",
        "bash",
    )
    assert second.block == "true\n"


def test_guards():
    guards = (
        "- **Requires**: vault, postgres\n"
        "- **Inputs**: `VOLUME` (the volume, e.g. `erp-data`), `SIZE` (GiB)\n"
        "- **Break** `one`: vault-sealed, postgres-down\n- **Break** `two`: postgres-down\n"
        "- **Before**: `http vault/v status == 200`\n"
        "- **Always**: `http vault/v status == 200` from S1 until S2\n"
        "- **Accept**: `http vault/$VOLUME status == 200` within 5m\n"
    )
    found = runbook(step(), step("S2 [AGENT] y"), guards=guards)
    assert found.defects == ()
    found = found.guards
    assert found.requires == ("vault", "postgres")
    assert [(i.name, i.example) for i in found.inputs] == [("VOLUME", "erp-data"), ("SIZE", None)]
    assert [(s.name, s.faults) for s in found.scenarios] == [
        ("one", ("vault-sealed", "postgres-down")),
        ("two", ("postgres-down",)),
    ]
    assert (found.always[0].start, found.always[0].until) == ("S1", "S2")
    assert found.accept[0].within == 300.0


def test_the_invariant_of_a_recovery():
    """As the design writes it: a Kubernetes check, its namespace, and both bounds."""
    guards = GUARDS + (
        '- **Before**: `k8s nodes/pi1 {.status.conditions[?(@.type=="Ready")].status} == True`\n'
        "- **Always**: `k8s deploy/erp -n erp {.spec.replicas} == 0` from S1 until S2\n"
    )
    found = runbook(step(), step("S2 [AGENT] y"), guards=guards)
    assert found.defects == ()
    (always,) = found.guards.always
    check = always.expectation.check
    assert (check.resource, check.namespace, check.comparison.path, check.comparison.right) == (
        "deploy/erp",
        "erp",
        ".spec.replicas",
        "0",
    )
    (before,) = found.guards.before
    assert before.check.comparison.path == '.status.conditions[?(@.type=="Ready")].status'


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("from S9", "S9, which is no step"),
        ("until S9", "S9"),
        ("from S2 until S1", "covers no step"),
    ],
)
def test_an_invariant_that_would_watch_nothing(bounds, said):
    guards = GUARDS + f"- **Always**: `http vault/v status == 200` {bounds}\n"
    (defect,) = runbook(step(), step("S2 [AGENT] y"), guards=guards).defects
    assert (defect.rule, said in defect.message) == ("KB508", True)


def test_needs_are_the_step_before_unless_written():
    found = only(
        step("S1 [AGENT] a"), step("S2 [AGENT] b"), step("S4 [AGENT] c", "- **Needs**: `S1`")
    )
    assert [each.needs for each in found.steps] == [(), ("S1",), ("S1",)]


def test_prose_beside_lists_and_other_fences_is_prose():
    text = step("S1 [AGENT] a", prose="Look at it:\n\n- one\n- two\n\n```text\nnot run\n```")
    (found,) = only(text).steps
    assert found.prose == "Look at it: - one - two ```text not run ```"
    assert found.block == "true\n"


@pytest.mark.parametrize(
    ("text", "rule", "marked"),
    [
        (step("S1 AGENT Do it"), "KB501", "### S1 AGENT Do it"),
        (step("S1 [ROBOT] Do it"), "KB501", "### S1 [ROBOT] Do it"),
        (step("Preparation"), "KB501", "### Preparation"),
        (step() + step("S1 [AGENT] Again"), "KB501", "### S1 [AGENT] Again"),
        (step(fields="- **Timout**: 3m"), "KB502", "Timout"),
        (step(fields="- **Timeout**: soon"), "KB502", "soon"),
        (step(fields="- **Timeout**: 0s"), "KB502", "0s"),
        (step(fields="- **Timeout**: 1m · **Timeout**: 2m"), "KB502", "Timeout"),
        (step(fields="- **When**: it rains"), "KB502", "it rains"),
        (step(fields="- **Uses**: `no/such.yml`"), "KB502", "`no/such.yml`"),
        (step(fields="- **Capture**: `PATH` from `/x/`"), "KB502", "`PATH` from `/x/`"),
        (step(fields="- **Capture**: `LD_PRELOAD` from `/x/`"), "KB502", "`LD_PRELOAD` from `/x/`"),
        (step(fields="- **Capture**: `low` from `/x/`"), "KB502", "`low` from `/x/`"),
        (step(fields="- **Capture**: `X` from `/(/`"), "KB502", "`X` from `/(/`"),
        (step(fields="- **Capture**: `X` from `/(?=a)/`"), "KB502", "`X` from `/(?=a)/`"),
        (step(fields="- **Capture**: the state"), "KB502", "the state"),
        (step(fields="- **Repeat**: yes"), "KB502", "yes"),
        (step(fields="- **Secret**: `../x`"), "KB502", "`../x`"),
        (step("S1 [HUMAN] x", "- **Stand-in**: types `UNSEAL_KEY`"), "KB503", "### S1 [HUMAN] x"),
        (step(after=""), "KB504", "### S1 [AGENT] Do it"),
        (step(block=None), "KB505", "### S1 [AGENT] Do it"),
        (step(after="- **Expect**: `exit 0`\n\n```bash\nls\n```"), "KB505", "```bash\nls\n```"),
        (step("S1 [HUMAN] x", "- **Who**: me"), "KB506", "### S1 [HUMAN] x"),
        (step(after="- **Expect**: `exit zero`"), "KB507", "`exit zero`"),
        (step(fields="- **Needs**: S9"), "KB508", "S9"),
        (step(fields="- **When**: `$STATE == x`"), "KB512", "`$STATE == x`"),
        (step(after="- **Expect**: `http vault/$X {.a} == 1`"), "KB512", "`http vault/$X {.a} == 1`"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_said_at_its_place(text, rule, marked):
    whole = page(text)
    found = read_runbook(whole, digest)
    assert rules(found) == [rule]
    span = found.defects[0].span
    assert whole.text[span.start : span.end].rstrip("\n") == marked


def test_a_runbook_without_accept_says_what_healthy_is_nowhere():
    assert rules(runbook(step(), guards="- **Requires**: vault\n")) == ["KB503"]


def test_an_unknown_field_names_the_nearest():
    (defect,) = runbook(step(fields="- **Expct**: `exit 0`")).defects
    assert "Expect" in defect.help


def test_a_malformed_heading_still_defines_its_id():
    found = runbook(step("S1 [AGNT] x"), step("S2 [AGENT] y", "- **Needs**: S1"))
    assert rules(found) == ["KB501"]


def test_what_has_no_steps_section_is_no_runbook():
    assert is_runbook(page(step()))
    assert not is_runbook(parse_page("x.md", "# X\n\n## Other\n\n### S1 [AGENT] x\n"))


@given(st.lists(st.sampled_from([*"`*-#/$:·[] \n", "**On**", "### S1 [AGENT] x\n", "```sh\n", "- **Expect**: ", "## Steps\n", "## Guards\n", "types `A`", "e\u0301", "from /(/"]), max_size=40).map("".join))  # fmt: skip
def test_reading_never_fails(text):
    whole = parse_page("r.md", f"# R\n\n## Guards\n\n{GUARDS}\n## Steps\n\n{text}")
    found = read_runbook(whole, lambda _: None)
    for defect in found.defects:
        assert 0 <= defect.span.start <= defect.span.end <= len(whole.text)
