"""A page that says it is verified must be: exactly as it stands, green, and not long ago.

The evidence file beside the page holds the digests of what was drilled. A step, a guard or a Uses
file that changed since makes it stale; so does a red drill, and a date in the header that no
record bears out. Old age is a warning here and an error in `kbtool verify`.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Severity, Unseen
from kbtool.lint.runbooks import GOOD_STEP, example, runbook_of
from kbtool.markdown.page import Page

_DRILL = "kbtool drill proves it anew"


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find evidence that does not bear out the page, and claims without evidence."""
    runbook = runbook_of(page, kb)
    if runbook is None:
        return
    from kbtool.runbook.evidence import evidence_path, problems, read_evidence, verified_on
    from kbtool.runbook.last_verified import NAME

    claimed = page.head.field(NAME)
    text = kb.facts.text(evidence_path(page.path))
    evidence = read_evidence(text) if text else None
    if evidence is None:
        if claimed or text:
            place = claimed.span if claimed else place_of_title(page)
            why = "the evidence file is damaged" if text else f"{NAME} without evidence"
            yield Finding(page.path, place, why, _DRILL)
        return
    found = list(problems(evidence, runbook, kb.facts.today, kb.conventions.evidence_age))
    if found:
        severity: Severity = "error" if any(problem.error for problem in found) else "warning"
        worst = next(problem for problem in found if problem.error == (severity == "error"))
        more = f" (and {len(found) - 1} more)" if found[1:] else ""
        place = place_of_title(page)
        yield Finding(page.path, place, worst.message + more, _DRILL, severity=severity)
    day = verified_on(evidence, runbook)
    if claimed and not found and claimed.value != day:
        message = f"{NAME} says {claimed.value}, the evidence {day}"
        yield Finding(page.path, claimed.value_span, message, _DRILL)


RULE = Rule(
    id="KB513",
    name="evidence",
    summary="Evidence fits the page as it stands.",
    check=check,
    good=(example(GOOD_STEP),),
    bad=(
        {
            "vibe/runbooks/r.md": "# R\n\n> **Status**: Draft\n> ⟦**Last Verified**: 2026-01-02⟧\n\n## Guards\n\n- **Accept**: `http v/h status == 200`\n\n## Steps\n\n"
            + GOOD_STEP
        },
        {**example(GOOD_STEP), "vibe/runbooks/r.evidence.json": "{"}
        | {
            "vibe/runbooks/r.md": "⟦# R⟧\n\n## Guards\n\n- **Accept**: `http v/h status == 200`\n\n## Steps\n\n"
            + GOOD_STEP
        },
    ),
    seen=Unseen("no page there has steps"),
)
