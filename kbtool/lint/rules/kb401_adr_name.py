"""A decision record is called by its number: the name carries it, and sorts by it.

`NNNN-slug.md`, the slug in small ASCII letters, digits and single hyphens, so that the same link
works on every disk and every forge.
"""

import re
from collections.abc import Iterator
from posixpath import basename
from typing import Final
from unicodedata import normalize

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.lint.links import place_of_title
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page

_NAME: Final = re.compile(r"[0-9]{4}-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
_NUMBER: Final = re.compile(r"(?:adr[-_ ]?)?(?P<number>[0-9]{1,4})(?![0-9])", re.IGNORECASE)


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find records whose file has another form of name."""
    name = basename(page.path)
    if kb.kind(page) is Kind.ADR and not _NAME.fullmatch(name):
        message = f"{name!r} is no name for a decision record"
        hint = f"NNNN-slug.md, here {_better(name.removesuffix('.md'))}"
        yield Finding(page.path, place_of_title(page), message, hint)


def _better(stem: str) -> str:
    """Return the nearest right name."""
    match = _NUMBER.match(stem)
    number = f"{int(match['number']):04}" if match else "NNNN"
    ascii_only = normalize("NFKD", stem[match.end() :] if match else stem)
    slug = "-".join(re.findall(r"[a-z0-9]+", re.sub(r"[^\x00-\x7f]", "", ascii_only).casefold()))
    return f"{number}-{slug or 'slug'}.md"


RULE = Rule(
    id="KB401",
    name="adr-name",
    summary="A decision record's file is named NNNN-slug.md.",
    check=check,
    good=(
        {
            "vibe/ADR/0001-one-way.md": "# One way\n",
            "vibe/ADR/README.md": "# ADR\n",
            "vibe/ADR/_template.md": "# Title\n",
            "vibe/guidebooks/Any_Name.md": "# Any\n",
        },
    ),
    bad=(
        {"vibe/ADR/1-one-way.md": "⟦# One way⟧\n"},
        {"vibe/ADR/0001-One_Way.md": "⟦# One way⟧\n"},
        {"vibe/ADR/one-way.md": "⟦⟧no title\n"},
        {"vibe/ADR/0001-détour.md": "⟦# Détour⟧\n"},
    ),
    seen=Unseen("no page there is a decision record"),
)
