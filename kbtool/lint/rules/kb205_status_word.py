"""A status means something only when everybody uses the same few words.

Pages: Draft, In design, Beta, Active. ADRs: Proposed, Accepted, Rejected, Deferred, Superseded
by …. PRDs: Draft, In design, In progress, Shipped, Dropped. Investigations: Open, In progress,
Complete. An emoji before the word is kept.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.header import is_status, status_word, words
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.text import Edit, Span


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a status that is none of the words of its kind."""
    field = page.head.field("Status")
    if field is None or not field.value:
        return
    allowed = words(page, kb)
    word = status_word(field.value)
    if any(is_status(word, known) for known in allowed):
        return
    right = next((known for known in allowed if is_status(word.casefold(), known.casefold())), None)
    fix: tuple[Edit, ...] = ()
    if right:
        start = field.value_span.end - len(word)
        fix = (Edit(page.path, Span(start, start + len(right)), right),)
    from difflib import get_close_matches

    near = get_close_matches(word, allowed, 1)
    hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(allowed)}"
    message = f"{word!r} is no status here"
    yield Finding(page.path, field.value_span, message, hint, fix)


RULE = Rule(
    id="KB205",
    name="status-word",
    summary="Status is one of the words its kind of page has.",
    check=check,
    good=(
        {"vibe/a.md": "# A\n\n> **Status**: 🟡 Beta\n"},
        {"vibe/ADR/0001-x.md": "# A\n\n> **Status**: Superseded by [0002](0002-y.md)\n"},
    ),
    bad=(
        {"vibe/a.md": "# A\n\n> **Status**: ⟦Accepted⟧\n"},
        {"vibe/a.md": "# A\n\n> **Status**: ⟦🟢 active⟧\n"},
        {"vibe/ADR/0001-x.md": "# A\n\n> **Status**: ⟦Aproved⟧\n"},
    ),
    fixable=True,
    seen=Unseen("no page there has a header"),
)
