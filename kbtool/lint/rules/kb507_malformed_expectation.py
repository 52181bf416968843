"""A check nobody can make proves nothing.

The forms are exit, stdout, k8s, http, sql and run; `within` waits where a check can be made again.
"""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB507",
    name="malformed-expectation",
    summary="Checks are of the grammar.",
    check=defects("KB507", "error"),
    good=(example(GOOD_STEP),),
    bad=(
        example("### S1 [AGENT] Do\n\n```sh\ntrue\n```\n\n- **Expect**: ⟦it works⟧\n"),
        example("### S1 [AGENT] Do\n\n```sh\ntrue\n```\n\n- **Expect**: ⟦`stdout =~ /(/`⟧\n"),
        example("### S1 [AGENT] Do\n\n```sh\ntrue\n```\n\n- **Expect**: ⟦exit 0 within 5m⟧\n"),
    ),
    severity="error",
    seen=Unseen("no page there has steps"),
)
