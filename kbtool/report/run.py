"""Facts of a run as lines a person can follow."""

from typing import Final

from kbtool.runbook.ports import Fact

_MARK: Final = {"green": "✓", "red": "✗", "error": "!"}
_PHASES: Final = {
    "healthy": "healthy at first?",
    "break": "breaking it",
    "before": "before the steps",
    "steps": "walking the steps",
    "accept": "healthy again?",
}


def fact_line(fact: Fact) -> tuple[str, str] | None:
    """Return (line, colour) for a fact a person wants to see, or None."""
    teller = _TELLERS.get(str(fact["kind"]))
    return teller(fact) if teller else None


def _run(fact: Fact) -> tuple[str, str]:
    layers = fact["layers"]
    count = len(layers) if isinstance(layers, list) else 0
    parts = fact["parts"] if isinstance(fact["parts"], list) else []
    names = ", ".join(f"{p['name']} {p['version']}" for p in parts if isinstance(p, dict))
    weak = f"; boundary {fact['boundary']}: this verifies no page" if fact.get("boundary") else ""
    line = f"run {fact['run']} in {fact['name']}: {names}; {count} boundary layers measured{weak}"
    return line, "yellow" if weak else ""


def _check(fact: Fact) -> tuple[str, str]:
    color, where = str(fact["color"]), str(fact["where"])
    mark = _MARK[color]
    if where == "broken" and color == "red":
        return f"    {mark} red, as it must be: {fact['source']}  (seen: {fact['seen']})", "green"
    if where == "broken":
        return f"      {color}: {fact['source']}  (seen: {fact['seen']})", ""
    return f"    {mark} {fact['source']}  (seen: {fact['seen']}, {fact['seconds']} s)", color


def _ran(fact: Fact) -> tuple[str, str] | None:
    if fact["timed_out"]:
        return f"    ended by its timeout after {fact['seconds']} s", "red"
    return f"    exit {fact['exit']} after {fact['seconds']} s", ""


def _started(fact: Fact) -> tuple[str, str]:
    how = {"same text": "  (stand-in, same text)", "other text": "  (stand-in, other text)"}
    return (
        f"  {fact['step']} [{fact['tag']}] {fact['title']}{how.get(str(fact['how']), '')}",
        "bold",
    )


def _ended(fact: Fact) -> tuple[str, str]:
    reason = f": {fact['reason']}" if fact["reason"] else ""
    return f"  → {fact['verdict']}{reason}", "green" if fact["verdict"] == "green" else "red"


def _scenario(fact: Fact) -> tuple[str, str]:
    left = fact["without"]
    without = f", without {', '.join(map(str, left))}" if isinstance(left, list) and left else ""
    return f"scenario {fact['scenario']}{without}", "bold"


def _fault(fact: Fact) -> tuple[str, str]:
    seen = "seen" if fact["seen"] else "NOT seen"
    color = "" if fact["seen"] else "red"
    return f"    {fact['fault']}: injected and {seen} ({fact['detail']})", color


def _answered(fact: Fact) -> tuple[str, str]:
    given = fact["evidence"] if isinstance(fact["evidence"], dict) else {}
    evidence = "".join(f", {name}={value}" for name, value in given.items())
    what = "to run it once more" if fact["again"] else "done"
    return f"    answered ({fact['channel']}): {what}{evidence}", ""


_TELLERS: Final = {
    "run": _run,
    "scenario": _scenario,
    "phase": lambda f: (f"  {_PHASES.get(str(f['phase']), f['phase'])}", ""),
    "check": _check,
    "fault": _fault,
    "started": _started,
    "ran": _ran,
    "captured": lambda f: (f"    captured {f['name']} = {f['value']}", ""),
    "secret": lambda f: (f"    captured secret {f['name']}", ""),
    "answered": _answered,
    "skipped": lambda f: (f"  {f['step']} skipped: {f['reason']}", ""),
    "red": lambda f: (f"    ✗ {f['step']}: {f['reason']}", "red"),
    "undo": lambda f: (f"    undo {f['step']}: exit {f['exit']}", ""),
    "died": lambda f: (f"    ! server died: {f['servers']}", "red"),
    "ended": _ended,
}
