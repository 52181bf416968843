"""One step is one block: that is what is executed, retried and taken back. Other fences are prose."""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB505",
    name="step-block",
    summary="An [AGENT] step has exactly one sh or bash fence.",
    check=defects("KB505", "error"),
    good=(example(GOOD_STEP),),
    bad=(
        example("⟦### S1 [AGENT] Do⟧\n\n- **Expect**: exit 0\n"),
        example(
            "### S1 [AGENT] Do\n\n```sh\ntrue\n```\n\n⟦```bash\ntrue\n```⟧\n\n- **Expect**: exit 0\n"
        ),
    ),
    severity="error",
    seen=Unseen("no page there has steps"),
)
