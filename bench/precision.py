"""`python -m bench.precision KB210 FOLDER…`: what a rule finds in pages it was not written for.

Every hit with the text around it, to be read by a person; the sample is the same for a seed.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from kbtool.app.outside import Outside
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.lint.rule import Finding, Rule
from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page
from kbtool.workspace import find_root


def pages(folders: Sequence[str]) -> list[Path]:
    """Return all Markdown files below the folders, in order."""
    return sorted(path for folder in folders for path in Path(folder).rglob("*.md"))


def hits(rule: Rule, files: Sequence[Path]) -> Iterator[tuple[Finding, str]]:
    """Yield what the rule finds, with the text of its page; each page is a base of its own."""
    with Outside(find_root([]), cached=False) as outside:
        for file in files:
            text = file.read_text("utf-8", "replace").replace("\r\n", "\n")
            page = parse_page(str(file), text)
            kb = KnowledgeBase({page.path: page}, conventions=Conventions(base=""))
            yield from ((finding, text) for finding in rule.check(page, outside.told(kb), {}))


def main() -> None:
    """Print the hits in all pages, or in a random sample of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.precision", description=__doc__)
    parser.add_argument("rule", help="its id")
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--sample", type=int, metavar="N", help="so many pages (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    parser.add_argument("--around", type=int, default=200, help="characters after the place")
    arguments = parser.parse_args()
    rule = next(each for each in RULES if each.id == arguments.rule)
    files = pages(arguments.folders)
    if arguments.sample:
        files = random.Random(arguments.seed).sample(files, min(arguments.sample, len(files)))
    count, where = 0, set()
    for count, (finding, text) in enumerate(hits(rule, files), 1):
        where.add(finding.path)
        line = text.count("\n", 0, finding.span.start) + 1
        print(f"{count}. {finding.path}:{line} {finding.message}")
        shown = text[finding.span.start : finding.span.end + arguments.around]
        print(f"   {shown[:4] + '…' if finding.secret else shown!r}")
    print(f"{count} hits in {len(where)} of {len(files)} pages")


if __name__ == "__main__":
    main()
