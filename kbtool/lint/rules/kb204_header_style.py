"""One spelling for all headers: people copy what they see, and tools read it.

Every spelling in use is read; the house's is `> **Field**: value`, one field a line (or, where
`header = "list"` is configured, `- **Field**: value`). The fix rewrites the header and keeps names,
qualifiers, values and links.
"""

import re
from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.head import has_known
from kbtool.markdown.page import Field, Page
from kbtool.text import Edit, Span

_CANONICAL_LIST = re.compile(r"- \*\*[^*:]+\*\*(?: \([^)]*\))?: \S")


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find a header that is not in the configured style; one finding, at its first odd field."""
    style = kb.conventions.header
    odd = [field for field in page.head.fields if not _right(page, field, style)]
    if not odd or not _is_header(page, kb):
        return
    mark = ">" if style == "quote" else "-"
    hint = f"{mark} **{odd[0].name}**: {odd[0].value}"
    message = "the header is not in the house style"
    yield Finding(page.path, odd[0].span, message, hint, _rewritten(page, mark))


def _is_header(page: Page, kb: KnowledgeBase) -> bool:
    """Return whether the project knows one of the names: any quote may begin with a bold word."""
    known = {name.casefold() for name in kb.conventions.field_names()}
    return has_known((field.name for field in page.head.fields), known)


def _right(page: Page, field: Field, style: str) -> bool:
    if style == "quote":
        return field.canonical
    start = page.text.rfind("\n", 0, field.span.start) + 1
    return field.style == "list" and bool(_CANONICAL_LIST.match(page.text, start))


def _rewritten(page: Page, mark: str) -> tuple[Edit, ...]:
    """Return the edit, or none when something else stands between the fields."""
    span = page.head.header_span
    fields = [field for field in page.head.fields if field.style != "section"]
    if span is None or not fields or len(fields) != len(page.head.fields):
        return ()
    if any(not span.start <= field.span.start < span.end for field in fields) or _other(
        page, fields
    ):
        return ()
    if mark == "-" and _beside_a_list(page, span):
        return ()  # the two lists would be one
    lines = []
    for field in fields:
        qualifier = f" ({field.qualifier})" if field.qualifier else ""
        lines.append(f"{mark} **{field.name}**{qualifier}: {field.value}")
    return (Edit(page.path, span, "\n".join(lines)),)


def _beside_a_list(page: Page, span: Span) -> bool:
    blocks = [block for block in page.blocks if block.kind != "html"]
    after = next((block for block in blocks if block.span.start >= span.end), None)
    before = next((block for block in reversed(blocks) if block.span.end <= span.start), None)
    return any(block is not None and block.kind == "bullets" for block in (before, after))


def _other(page: Page, fields: list[Field]) -> bool:
    """Return whether the header holds text that is no field."""
    span = page.head.header_span
    if span is None:
        return True
    rest, at = "", span.start
    for field in fields:
        rest += page.text[at : field.span.start]
        at = field.span.end
    rest += page.text[at : span.end]
    return bool(re.sub(r"\[![A-Z]+\]|[\s>·*+-]", "", rest))


RULE = Rule(
    id="KB204",
    name="header-style",
    summary="Header fields are written as the house writes them.",
    check=check,
    good=(
        {
            "vibe/a.md": "# A\n\n> **Status**: 🟢 Active\n> **Upstream** (incident ADR): [L](l.md) · [M](m.md)\n"
        },
        {"vibe/a.md": "# A\n\nA list that is no header:\n\n- **bold** and more\n"},
        {"vibe/a.md": "# A\n\n**Documentation**: [x](x.md)\n\nIt is:\n\n- **Fast**: very\n"},
        {"vibe/a.md": "# A\n\n> **Tip:** try it\n"},
        {"vibe/a.md": "# A\n\n> **Status**: Draft\n\n- **Fast**: very\n- **Easy**: too\n"},
    ),
    bad=(
        {"vibe/a.md": "# A\n\n> ⟦**Status:** In design⟧\n> **Date**: 2026-01-02\n"},
        {"vibe/a.md": "# A\n\n> [!NOTE]\n> ⟦**Status**: Active⟧ · **Last Updated**: 2026-01-02\n"},
        {"vibe/a.md": "# A\n\n* ⟦Status: Accepted⟧\n* Date: 2026-01-02\n"},
        {"vibe/a.md": "# A\n\n⟦**Status:** Draft⟧\n"},
        {"vibe/a.md": "# A\n\n- ⟦**Status**: Draft⟧\n"},
    ),
    fixable=True,
    seen=Unseen("no page there has a header"),
)
