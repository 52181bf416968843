"""A step for a person names the person's role; a runbook says what healthy means."""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB503",
    name="missing-field",
    summary="A [HUMAN] step has Who; Guards have an Accept.",
    check=defects("KB503", "error"),
    good=(example(GOOD_STEP),),
    bad=(
        example("⟦### S1 [HUMAN] Do⟧\n\n- **Expect**: `http v/h status == 200`\n"),
        {
            "vibe/runbooks/r.md": "# R\n\n⟦## Guards⟧\n\n- **Requires**: v\n\n## Steps\n\n"
            + GOOD_STEP
        },
    ),
    severity="error",
    seen=Unseen("no page there has steps"),
)
