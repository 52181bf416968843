"""A step cannot wait for one that comes later, or that is not there."""

from kbtool.lint.rule import Rule
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB508",
    name="needs",
    summary="Needs name earlier steps.",
    check=defects("KB508", "error"),
    good=(example(GOOD_STEP),),
    bad=(
        example(
            "### S1 [AGENT] Do\n\n- **Needs**: ⟦S2⟧\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
    ),
    severity="error",
)
