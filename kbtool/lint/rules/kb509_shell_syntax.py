"""A block that does not parse fails at the worst moment.

Agent blocks, stand-ins and undo commands are read by the shell that would run them (`bash -n`,
`bash --posix -n` for sh); nothing is executed.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.lint.runbooks import GOOD_STEP, example, runbook_of
from kbtool.markdown.page import Page
from kbtool.text import Span

if TYPE_CHECKING:
    from kbtool.runbook.model import Step


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find blocks their shell cannot parse."""
    runbook = runbook_of(page, kb)
    for step in runbook.steps if runbook else ():
        for shell, text, place in _texts(step):
            fault = kb.facts.shell(shell, text)
            if fault:
                line, why = fault
                yield Finding(
                    page.path, _line(page, place, line), f"{shell} cannot parse it: {why}"
                )


def _texts(step: "Step") -> Iterator[tuple[str, str, Span]]:
    if step.block is not None and step.block_span is not None:
        yield step.shell, step.block, step.block_span
    if step.stand_in and step.stand_in.script is not None:
        yield step.stand_in.shell, step.stand_in.script, step.stand_in.span
    undo = [field for field in step.fields if field.name == "Undo"]
    for command, field in zip(step.undo, undo, strict=True):
        yield step.shell, command, field.span


def _line(page: Page, place: Span, line: int) -> Span:
    """Return the faulty line; a fault at the end of the text is at its last line."""
    first = page.lines.position(place.start)[0]
    last = page.lines.position(max(place.start, place.end - 1))[0]
    at = page.lines.offset(min(first + line - 1, last))
    end = page.text.find("\n", at)
    return Span(max(at, place.start), len(page.text) if end < 0 else end)


RULE = Rule(
    id="KB509",
    name="shell-syntax",
    summary="Blocks parse in the shell that runs them.",
    check=check,
    good=(example(GOOD_STEP),),
    bad=(
        example(
            "### S1 [AGENT] Do\n\n```sh\necho a\n⟦if true; then echo b⟧\n```\n\n- **Expect**: exit 0\n"
        ),
        example("### S1 [AGENT] Do\n\n```bash\n⟦echo )⟧\necho x\n```\n\n- **Expect**: exit 0\n"),
    ),
    seen=Seen(
        1,
        1,
        1,
        "Each of 178 blocks of sh or bash was the step of a runbook; the one found is a transcript.",
    ),
)
