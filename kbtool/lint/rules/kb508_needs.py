"""A step cannot wait for one that comes later, or that is not there.

An `Always` is watched from one step until another; where one of them is not there, or the second
comes first, nothing would be watched.
"""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

_ACCEPT = "- **Accept**: `http v/h status == 200`\n"
RULE = Rule(
    id="KB508",
    name="needs",
    summary="Needs name earlier steps; the bounds of an Always are steps in their order.",
    check=defects("KB508", "error"),
    good=(
        example(GOOD_STEP),
        example(GOOD_STEP, _ACCEPT + "- **Always**: `http v/h status == 200` from S1\n"),
    ),
    bad=(
        example(
            "### S1 [AGENT] Do\n\n- **Needs**: ⟦S2⟧\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
        example(GOOD_STEP, _ACCEPT + "- **Always**: ⟦`http v/h status == 200` from S1 until S9⟧\n"),
        example(GOOD_STEP, _ACCEPT + "- **Always**: ⟦`http v/h status == 200` from S1 until S1⟧\n"),
    ),
    severity="error",
    seen=Unseen("no page there has steps"),
)
