"""`python -m bench.precision [RULE…] FOLDER`: what rules find where they were not written for.

FOLDER holds the projects. Every rule is given the configuration under which it has something to
say there. Each finding is shown with the text around it, to be read by a person; what came of that
stands in the rule (`seen`). Without a rule, all are counted, and held to what they say.
"""

import argparse
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from posixpath import basename
from typing import Final

from kbtool.app.lint import lint_project
from kbtool.app.outside import Outside
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.graph.facts import Facts
from kbtool.lint.engine import lint
from kbtool.lint.rule import Finding, Rule, Seen
from kbtool.lint.rules import RULES
from kbtool.lint.runbooks import example
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page
from kbtool.runbook.read import is_runbook
from kbtool.workspace import find_root

Texts = Mapping[str, str]
_BASE: Final = "fastapi/docs/en/docs"
_TRANSLATION: Final = re.compile(r"(fastapi/docs/([a-z]{2})(?:-[a-z]+)?)/docs/")
_SHELLS: Final = ("sh", "bash")
_SHELL_BLOCK: Final = re.compile(r"(?:```|~~~)[ \t]*(?:ba)?sh\b")
_ADR: Final = frozenset({"context", "decision"})


@dataclass(frozen=True, slots=True)
class Setup:
    """What is shown to a rule: `pages` makes it of all pages of the projects."""

    pages: Callable[[Texts], Texts] = dict
    conventions: Callable[[Texts], Conventions] = lambda _: Conventions(base="")


def _of_base(texts: Texts) -> Texts:
    return {path: text for path, text in texts.items() if path.startswith(f"{_BASE}/")}


def _of_translations(texts: Texts) -> Texts:
    return {
        path: text
        for path, text in texts.items()
        if (found := _TRANSLATION.match(path)) and found[2] != "en"
    }


def _in_english(texts: Texts) -> Conventions:
    folders = {found[1] for path in texts if (found := _TRANSLATION.match(path))}
    return Conventions(base="", languages=dict.fromkeys(folders, "en"))


def _steps(texts: Texts) -> Texts:
    """Return a runbook for every block of shell: the block is its step."""
    found = {}
    for path, text in texts.items():
        if not _SHELL_BLOCK.search(text):
            continue
        for number, fence in enumerate(parse_page(path, text).fences):
            if fence.language in _SHELLS:
                step = f"### S1 [AGENT] x\n\n```{fence.language}\n{fence.text}```\n"
                (page,) = example(step).values()
                found[f"vibe/runbooks/{path[:-3]}-{number}.md"] = page
    return found


_PAGES: Final = Setup()
_HUBS: Final = Setup(_of_base, lambda _: Conventions(base=_BASE, hub="index.md"))
_STEPS: Final = Setup(_steps, lambda _: Conventions())
SETUPS: Final[Mapping[str, Setup]] = {
    "KB106": _HUBS,
    "KB107": _HUBS,
    "KB220": Setup(_of_translations, _in_english),
    **dict.fromkeys(("KB509", "KB511", "KB512"), _STEPS),
}


def _has_header(page: Page) -> bool:
    return bool(page.head.fields)


def _is_record(page: Page) -> bool:
    return {heading.text.casefold() for heading in page.headings} >= _ADR


# What a rule looks at, for those that say that no page has it.
LOOKED_FOR: Final[Mapping[str, Callable[[Page], bool]]] = {
    "KB201": lambda page: page.head.breadcrumb is not None,
    **dict.fromkeys(("KB108", "KB203", "KB204", "KB205", "KB206", "KB207"), _has_header),
    "KB304": lambda _: False,  # KB303 finds each diagram: none has a list that could name its nodes
    **dict.fromkeys((f"KB40{number}" for number in range(1, 7)), _is_record),
    **dict.fromkeys(("KB411", "KB412", "KB413"), lambda page: basename(page.path) == "STATUS.md"),
    **dict.fromkeys(("KB421", "KB422"), lambda page: basename(page.path).startswith("INV-")),
    "KB431": lambda page: "/shareouts/" in page.path,
    **dict.fromkeys((f"KB5{number:02}" for number in range(1, 14)), is_runbook),
    **dict.fromkeys(("KB601", "KB602", "KB603"), lambda page: basename(page.path) == "AGENTS.md"),
    **dict.fromkeys(
        ("KB901", "KB902"),
        lambda page: any("kb-ignore" in comment.text for comment in page.comments),
    ),
}


class Projects:
    """Real projects beside each other in one folder; each is read once."""

    def __init__(self, folder: Path) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._shown: dict[Setup, Texts] = {}
        self._bases: dict[Setup, KnowledgeBase] = {}

    @cached_property
    def texts(self) -> Texts:
        """The texts of all pages, by their path from the folder."""
        return {
            path.relative_to(self._folder).as_posix(): path.read_text("utf-8", "replace")
            .removeprefix("\ufeff")
            .replace("\r\n", "\n")
            for path in sorted(self._folder.rglob("*.md"))
        }

    def found_by(self, rule: Rule) -> tuple[Sequence[Finding], Texts]:
        """Return what the rule finds under its setup, and the texts it was shown."""
        if "plain" in rule.presets:
            return [each for each in self._linted if each.rule == rule.id], self.texts
        setup = SETUPS.get(rule.id, _PAGES)
        kb = self.base(setup)
        with Outside(find_root([str(self._folder)]), cached=False) as outside:
            return lint(outside.told(kb), [rule]).findings, self._shown[setup]

    def base(self, setup: Setup = _PAGES) -> KnowledgeBase:
        """Return the pages as the setup shows them."""
        if setup not in self._bases:
            shown = self._shown[setup] = setup.pages(self.texts)
            pages = {path: parse_page(path, text) for path, text in shown.items()}
            facts = Facts(today=datetime.now(UTC).date())
            self._bases[setup] = KnowledgeBase(pages, None, setup.conventions(self.texts), facts)
        return self._bases[setup]

    @cached_property
    def _linted(self) -> list[Finding]:
        """What `kbtool lint` finds, run in each project as whoever tries it runs it."""
        found = []
        for project in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            done = lint_project([str(project)], cached=False)
            found += [f._replace(path=f"{project.name}/{f.path}") for f in done.findings]
        return found

    def differences(self) -> Iterator[str]:
        """Yield each rule that does not say what it finds, or lacks what the pages have."""
        for rule in RULES:
            if isinstance(rule.seen, Seen):
                count = len(self.found_by(rule)[0])
                if count != rule.seen.found:
                    yield f"{rule.id}: {count} found, {rule.seen.found} said"
            elif rule.id in LOOKED_FOR:
                pages = [p.path for p in self.base().pages.values() if LOOKED_FOR[rule.id](p)]
                yield from (f"{rule.id}: {path} has what it looks at" for path in pages[:1])


def shown(
    findings: Sequence[Finding], texts: Texts, sample: int, seed: int, around: int
) -> Iterator[str]:
    """Yield findings with the text around them; the sample is the same for a seed."""
    few = list(findings)
    if sample and len(few) > sample:
        few = random.Random(seed).sample(few, sample)
    for number, each in enumerate(few, 1):
        text = texts.get(each.path, "")
        line = text.count("\n", 0, each.span.start) + 1
        yield f"{number}. {each.path}:{line} {each.message}"
        part = text[max(0, each.span.start - around) : each.span.end + around]
        yield f"   {'…' if each.secret else repr(part)}"
    yield f"{len(findings)} findings, {len(few)} shown"


def main() -> None:
    """Print what rules find, or whether they say what they find."""
    parser = argparse.ArgumentParser(prog="python -m bench.precision", description=__doc__)
    parser.add_argument("rules", nargs="*", metavar="RULE", help="ids (default: all, counted)")
    parser.add_argument("folder", type=Path, help="the folder that holds the projects")
    parser.add_argument("--sample", type=int, default=30, metavar="N", help="how many (0: all)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    parser.add_argument("--around", type=int, default=150, help="characters on both sides")
    arguments = parser.parse_args()
    projects = Projects(Path(os.path.abspath(arguments.folder)))
    if not arguments.rules:
        print(*projects.differences(), "all other rules find what they say", sep="\n")
    for rule in (each for each in RULES if each.id in arguments.rules):
        print(f"{rule.id} {rule.name}: {rule.seen or ''}")
        found = projects.found_by(rule)
        print(*shown(*found, arguments.sample, arguments.seed, arguments.around), sep="\n")


if __name__ == "__main__":
    main()
