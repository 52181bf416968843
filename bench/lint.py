"""Lint beside its peers: whole processes, in turns, on the same pages.

Only rules on links and anchors, which all of them have. Everything is told as a ratio to what ran
beside it in the same round: machines are shared. A peer that is not on PATH is said to be missing.
`python -m bench lint --write` puts the tables into the guidebook.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.pages import ROOT, corpora, generated
from kbtool import __version__

PAGE: Final = ROOT / "vibe" / "guidebooks" / "kbtool" / "speed.md"
KBTOOL: Final = (sys.executable, "-m", "kbtool", "lint")
RULES: Final = "KB001,KB101,KB102,KB103,KB104,KB105,KB901,KB902"
FEW, MANY = 10_000, 100_000  # generated pages
# What the least run that is sure of anything does: it starts, and looks at every file once.
_STATS: Final = """
import os, sys
def look(folder):
    for entry in os.scandir(folder):
        look(entry.path) if entry.is_dir(follow_symlinks=False) else entry.stat()
look(sys.argv[1])
"""


# A small process starts what is measured: the peak memory of a child counts its parent's at first.
_METER: Final = """
import os, sys, time
began = time.perf_counter()
nothing = os.open(os.devnull, os.O_WRONLY)
silent = [(os.POSIX_SPAWN_DUP2, nothing, stream) for stream in (1, 2)]
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
used = os.wait4(child, 0)[2]
print(used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss)
"""


class Cost(NamedTuple):
    """Of one process and its children: CPU and wall seconds, peak memory in MB."""

    cpu: float
    wall: float
    memory: float


Rounds = Mapping[str, Sequence[Cost]]  # what ran → its cost in each round


class Peer(NamedTuple):
    """Another linter: how it is called cold, and warm where it keeps anything."""

    name: str
    cold: str
    warm: str = ""


PEERS: Final = (
    Peer(
        "rumdl",
        "rumdl check --no-cache --enable MD051,MD057 {pages}",
        "rumdl check --cache-dir {cache} --enable MD051,MD057 {pages}",
    ),
    Peer("lychee", "lychee --offline --include-fragments --no-progress --extensions md {pages}"),
    Peer("mdlinkcheck", "mdlinkcheck --no-git {pages}"),
)


class Target(NamedTuple):
    """A target of the design: what is to be at most so many times something else."""

    what: str
    ratio: float
    most: float

    def line(self) -> tuple[str, str, str, str]:
        most = f"{self.most:g} ×" if self.most >= 0.1 else f"1/{1 / self.most:.0f}"
        ratio = f"{self.ratio:.2f} ×" if self.most >= 0.1 else f"1/{1 / self.ratio:.0f}"
        return self.what, most, ratio, "met" if self.ratio <= self.most else "**not met**"


class Table(NamedTuple):
    """What was measured on one base: lines of (what, CPU, wall, memory), and targets."""

    base: str
    lines: Sequence[tuple[str, ...]]
    targets: Sequence[Target]


# ---------------------------------------------------------------------- reports
def rows(runs: int) -> Iterator[tuple[str, str, str]]:
    """Yield (what, measured, beside)."""
    for table in _tables(runs):
        yield table.base, "", ""
        for what, cpu, wall, memory in table.lines:
            yield f"  {what}", cpu, f"wall {wall}, memory {memory}"
        for what, most, ratio, met in (target.line() for target in table.targets):
            yield f"  {what}", ratio, f"at most {most}: {met.strip('*')}"


def write(runs: int) -> None:
    """Put the tables into the guidebook's page."""
    parts = [_machine(runs), ""]
    missed: dict[str, list[str]] = {}
    for table in _tables(runs):
        parts += (f"**{table.base}**", "")
        if table.lines:
            parts += _markdown(("", "CPU", "wall", "memory"), table.lines)
        parts += _markdown(("target", "at most", "measured", ""), [t.line() for t in table.targets])
        for target in table.targets:
            if target.ratio > target.most:
                missed.setdefault(target.what, []).append(table.base.partition(":")[0])
    parts += ("**Not met**:", "")
    parts += (f"- {what}: {', '.join(bases)}." for what, bases in missed.items())
    begin, end = "<!-- kb-generated bench-lint -->\n", "\n<!-- /kb-generated -->"
    head, rest = PAGE.read_text().split(begin)
    PAGE.write_text(f"{head}{begin}\n" + "\n".join(parts) + f"\n{end}{rest.split(end, 1)[1]}")


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    for line in (head, ["---"] * len(head), *lines):
        yield f"| {' | '.join(line)} |"
    yield ""


def _machine(runs: int) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = [f"kbtool {__version__}", *(_version(peer) for peer in PEERS)]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {cores} cores, "
        f"load {os.getloadavg()[0]:.0f} when it began, Python {platform.python_version()}; "
        f"{' · '.join(names)}. Medians of {runs} rounds; × is times *kbtool, cold*."
    )


def _version(peer: Peer) -> str:
    if not _is_here(peer):
        return f"{peer.name}: missing"
    done = subprocess.run([peer.name, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout)
    return f"{peer.name} {found[0] if found else ''}".strip()


# ---------------------------------------------------------------------- measuring
def _tables(runs: int) -> Iterator[Table]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _as_installed(folder)
        for pages in corpora(folder):
            yield _table(pages, _rounds(pages, f"{folder}/peers", runs))
            shutil.rmtree(pages)
        few, many = generated(folder, FEW), generated(folder, MANY)
        rounds = _rounds(few, f"{folder}/peers", runs)
        yield _table(few, rounds)
        costs = [_once([*_lint(many), "--no-cache"]) for _ in range(min(runs, 2))]
        growth = median(_cpu(costs)) / median(_cpu(rounds["kbtool, cold"]))
        yield Table(_named(many), (), [Target(f"CPU cold, of {FEW:,} pages", growth, 11)])


def _as_installed(folder: Path) -> None:
    """Run kbtool as its users have it: compiled by the installer, in a shell without settings."""
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/compiled"
    os.environ["KBTOOL_CACHE"] = f"{folder}/kept"
    subprocess.run([*KBTOOL, "--no-cache"], cwd=ROOT, capture_output=True, check=False)


def _table(pages: Path, rounds: Rounds) -> Table:
    return Table(_named(pages), _lines(rounds), list(_targets(rounds)))


def _named(pages: Path) -> str:
    sizes = [file.stat().st_size for file in pages.rglob("*.md")]
    return f"{pages.name}: {len(sizes):,} pages, {sum(sizes) / 1e6:.0f} MB"


def _lint(pages: Path) -> list[str]:
    return [*KBTOOL, str(pages), "--select", RULES]


def _rounds(pages: Path, cache: str, runs: int) -> Rounds:
    """Take everything in turns, so that a busy moment of the machine is everybody's."""
    page = min(pages.rglob("*.md"))
    taken: dict[str, list[Cost]] = {}

    def take(what: str, command: Sequence[str]) -> None:
        taken.setdefault(what, []).append(_once(command))

    for _ in range(runs):
        take("kbtool, cold", [*_lint(pages), "--no-cache"])
        shutil.rmtree(os.environ["KBTOOL_CACHE"], ignore_errors=True)
        time.sleep(0.3)  # what is as young as a run is not kept
        take("kbtool, cold, and keeping", _lint(pages))
        take("kbtool, warm", _lint(pages))
        page.write_text(page.read_text("utf-8", "replace") + "\nOne sentence more.\n")
        time.sleep(0.3)
        take("kbtool, one page changed", _lint(pages))
        take("Python, a stat of each file", [sys.executable, "-c", _STATS, str(pages)])
        for peer in filter(_is_here, PEERS):
            take(f"{peer.name}, cold", peer.cold.format(pages=pages).split())
            if peer.warm:
                warm = peer.warm.format(pages=pages, cache=cache).split()
                _once(warm)
                take(f"{peer.name}, warm", warm)
    return taken


def _is_here(peer: Peer) -> bool:
    return shutil.which(peer.name) is not None


def _lines(rounds: Rounds) -> list[tuple[str, ...]]:
    found = []
    for what in rounds:
        ratios = (_ratio(rounds, what, ["kbtool, cold"], figure) for figure in Cost._fields)
        found.append((what, *(f"{ratio:.2f} ×" for ratio in ratios)))
    return found


def _targets(rounds: Rounds) -> Iterator[Target]:
    """Yield the targets of the design that can be measured here."""
    cold, warm, changed = "kbtool, cold", "kbtool, warm", "kbtool, one page changed"
    here = [peer for peer in PEERS if _is_here(peer)]
    if here:
        colds = [f"{peer.name}, cold" for peer in here]
        warms = [f"{peer.name}, {'warm' if peer.warm else 'cold'}" for peer in here]
        fastest = "of the fastest peer"
        yield Target(f"CPU cold, {fastest}", _ratio(rounds, cold, colds), 0.8)
        yield Target(f"wall cold, {fastest}", _ratio(rounds, cold, colds, "wall"), 0.8)
        yield Target(f"CPU warm, {fastest} warm", _ratio(rounds, warm, warms), 1 / 20)
    if "lychee, cold" in rounds:
        memory = _ratio(rounds, cold, ["lychee, cold"], "memory")
        yield Target("memory cold, of lychee", memory, 1)
    least = ["Python, a stat of each file"]
    yield Target("CPU warm, of a start and a stat of each file", _ratio(rounds, warm, least), 2)
    yield Target("CPU of one page changed, of the same", _ratio(rounds, changed, least), 3)


def _ratio(rounds: Rounds, ours: str, others: Sequence[str], figure: str = "cpu") -> float:
    """Return the median, over the rounds, of our cost by the least of the others'."""
    taken = zip(rounds[ours], *(rounds[name] for name in others), strict=True)
    return median(
        getattr(own, figure) / min(getattr(each, figure) for each in rest) for own, *rest in taken
    )


def _cpu(costs: Sequence[Cost]) -> list[float]:
    return [each.cpu for each in costs]


def _once(command: Sequence[str]) -> Cost:
    meter = [sys.executable, "-S", "-c", _METER, *command]
    done = subprocess.run(meter, capture_output=True, text=True, check=True, cwd="/")
    cpu, wall, memory = map(float, done.stdout.split())
    return Cost(cpu, wall, memory / (1024 if sys.platform == "linux" else 1024**2))
