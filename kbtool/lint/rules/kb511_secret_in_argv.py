"""A secret in a command's arguments is readable by every process beside it, and lands in histories.

Seen are `$(cat $KB_SECRETS/NAME)` (or `$(< …)`, or backticks) among the arguments of a command, and
a variable filled so and then given as an argument. Reading a secret from its file
(`role_id=@$KB_SECRETS/NAME`, `< $KB_SECRETS/NAME`) is the way to do it.
"""

import re
from collections.abc import Iterator
from typing import Final

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.lint.runbooks import GOOD_STEP, example, runbook_of
from kbtool.markdown.page import Page
from kbtool.text import Span

_FILE: Final = r"[\"']?\$\{?KB_SECRETS\}?/[A-Z][A-Z0-9_]*[\"']?"
_READ: Final = re.compile(rf"\$\(\s*(?:cat\s+|<\s*){_FILE}\s*\)|`cat\s+{_FILE}\s*`")
_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+|local\s+)?([A-Za-z_]\w*)=[\"']?$")
# Shell builtins write without becoming a process; their arguments are seen by nobody.
_BUILTIN: Final = re.compile(r"^\s*(?:printf|echo|test|\[|export|unset|case|if|:)\b")


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find secrets among arguments."""
    runbook = runbook_of(page, kb)
    for step in runbook.steps if runbook else ():
        spans = [step.block_span] if step.block_span else []
        if step.stand_in and step.stand_in.script is not None:
            spans.append(step.stand_in.span)
        for span in spans:
            for found in _in_block(page.text[span.start : span.end]):
                place = Span(span.start + found.start, span.start + found.end)
                hint = (
                    "let the command read the file: name=@$KB_SECRETS/NAME, or < $KB_SECRETS/NAME"
                )
                yield Finding(page.path, place, "a secret becomes an argument", hint)


def _in_block(block: str) -> Iterator[Span]:
    held: set[str] = set()
    offset = 0
    for line in block.splitlines(keepends=True):
        for match in _READ.finditer(line):
            assigned = _ASSIGNMENT.match(line[: match.start()])
            if assigned:
                held.add(assigned[1])
            elif not _BUILTIN.match(line):
                yield Span(offset + match.start(), offset + match.end())
        for match in re.finditer(r"\$\{?([A-Za-z_]\w*)\}?", line):
            if (
                match[1] in held
                and not _ASSIGNED_TO.search(line[: match.start()])
                and not _BUILTIN.match(line)
            ):
                yield Span(offset + match.start(), offset + match.end())
        offset += len(line)


_ASSIGNED_TO: Final = re.compile(r"(?:^|\s)[A-Za-z_]\w*=[\"']?$|<<<\s*[\"']?$")

RULE = Rule(
    id="KB511",
    name="secret-in-argv",
    summary="Secrets are read from their files, never given as arguments.",
    check=check,
    good=(
        example(GOOD_STEP),
        example(
            '### S1 [AGENT] Do\n\n- **Secret**: `KEY`\n\n```sh\nbao write sys/unseal key=@$KB_SECRETS/KEY\ntool < "$KB_SECRETS/KEY"\nTOKEN=$(cat $KB_SECRETS/KEY) tool\nprintf \'%s\' "$(cat $KB_SECRETS/KEY)" | tool\n```\n\n- **Expect**: exit 0\n'
        ),
    ),
    bad=(
        example(
            '### S1 [AGENT] Do\n\n- **Secret**: `KEY`\n\n```sh\nbao operator unseal "⟦$(cat $KB_SECRETS/KEY)⟧"\n```\n\n- **Expect**: exit 0\n'
        ),
        example(
            '### S1 [AGENT] Do\n\n- **Secret**: `KEY`\n\n```sh\nkey=$(cat "$KB_SECRETS/KEY")\ntool --key "⟦$key⟧"\n```\n\n- **Expect**: exit 0\n'
        ),
    ),
    seen=Seen(0, 0, 0, "Each of 178 blocks of sh or bash was the step of a runbook."),
)
