"""Everything that stands in the way is said before anything runs, at once, with exit code 2."""

import pytest
from support.runbook import GUARDS, PROFILE, plan, runbook, step

from kbtool.errors import PlanError
from kbtool.report.plan import plan_text
from kbtool.runbook.plan import missing

HUMAN = "S1 [HUMAN] x"


@pytest.mark.parametrize(
    ("text", "guards", "said"),
    [
        (step(after="- **Expect**: `k8s deploy/erp -n erp exists`"), GUARDS, "has no Kubernetes"),
        (step(fields="- **On**: `pi2`"), GUARDS, "has no hosts"),
        (step(after="- **Expect**: `http valt/x status == 200`"), GUARDS, "did you mean 'vault'?"),
        (step(after='- **Expect**: `sql vault "SELECT 1" == 1`'), GUARDS, "vault is no database"),
        (step(fields="- **Secret**: `ROL_ID`"), GUARDS, "declares no secret 'ROL_ID' (did you mean 'ROLE_ID'?)"),
        (step(after="- **Expect**: `run true` exit 0 with secret NONE"), GUARDS, "declares no secret 'NONE'"),
        (step(HUMAN, "- **Who**: me"), GUARDS, "has no Stand-in"),
        (step(fields="- **Bogus**: 1"), GUARDS, "unknown field 'Bogus' (KB502)"),
        ("", GUARDS, "it has no steps"),
        (step(), GUARDS + "- **Requires**: longhorn\n", "requires longhorn"),
        (step(), GUARDS.replace("vault-sealed", "vault-seald"), "did you mean 'vault-sealed'?"),
        (step(), "- **Accept**: `http vault/x status == 200`\n", "no Break in its Guards"),
        (step(), GUARDS + "- **Inputs**: `VOLUME` (the volume)\n", "--input VOLUME=…"),
    ],
)  # fmt: skip
def test_refusals(text, guards, said):
    with pytest.raises(PlanError) as refused:
        plan(text, guards=guards)
    assert said in refused.value.message
    assert refused.value.exit_code == 2


def test_all_reasons_at_once():
    with pytest.raises(PlanError) as refused:
        plan(step(fields="- **On**: `pi2`"), step("S2 [AGENT] y", "- **Secret**: `NONE`"))
    assert "pi2" in refused.value.message
    assert "NONE" in refused.value.message


def test_production_names_are_refused_where_they_would_be_executed():
    named = {"production": ("192.0.2.7", "vault.example")}
    for text in (
        step(block="ssh 192.0.2.7"),
        step(after="- **Expect**: `run curl https://vault.example/` exit 0"),
        step(fields="- **Undo**: `ssh root@192.0.2.7`"),
    ):
        with pytest.raises(PlanError, match="names production"):
            plan(text, **named)
    for text in (
        step(prose="Production is 192.0.2.7."),
        step(block="ssh 192.0.2.77"),
        step(block="echo my-vault.example.org"),
    ):
        assert plan(text, **named)


BEYOND = GUARDS + (
    "- **Requires**: vault, longhorn, kubernetes\n"
    "- **Always**: `k8s deploy/erp -n erp {.spec.replicas} == 0` from S1\n"
)


def test_without_a_profile_the_text_alone_is_judged():
    beyond = step(fields="- **On**: `pi2` · **Secret**: `NONE`")
    assert missing(runbook(beyond, guards=BEYOND), PROFILE) == ("longhorn", "kubernetes")
    unfit = plan(beyond, guards=BEYOND, profile=None, mode="plan")
    assert (unfit.profile, len(unfit.steps)) == ("", 1)
    assert unfit.digest != plan(step(), profile=None, mode="plan").digest
    for text, said in (
        (step(fields="- **Bogus**: 1"), "unknown field 'Bogus' (KB502)"),
        (step(block="ssh 192.0.2.7"), "names production"),
    ):
        with pytest.raises(PlanError) as refused:
            plan(text, guards=BEYOND, profile=None, mode="plan", production=("192.0.2.7",))
        assert said in refused.value.message


def test_what_only_warns_does_not_stop_a_run():
    assert plan(step(after=""), mode="run").steps[0].id == "S1"
    assert plan(step(HUMAN, "- **Who**: me"), mode="run").steps[0].stand_in is None


def test_inputs_scenarios_and_digest():
    guards = GUARDS + "- **Inputs**: `VOLUME` (x)\n- **Break** `other`: postgres-down\n"
    one = plan(step(), guards=guards, inputs={"VOLUME": "a"})
    assert [scenario.name for scenario in one.scenarios] == ["sealed", "other"]
    assert one.digest != plan(step(), guards=guards, inputs={"VOLUME": "b"}).digest
    chosen = plan(step(), guards=guards, inputs={"VOLUME": "a"}, scenario="other")
    assert [scenario.name for scenario in chosen.scenarios] == ["other"]
    with pytest.raises(PlanError, match="no scenario 'othr'"):
        plan(step(), guards=guards, inputs={"VOLUME": "a"}, scenario="othr")
    with pytest.raises(PlanError, match="no input 'VOLUM'"):
        plan(step(), guards=guards, inputs={"VOLUM": "a", "VOLUME": "a"})


GIVEN = GUARDS + "- **Inputs**: `VOLUME` (the volume, e.g. `erp`), `COUNT` (how many, e.g. `3`)\n"


def test_a_drill_takes_the_example_of_an_input_nobody_gives():
    drilled = plan(step(), guards=GIVEN, inputs={"COUNT": "5"})
    assert drilled.inputs == {"VOLUME": "erp", "COUNT": "5"}
    assert drilled.examples == ("VOLUME",)
    said = plan(step(), guards=GIVEN, inputs={"VOLUME": "erp", "COUNT": "5"})
    assert said.examples == ()
    assert said.digest == drilled.digest


def test_a_run_takes_no_example():
    with pytest.raises(PlanError) as refused:
        plan(step(), guards=GIVEN, inputs={"COUNT": "5"}, mode="run")
    assert "--input VOLUME=erp" in refused.value.message
    shown = plan(step(), guards=GIVEN, mode="plan")
    assert shown.inputs == {}
    assert "input VOLUME = (not given; a drill takes erp)" in plan_text(shown)


def test_a_secret_captured_earlier_may_be_used_later():
    first = step("S1 [AGENT] a", "- **Capture**: secret `TOKEN` from `/t/`")
    assert plan(first, step("S2 [AGENT] b", "- **Secret**: `TOKEN`"), profile=PROFILE)
    with pytest.raises(PlanError, match="declares no secret 'TOKEN'"):
        plan(
            step("S1 [AGENT] b", "- **Secret**: `TOKEN`"),
            step("S2 [AGENT] a", "- **Capture**: secret `TOKEN` from `/t/`"),
        )
