"""Who acts, a machine or a person, must be seen at a glance, also at three in the morning.

Ids are unique; the id is not part of a step's digest, so steps can be renumbered.
"""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB501",
    name="step-heading",
    summary="Each H3 under Steps is `S1 [AGENT] Title` or `S1 [HUMAN] Title`.",
    check=defects("KB501", "error"),
    good=(example(GOOD_STEP),),
    bad=(
        example("⟦### Do it⟧\n\n```sh\ntrue\n```\n"),
        example(GOOD_STEP + "\n⟦### S1 [AGENT] Again⟧\n\n```sh\ntrue\n```\n"),
        example("⟦### S1 [ROBOT] Do⟧\n\n```sh\ntrue\n```\n"),
    ),
    severity="error",
    seen=Unseen("no page there has steps"),
)
