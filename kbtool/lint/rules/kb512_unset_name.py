"""A `$NAME` nothing sets makes its check fail in the middle of a recovery."""

from kbtool.lint.rule import Rule, Seen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB512",
    name="unset-name",
    summary="Names in checks and conditions are set by an Input or an earlier Capture.",
    check=defects("KB512", "error"),
    good=(example(GOOD_STEP),),
    bad=(
        example(
            "### S1 [AGENT] Do\n\n```sh\ntrue\n```\n\n- **Expect**: ⟦`http v/$ID status == 200`⟧\n"
        ),
        example(
            "### S1 [AGENT] Do\n\n- **When**: ⟦`$X == 1`⟧\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
    ),
    severity="error",
    seen=Seen(0, 0, 0, "Each of 178 blocks of sh or bash was the step of a runbook."),
)
