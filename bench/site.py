"""The site: staging one change, and a full build beside plain mkdocs-material on the same pages."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import process
from kbtool.app.site import Stager
from kbtool.workspace import find_root

SIZES = (1000, 5000)
_FOLDER = 50  # pages in a folder
_PLAIN = """\
site_name: plain
docs_dir: vibe
site_dir: build/plain
theme: {name: material, font: false, features: [navigation.prune, navigation.indexes]}
plugins: [search]
markdown_extensions: [admonition, attr_list, tables, toc, pymdownx.highlight, pymdownx.superfences]
"""
_OURS = _PLAIN.replace("build/plain", "build/site").replace("[search]", "[search, kbtool]")
_PAGE = """\
[vibe](../../README.md) > [Guidebooks](../README.md) > [Area {area}](README.md) > **Page {page}**

# Page {page} of area {area}

> **Status**: 🟢 Active
> **Last Updated**: 2026-11-24
> **Related**: [Page {next}](page-{next}.md)

This page tells of part {page}. It leans on [page {next}](page-{next}.md), on [its area](README.md).

## What it holds

| part | for |
| --- | --- |
| `one` | what is written down once |
| `two` | [a neighbour](../area-{other}/page-{page}.md) |

1. **First** it starts.
2. Then it goes on:
    - with a *detail*,
    - and another.

## How it is used

```sh
echo "page {page}" | tee out-{page}
```

More words follow, as they do on a page that people read: some sentences about what goes wrong,
what to look at first, and whom to ask. See [the first page](../area-0/page-0.md#what-it-holds).
"""


def generate(root: Path, pages: int) -> None:
    """Write a knowledge base of about so many pages."""
    areas = pages // _FOLDER
    hub = "[vibe](../README.md) > **Guidebooks**\n\n# Guidebooks\n\n"
    books = root / "vibe" / "guidebooks"
    for area in range(areas):
        folder = books / f"area-{area}"
        folder.mkdir(parents=True)
        hub += f"- [Area {area}](area-{area}/README.md)\n"
        rows = "".join(f"- [Page {n}](page-{n}.md)\n" for n in range(_FOLDER - 1))
        crumb = f"[vibe](../../README.md) > [Guidebooks](../README.md) > **Area {area}**"
        (folder / "README.md").write_text(f"{crumb}\n\n# Area {area}\n\n{rows}")
        for page in range(_FOLDER - 1):
            values = {"area": area, "page": page, "next": (page + 1) % (_FOLDER - 1)}
            text = _PAGE.format(**values, other=(area + 1) % areas)
            (folder / f"page-{page}.md").write_text(text)
    (books / "README.md").write_text(hub)
    (root / "vibe" / "README.md").write_text("# vibe\n\n- [Guidebooks](guidebooks/README.md)\n")
    (root / "AGENTS.md").write_text("# Agents\n")
    (root / "kbtool.toml").write_text('base = "vibe"\n')
    (root / "mkdocs.yml").write_text(_OURS)
    (root / "plain.yml").write_text(_PLAIN)


def rows(runs: int) -> Iterator[tuple[str, str, str]]:
    """Yield (what, measured, beside). A full build is measured once: it takes minutes."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder), size)
            yield from _staging(Path(folder), size, runs)
            yield from _builds(folder, size)


def _staging(root: Path, size: int, runs: int) -> Iterator[tuple[str, str, str]]:
    stager = Stager(find_root([str(root)]))
    began = time.process_time()
    stager.run()
    yield f"stage {size} pages, all, CPU", _seconds(time.process_time() - began), ""
    page = root / "vibe/guidebooks/area-0/page-7.md"
    walls = []
    for run in range(runs):
        page.write_text(page.read_text() + f"\nOne more sentence, number {run}.\n")
        began = time.process_time()
        written = len(stager.run().mirrored.written)
        walls.append(time.process_time() - began)
    walls.sort()
    yield (
        f"stage {size} pages, one changed, CPU",
        _seconds(walls[runs // 2]),
        f"target 1 s; {written} written",
    )
    subprocess.run(
        [sys.executable, "-m", "kbtool", "site", "stage", str(root)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    cost = process([sys.executable, "-m", "kbtool", "site", "stage", str(root)], runs=1)
    yield (
        f"kbtool site stage, {size} pages, new process, CPU",
        _seconds(cost.cpu),
        "nothing changed",
    )


def _builds(root: str, size: int) -> Iterator[tuple[str, str, str]]:
    mkdocs = [sys.executable, "-m", "mkdocs", "build", "-q", "-f"]
    plain = process([*mkdocs, "plain.yml"], runs=1, cwd=root)
    yield f"plain mkdocs-material, {size} pages, CPU", _seconds(plain.cpu), ""
    ours = process([sys.executable, "-m", "kbtool", "site", "build", root], runs=1)
    yield (
        f"kbtool site build, {size} pages, CPU",
        _seconds(ours.cpu),
        f"{ours.cpu / plain.cpu:.2f} × plain",
    )


def _seconds(value: float) -> str:
    return f"{value:.2f} s"
