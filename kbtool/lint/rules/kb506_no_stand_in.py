"""Without somebody to act for the person no drill runs the page unattended."""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB506",
    name="no-stand-in",
    summary="A [HUMAN] step with a block has a Stand-in.",
    check=defects("KB506", "warning"),
    good=(
        example(GOOD_STEP),
        example(
            "### S1 [HUMAN] Do\n\n- **Who**: me\n- **Stand-in**: types `KEY`\n\n```sh\ntrue\n```\n\n- **Expect**: `http v/h status == 200`\n"
        ),
    ),
    bad=(
        example(
            "⟦### S1 [HUMAN] Do⟧\n\n- **Who**: me\n\n```sh\ntrue\n```\n\n- **Expect**: `http v/h status == 200`\n"
        ),
    ),
    severity="warning",
    seen=Unseen("no page there has steps"),
)
