"""What the runbook rules share: the runbook of a page, read once, and its defects by rule."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.rule import Check, Finding, Options, Severity
from kbtool.markdown.page import Page

if TYPE_CHECKING:
    from kbtool.runbook.model import Runbook


def runbook_of(page: Page, kb: KnowledgeBase) -> "Runbook | None":
    """Return the runbook written on a page of kind runbook, None for other pages."""
    if kb.kind(page) is not Kind.RUNBOOK:
        return None
    from kbtool.runbook.model import Runbook
    from kbtool.runbook.read import is_runbook, read_runbook

    if not is_runbook(page):
        return None
    key = ("runbook", page.path)
    found = kb.memo.get(key)
    if not isinstance(found, Runbook):
        found = kb.memo[key] = read_runbook(page, kb.facts.digest)
    return found


def defects(rule: str, severity: Severity = "error") -> Check:
    """Return the check that reports the defects reading the runbook put under `rule`."""

    def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
        runbook = runbook_of(page, kb)
        for defect in runbook.defects if runbook else ():
            if defect.rule == rule:
                yield Finding(
                    page.path, defect.span, defect.message, defect.help, severity=severity
                )

    return check


_HEAD = "# R\n\n## Guards\n\n- **Accept**: `http v/h status == 200`\n\n## Steps\n\n"


def example(steps: str, guards: str = "") -> dict[str, str]:
    """Return an example page: a runbook with these steps."""
    head = _HEAD if not guards else f"# R\n\n## Guards\n\n{guards}\n\n## Steps\n\n"
    return {"vibe/runbooks/r.md": head + steps}


GOOD_STEP = "### S1 [AGENT] Do\n\n```sh\ntrue\n```\n\n- **Expect**: exit 0\n"
