"""A misspelt field is a check that never happens: unknown or malformed is an error."""

from kbtool.lint.rule import Rule, Unseen
from kbtool.lint.runbooks import GOOD_STEP, defects, example

RULE = Rule(
    id="KB502",
    name="unknown-field",
    summary="Fields are of the closed set, and well-formed.",
    check=defects("KB502", "error"),
    good=(example(GOOD_STEP),),
    bad=(
        example(
            "### S1 [AGENT] Do\n\n- **⟦Expects⟧**: exit 0\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
        example(
            "### S1 [AGENT] Do\n\n- **Timeout**: ⟦soon⟧\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
        example(
            "### S1 [AGENT] Do\n\n- **Capture**: ⟦`PATH` from `/x/`⟧\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
        example(
            "### S1 [AGENT] Do\n\n- **When**: ⟦later⟧\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
        example(
            "### S1 [AGENT] Do\n\n- **Uses**: ⟦`gone.yml`⟧\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
        ),
    ),
    severity="error",
    seen=Unseen("no page there has steps"),
)
