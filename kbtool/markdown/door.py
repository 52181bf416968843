"""The only door to pyromark. Front matter is blanked before: see `frontmatter.apart`.

Imported by what must start fast: so it needs nothing else of a page.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import pyromark

OPTIONS: Final = (
    pyromark.Options.ENABLE_GFM
    | pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_FOOTNOTES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_WIKILINKS
)
_WITHOUT: Final = OPTIONS & ~pyromark.Options.ENABLE_WIKILINKS
_MAYBE_WIKI: Final = re.compile(r"\[\[(?:[^\n]|\n(?!\s*\n))*?\]\]")  # in one paragraph
_UNDEFINED: Final = frozenset({"Collapsed", "Reference"})
Missing = Callable[[Mapping[str, Any]], None]


def html(text: str, missing: Missing | None = None) -> str:
    """Return the HTML of `text`; `missing` hears of undefined references."""
    return pyromark.html(text, options=OPTIONS, broken_link_callback=missing)


def ranged(text: str, missing: Missing | None = None) -> Iterable[tuple[Any, Any]]:
    """Return the events of `text`, each with its UTF-8 byte range; `missing` as for `html`."""
    return pyromark.events_with_range(text, options=OPTIONS, broken_link_callback=missing)


def definitions(text: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the link reference definitions of `text` by label."""
    return pyromark.reference_definitions(text, options=OPTIONS)


def is_undefined(found: Mapping[str, Any]) -> bool:
    """Return whether what pyromark calls a broken link is a reference that must be defined."""
    return found["link_type"] in _UNDEFINED and not found["reference"].startswith("^")


def has_wiki_links(text: str) -> bool:
    """Return whether `text` has a `[[wiki link]]` or `![[embed]]`."""
    return _MAYBE_WIKI.search(text) is not None and html(text) != pyromark.html(
        text, options=_WITHOUT
    )
