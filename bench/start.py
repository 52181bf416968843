"""Start-up and a lint of the base, beside the least a Python process costs."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import process

ROOT = Path(__file__).resolve().parent.parent


def rows(runs: int) -> Iterator[tuple[str, str, str]]:
    """Yield (what, measured, beside)."""
    nothing = process([sys.executable, "-c", "pass"], runs=runs)
    yield "python -c pass", _ms(nothing.cpu), ""
    for arguments in (["--version"], ["lint"]):
        cost = process([sys.executable, "-m", "kbtool", *arguments], runs=runs, cwd=str(ROOT))
        ratio = f"{cost.cpu / nothing.cpu:.1f} × python -c pass"
        yield f"kbtool {' '.join(arguments)}, CPU", _ms(cost.cpu), ratio


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
