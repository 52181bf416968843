"""Production's names in what a runbook executes. This explains; it is never counted as protection.

A number has many spellings that reach the same address, so no list of texts can hold it back: the
cell without a route does that.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kbtool.runbook.model import Runbook
from kbtool.text import Span


class Named(NamedTuple):
    """A production name in something that is executed."""

    name: str
    step: str
    span: Span


def production_names(runbook: Runbook, names: Sequence[str]) -> Iterator[str]:
    """Yield one sentence for every production name in what kbtool would execute."""
    for found in named_in(runbook, names):
        yield f"{found.step}: names production: {found.name}"


def named_in(runbook: Runbook, names: Sequence[str]) -> Iterator[Named]:
    """Yield production names in agent blocks, stand-ins, checks and undo, each once per place."""
    for place, text, span in _executed(runbook):
        for name in names:
            if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", text):
                yield Named(name, place, span)


def _executed(runbook: Runbook) -> Iterator[tuple[str, str, Span]]:
    for field in runbook.guards.fields:
        if field.name in ("Before", "Always", "Accept"):
            yield "Guards", field.value, field.span
    for step in runbook.steps:
        if step.tag == "AGENT" and step.block is not None and step.block_span is not None:
            yield step.id, step.block, step.block_span
        if step.stand_in and step.stand_in.script is not None:
            yield step.id, step.stand_in.script, step.stand_in.span
        for field in step.fields:
            if field.name in ("Expect", "Undo"):
                yield step.id, field.value, field.span
