"""The pages lint is measured on: real ones where they are to be had, and generated ones."""

import os
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_WORDS: Final = (
    "cluster",
    "volume",
    "restore",
    "key",
    "service",
    "of",
    "when",
    "the",
    "a",
    "state",
)


def corpora(folder: Path) -> Iterator[Path]:
    """Yield the corpora ($KBTOOL_CORPORA, *.tar.xz), each unpacked beneath `folder`."""
    archives = Path(os.environ.get("KBTOOL_CORPORA") or ROOT.parent / "shared" / "corpora")
    for archive in sorted(archives.glob("*.tar.xz")) if archives.is_dir() else ():
        target = folder / archive.name.removesuffix(".tar.xz")
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
        yield target


def generated(folder: Path, pages: int) -> Path:
    """Write so many pages of 10 kB, a hundred to a folder; one link in a thousand is dead."""
    root = folder / f"generated-{pages}"
    chance = random.Random(7)
    for number in range(pages):
        area = root / f"area-{number // 100}"
        area.mkdir(parents=True, exist_ok=True)
        text = f"# Page {number}\n"
        part = 0
        while len(text) < 9_800:
            part += 1
            text += _part(chance, number, part, pages)
        (area / f"page-{number}.md").write_text(text)
    return root


def _part(chance: random.Random, number: int, part: int, pages: int) -> str:
    near = number // 100 * 100 + chance.randrange(min(100, pages))
    area = chance.randrange(max(1, pages // 100))
    words = " ".join(chance.choices(_WORDS, k=80))
    gone = f"\n[gone](gone-{number}.md)\n" if chance.random() < 0.004 else ""
    return (
        f"\n## Section {part} of {number}\n\n{words}. See [page {near}](page-{near}.md#section-1-of"
        f"-{near}) and *more* in `code`.\n\n- one [area](../area-{area}/page-{area * 100}.md)\n"
        f"- two **bold** item\n\n```sh\nkubectl get pods -n ns-{part} | grep {part}\n```\n\n"
        f"| a | b |\n| --- | --- |\n| {part} | [x](#section-1-of-{number}) |\n\n{words}.\n{gone}"
    )
