"""What a page is: frozen pieces, each with the `Span` it stands in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from kbtool.text import LineIndex, Span

LinkKind = Literal["link", "image", "reference", "wiki", "html", "autolink", "ref"]
BlockKind = Literal[
    "heading",
    "paragraph",
    "bullets",
    "numbers",
    "fence",
    "code",
    "quote",
    "table",
    "html",
    "rule",
    "other",
]


class Link(NamedTuple):
    """One link as written. `target` is decoded (entities, escapes), not percent-decoded.

    `target_span` is where the target itself is written (None for shortcut forms whose
    definition stands elsewhere and could not be located), so that a fix can replace it.
    """

    kind: LinkKind
    target: str
    text: str
    span: Span
    target_span: Span | None


class Heading(NamedTuple):
    """A heading; `anchor` is its forge slug, already made unique on the page."""

    level: int
    text: str
    anchor: str
    span: Span
    explicit_id: str | None = None


class Fence(NamedTuple):
    """A fenced block: `language` is the first word of `info`, `body` where `text` stands.

    In a nested fence (list item, quote) the page text of `body` carries the container's
    indentation; `text` does not.
    """

    info: str
    language: str
    text: str
    span: Span
    body: Span


class Code(NamedTuple):
    """A code span: its text, and where it stands with its backticks."""

    text: str
    span: Span


class UndefinedReference(NamedTuple):
    """A full `[text][label]` or collapsed `[label][]` reference without a definition."""

    label: str
    span: Span


class Block(NamedTuple):
    """A top-level block. Lists carry one span per item (the item's content, bullet excluded)."""

    kind: BlockKind
    span: Span
    items: tuple[Span, ...] = ()


class Comment(NamedTuple):
    """A block-level HTML comment, for suppressions: `text` is what stands between the marks."""

    text: str
    span: Span


HeaderStyle = Literal["quote", "list", "alert", "bare", "section"]


class Field(NamedTuple):
    """One header field; `qualifier` is the text in parentheses after its name."""

    name: str
    qualifier: str
    value: str
    span: Span
    value_span: Span
    links: tuple[Link, ...]
    style: HeaderStyle
    canonical: bool  # written exactly as the house style `> **Name**: value` asks


class Breadcrumb(NamedTuple):
    """The line `crumb > crumb > **label**`; `label` is None when no bold label ends it."""

    links: tuple[Link, ...]
    label: str | None
    span: Span


class Head(NamedTuple):
    """All before the first H2 (the whole page when there is none)."""

    span: Span
    breadcrumb: Breadcrumb | None
    title: Heading | None
    fields: tuple[Field, ...]
    header_span: Span | None  # the block(s) that hold the fields

    def field(self, name: str) -> Field | None:
        """Return the first field of that name (case-insensitive), or None."""
        wanted = name.casefold()
        return next((f for f in self.fields if f.name.casefold() == wanted), None)


class Outline(NamedTuple):
    """What sites make a page's anchors of, where that is all they make them of."""

    headings: tuple[tuple[int, str], ...]  # level, text
    ids: frozenset[str]  # of raw HTML
    written: frozenset[str]  # ids of attribute lists, `{ #id }`, outside of code


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown page: POSIX path from the root, its text (LF only), and what stands in it."""

    path: str
    text: str
    head: Head
    headings: tuple[Heading, ...]
    links: tuple[Link, ...]
    fences: tuple[Fence, ...]
    blocks: tuple[Block, ...]
    comments: tuple[Comment, ...]
    undefined: tuple[UndefinedReference, ...]
    anchors: frozenset[str]
    front_matter: Mapping[str, object] = field(default_factory=dict)
    codes: tuple[Code, ...] = ()
    ids: frozenset[str] = frozenset()  # of raw HTML; among the anchors
    marks: str = ""  # what its publisher reads beside Markdown, see `bodies` and `shortcodes`
    lines: LineIndex = field(default_factory=lambda: LineIndex(""), compare=False, repr=False)

    @property
    def aims(self) -> tuple[Link, ...]:
        """The links that may be dead, at least: of each its kind, target and target span."""
        return self.links

    def outline(self, _kind: str) -> Outline | None:
        """Return what anchors are made of on a kind of site, if no more is to be looked at."""
        return None
