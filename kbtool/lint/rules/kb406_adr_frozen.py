"""An accepted record says what was decided and why: changed afterwards, it is false testimony.

Context, Decision and Consequences stay as they were when the base branch accepted the record. A
new decision is a new record that supersedes it. The head stays open (its status and relations
change), and so do link targets, generated sections and every other section.
"""

from collections.abc import Iterator
from posixpath import basename, dirname
from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.graph.facts import BaseBranch
from kbtool.lint.body import sections
from kbtool.lint.header import status_word
from kbtool.lint.links import place_of_title
from kbtool.lint.numbers import adr_number
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.markdown.parse import parse_page

_FROZEN: Final = ("Context", "Decision", "Consequences")


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find sections of an accepted record that are not what was accepted."""
    branch = kb.facts.base_branch() if kb.kind(page) is Kind.ADR else None
    accepted = _accepted(page, kb, branch) if branch else None
    if branch is None or accepted is None:
        return
    now, then = sections(page), sections(accepted)
    hint = f"restore the text of {branch.name}, and supersede it by a new record"
    for name in _FROZEN:
        _, before = then.get(name.casefold(), (None, None))
        heading, after = now.get(name.casefold(), (None, None))
        if before is not None and before != after:
            message = f"{name} was changed after the record was accepted"
            yield Finding(
                page.path, heading.span if heading else place_of_title(page), message, hint
            )


def _accepted(page: Page, kb: KnowledgeBase, branch: BaseBranch) -> Page | None:
    """Return the page as the base branch has accepted it, None where it has not, or no change."""
    path = _former(page.path, kb, branch)
    text = branch.text(path) if path else None
    if path is None or text is None or text == page.text:
        return None
    then = parse_page(path, text, page.marks)
    status = then.head.field("Status")
    word = status_word(status.value).casefold() if status else ""
    return then if word.startswith(("accepted", "superseded")) else None


def _former(path: str, kb: KnowledgeBase, branch: BaseBranch) -> str | None:
    """Return the record's file on the base branch: the same, or one gone here of its number or slug."""
    if path in branch.files:
        return path
    number, slug = adr_number(path, kb), basename(path)[5:]
    gone = sorted(
        each
        for each in branch.files - kb.files
        if dirname(each) == dirname(path) and adr_number(each, kb)
    )
    same = [each for each in gone if basename(each)[5:] == slug]
    same += [each for each in gone if adr_number(each, kb) == number]
    return same[0] if number and same else None


_HEAD = "# One\n\n> **Status**: Accepted\n"
_TEXT = "\n## Context\n\nWhy.\n\n## Decision\n\nThis, see [b](b.md).\n\n## Consequences\n\nThat.\n"

RULE = Rule(
    id="KB406",
    name="adr-frozen",
    summary="The text of an accepted decision record stays as it was accepted.",
    check=check,
    good=(
        {
            "vibe/ADR/0001-one.md": "# The one\n\n> **Status**: Superseded by 0002\n"
            + _TEXT.replace("b.md", "../c.md")
            + "\n## Links\n\nMore.\n",
            "fork:vibe/ADR/0001-one.md": _HEAD + _TEXT,
        },
        {
            "vibe/ADR/0001-one.md": _HEAD + _TEXT.replace("Why.", "Because."),
            "fork:vibe/ADR/0001-one.md": _HEAD.replace("Accepted", "Proposed") + _TEXT,
        },
        {"vibe/ADR/0001-one.md": _HEAD + _TEXT},
    ),
    bad=(
        {
            "vibe/ADR/0001-one.md": _HEAD
            + _TEXT.replace("## Context\n\nWhy.", "⟦## Context⟧\n\nBecause."),
            "fork:vibe/ADR/0001-one.md": _HEAD + _TEXT,
        },
        {
            "vibe/ADR/0001-one.md": _HEAD.replace("# One", "⟦# One⟧")
            + _TEXT.replace("## Consequences\n\nThat.\n", ""),
            "fork:vibe/ADR/0001-one.md": _HEAD + _TEXT,
        },
        {
            "vibe/ADR/0001-renamed.md": _HEAD
            + _TEXT.replace("## Decision\n\nThis", "⟦## Decision⟧\n\nNot this"),
            "fork:vibe/ADR/0001-one.md": _HEAD.replace("Accepted", "✅ Accepted") + _TEXT,
        },
    ),
    seen=Unseen("no page there is a decision record"),
)
