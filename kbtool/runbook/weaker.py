"""What a change took away from a runbook's proof: checks removed, limits widened."""

from collections.abc import Iterator, Sequence
from typing import Final

from kbtool.runbook.model import Comparison, Expectation, Runbook, Step

_LOOSE: Final = ("exists", "=~", "!=", "<=", ">=", "<", ">")


def weakened(old: Runbook, new: Runbook) -> Iterator[str]:
    """Yield one sentence for each check that `new` makes less of than `old` did."""
    yield from _checks("Accept", old.guards.accept, new.guards.accept)
    yield from _checks("Before", old.guards.before, new.guards.before)
    gone = {s.name for s in old.guards.scenarios} - {s.name for s in new.guards.scenarios}
    for name in sorted(gone):
        yield f"scenario {name} is gone"
    after = {step.id: step for step in new.steps}
    for step in old.steps:
        if step.id in after:
            yield from _step(step, after[step.id])
        elif step.expects:
            yield f"{step.id} is gone, with {len(step.expects)} checks"


def _step(old: Step, new: Step) -> Iterator[str]:
    yield from _checks(f"{old.id} Expect", old.expects, new.expects)
    if new.timeout > old.timeout:
        yield f"{old.id}: its timeout grew from {old.timeout:.0f} s to {new.timeout:.0f} s"


def _checks(where: str, old: Sequence[Expectation], new: Sequence[Expectation]) -> Iterator[str]:
    left = {expectation.source for expectation in new}
    fresh = [e for e in new if e.source not in {expectation.source for expectation in old}]
    for expectation in old:
        if expectation.source in left:
            continue
        twin = next((e for e in fresh if _same_subject(e, expectation)), None)
        if twin is None:
            yield f"{where} removed: {expectation.source}"
        elif twin.within > expectation.within or _looser(expectation, twin):
            yield f"{where} loosened: {expectation.source} → {twin.source}"


def _same_subject(a: Expectation, b: Expectation) -> bool:
    return type(a.check) is type(b.check) and _subject(a) == _subject(b)


def _subject(expectation: Expectation) -> str:
    comparison = _comparison(expectation)
    text = expectation.source.strip("`")
    return text.partition(comparison.op)[0] if comparison else text.partition(" ")[0]


def _comparison(expectation: Expectation) -> Comparison | None:
    found = getattr(expectation.check, "comparison", None)
    return found if isinstance(found, Comparison) else None


def _looser(old: Expectation, new: Expectation) -> bool:
    before, after = _comparison(old), _comparison(new)
    if before is None or after is None:
        return False
    return before.op == "==" and after.op in _LOOSE
