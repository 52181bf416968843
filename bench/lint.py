"""Lint beside its peers: whole processes in one run, on real pages and on generated ones.

Only rules on links, which all of them have. `python -m bench lint --write` puts the table into the
guidebook. A peer that is not on PATH is said to be not measured.
"""

import os
import platform
import random
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from kbtool import __version__

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "vibe" / "guidebooks" / "kbtool" / "speed.md"
RULES = "KB001,KB101,KB102,KB103,KB104,KB105,KB901,KB902"
GENERATED = 10_000  # pages, of 10 kB
_WORDS = [
    "the",
    "of",
    "a",
    "when",
    "cluster",
    "volume",
    "node",
    "page",
    "restore",
    "snapshot",
    "key",
    "service",
    "image",
    "backup",
    "step",
    "value",
    "field",
    "check",
    "error",
    "state",
    "time",
    "data",
    "log",
    "host",
    "pod",
    "user",
    "name",
    "path",
    "file",
    "line",
    "command",
    "output",
    "network",
    "disk",
    "secret",
    "token",
    "policy",
    "route",
    "table",
    "index",
]


class Cost(NamedTuple):
    """Of one process and its children: CPU and wall seconds, peak memory in MB."""

    cpu: float
    wall: float
    memory: float


class Peer(NamedTuple):
    """Another linter: how it is called cold, and warm where it keeps anything."""

    name: str
    cold: str
    warm: str = ""

    def cold_on(self, pages: Path) -> list[str]:
        return self.cold.format(pages=pages).split()

    def warm_on(self, pages: Path, cache: str) -> list[str]:
        return self.warm.format(pages=pages, cache=cache).split()


PEERS = (
    Peer(
        "rumdl",
        "rumdl check --no-cache --enable MD051,MD057 {pages}",
        "rumdl check --cache-dir {cache} --enable MD051,MD057 {pages}",
    ),
    Peer("lychee", "lychee --offline --include-fragments --no-progress --extensions md {pages}"),
    Peer("mdlinkcheck", "mdlinkcheck --no-git {pages}"),
)


def rows(runs: int) -> Iterator[tuple[str, str, str]]:
    """Yield (what, measured, beside)."""
    for name, lines in _tables(runs):
        for line in lines:
            yield f"{name}: {line[0]}", line[1], " · ".join(line[2:])


def write(runs: int) -> None:
    """Put the tables into the guidebook's page."""
    parts = [_machine(runs)]
    for name, lines in _tables(runs):
        parts.append(f"\n**{name}**\n")
        parts.append("| linter | CPU s | CPU, × kbtool cold | wall s | memory MB |")
        parts.append("| --- | --- | --- | --- | --- |")
        parts += ("| " + " | ".join(line) + " |" for line in lines)
    table = "\n".join(parts)
    text = PAGE.read_text()
    begin, end = "<!-- kb-generated bench-lint -->\n", "\n<!-- /kb-generated -->"
    head, rest = text.split(begin)
    PAGE.write_text(head + begin + "\n" + table + "\n" + end + rest.split(end, 1)[1])


def _machine(runs: int) -> str:
    versions = [f"kbtool {__version__}", f"Python {platform.python_version()}"]
    for peer in PEERS:
        found = _version(peer)
        versions.append(found or f"{peer.name}: not measured, it is not installed here")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{platform.system()} {platform.machine()}, {cores} cores, load {os.getloadavg()[0]:.0f}"
        f" when it began; medians of {runs}, taken in turns. {' · '.join(versions)}."
    )


def _version(peer: Peer) -> str:
    if shutil.which(peer.name) is None:
        return ""
    done = subprocess.run([peer.name, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout)
    return f"{peer.name} {found[0] if found else ''}".strip()


def _tables(runs: int) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KBTOOL_CACHE"] = f"{folder}/kbtool"
        for name, pages in _bases(Path(folder)):
            count = sum(1 for _ in pages.rglob("*.md"))
            size = sum(file.stat().st_size for file in pages.rglob("*.md")) / 1e6
            costs = _measured(pages, f"{folder}/cache", runs)
            base = costs["kbtool, cold"].cpu
            lines = [
                (what, f"{cpu:.3f}", f"{cpu / base:.2f}", f"{wall:.3f}", f"{memory:.0f}")
                for what, (cpu, wall, memory) in costs.items()
            ]
            yield f"{name}: {count} pages, {size:.0f} MB", lines


def _bases(folder: Path) -> Iterator[tuple[str, Path]]:
    archives = Path(os.environ.get("KBTOOL_CORPORA") or ROOT.parent / "shared" / "corpora")
    for archive in sorted(archives.glob("*.tar.xz")) if archives.is_dir() else ():
        name = archive.name.removesuffix(".tar.xz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder / name, filter="data")
        yield name, folder / name
    generate(folder / "generated", GENERATED)
    yield "generated", folder / "generated"


def generate(root: Path, pages: int) -> None:
    """Write so many pages of 10 kB, a hundred to a folder; one link in a thousand is dead."""
    chance = random.Random(7)
    for number in range(pages):
        folder = root / f"area-{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        text = f"# Page {number}\n"
        part = 0
        while len(text) < 9_800:
            part += 1
            text += _part(chance, number, part, pages)
        (folder / f"page-{number}.md").write_text(text)


def _part(chance: random.Random, number: int, part: int, pages: int) -> str:
    near = number // 100 * 100 + chance.randrange(min(100, pages))
    area = chance.randrange(max(1, pages // 100))
    words = " ".join(chance.choice(_WORDS) for _ in range(80))
    gone = f"\n[gone](gone-{number}.md)\n" if chance.random() < 0.004 else ""
    return (
        f"\n## Section {part} of {number}\n\n{words}. See [page {near}](page-{near}.md#section-1-of"
        f"-{near}) and *more* in `code`.\n\n- one [area](../area-{area}/page-{area * 100}.md)\n"
        f"- two **bold** item\n\n```sh\nkubectl get pods -n ns-{part} | grep {part}\n```\n\n"
        f"| a | b |\n| --- | --- |\n| {part} | [x](#section-1-of-{number}) |\n\n{words}.\n{gone}"
    )


def _measured(pages: Path, cache: str, runs: int) -> dict[str, Cost]:
    """Take everything in turns, so that a busy moment of the machine is everybody's."""
    kbtool = [sys.executable, "-m", "kbtool", "lint", str(pages), "--select", RULES]
    page = sorted(pages.rglob("*.md"))[len(sorted(pages.rglob("*.md"))) // 2]
    taken: dict[str, list[Cost]] = {}
    time.sleep(2)
    for _ in range(runs):
        taken.setdefault("kbtool, cold", []).append(_once([*kbtool, "--no-cache"]))
        _once(kbtool)
        taken.setdefault("kbtool, warm", []).append(_once(kbtool))
        page.write_text(page.read_text("utf-8", "replace") + "\nOne sentence more.\n")
        time.sleep(0.3)
        taken.setdefault("kbtool, one page changed", []).append(_once(kbtool))
        for peer in PEERS:
            if shutil.which(peer.name) is None:
                continue
            taken.setdefault(f"{peer.name}, cold", []).append(_once(peer.cold_on(pages)))
            if peer.warm:
                warm = peer.warm_on(pages, cache)
                _once(warm)
                taken.setdefault(f"{peer.name}, warm", []).append(_once(warm))
    taken["python -c pass"] = [_once([sys.executable, "-c", "pass"]) for _ in range(runs)]
    return {what: _median(costs) for what, costs in taken.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(median(each) for each in zip(*costs, strict=True)))


def _once(command: Sequence[str]) -> Cost:
    # A process of its own, so that the children's peak memory is this command's.
    reading, writing = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if not child:
        os.close(reading)
        with open(os.devnull, "wb") as nothing:
            subprocess.run(command, stdout=nothing, stderr=nothing, check=False, cwd="/")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = f"{used.ru_utime + used.ru_stime} {used.ru_maxrss}"
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        cpu, memory = pipe.read().split()
    os.waitpid(child, 0)
    wall = time.perf_counter() - began
    return Cost(float(cpu), wall, float(memory) / (1024 if sys.platform == "linux" else 1024**2))
