"""What a step and a runbook are, in 64 characters: evidence holds for exactly these.

Step: sha256 of the canonical JSON of tag, fields by name in authored order, block, Uses (path and
sha256), the stand-in's other text, and the prose of [HUMAN] steps. The id, the title, the header
and the prose of [AGENT] steps are outside.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from kbtool.runbook.model import Json, Runbook, Step, WrittenField


def canonical(value: Json) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hexdigest(value: Json) -> str:
    """Return the sha256 of the canonical JSON."""
    return sha256(canonical(value)).hexdigest()


def step_digest(step: Step, uses: Mapping[str, str]) -> str:
    """Return the digest of a step; `uses` maps the paths of Uses files to their sha256."""
    return hexdigest(
        {
            "tag": step.tag,
            "fields": _fields(step.fields),
            "shell": step.shell if step.block is not None else None,
            "block": step.block,
            "uses": [[path, uses.get(path, "")] for path in step.uses],
            "stand-in": step.stand_in.script if step.stand_in else None,
            "prose": step.prose if step.tag == "HUMAN" else None,
        }
    )


def runbook_digest(runbook: Runbook) -> str:
    """Return the digest of a runbook: its guards and its steps' digests in order."""
    return hexdigest(
        {
            "guards": _fields(runbook.guards.fields),
            "steps": [step_digest(step, runbook.uses) for step in runbook.steps],
        }
    )


def step_digests(runbook: Runbook) -> Mapping[str, str]:
    """Return step id → digest."""
    return {step.id: step_digest(step, runbook.uses) for step in runbook.steps}


def _fields(fields: Sequence[WrittenField]) -> Json:
    found: dict[str, list[Json]] = {}
    for field in fields:
        found.setdefault(field.name, []).append([field.label, field.value])
    return dict(found)
