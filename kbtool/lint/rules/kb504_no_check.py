"""A step that checks nothing but its exit code may have done nothing at all."""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB504",
    name="no-check",
    summary="A step has a written Expect or a Capture.",
    check=defects("KB504", "warning"),
    good=(example(GOOD_STEP),),
    bad=(example("⟦### S1 [AGENT] Do⟧\n\n```sh\ntrue\n```\n"),),
    severity="warning",
    seen=Unseen("no page there has steps"),
)
