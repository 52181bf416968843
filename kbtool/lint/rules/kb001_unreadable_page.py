"""A page nobody can read is a page nobody checks.

Reported are files that are not UTF-8, larger than 10 MB, no regular file or closed to the
reader, and symbolic links that are broken, loop or leave the repository.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page


def check(_page: Page, _kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find nothing: a page that was parsed could be read; the engine reports the others."""
    return iter(())


RULE = Rule(
    id="KB001",
    name="unreadable-page",
    summary="Every page can be read.",
    check=check,
    good=({"vibe/README.md": "# Readable\n"},),
    bad=(),
    presets=("lab", "plain"),
    sees="nothing",
    seen=Seen(0, 0, 0),
)
