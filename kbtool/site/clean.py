"""Raw HTML of a page → HTML that runs nothing. The only door to nh3 (ammonia, an allow list)."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

# What forges show too. Nothing here can run, load, submit, or cover the page.
_ALLOWED: Final = """
a abbr b blockquote br caption center cite code dd del details dfn div dl dt em figcaption figure
h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp small span strike strong
sub summary sup table tbody td tfoot th thead tr tt u ul var wbr
"""
TAGS: Final = frozenset(_ALLOWED.split())
VOID: Final = frozenset({"br", "hr", "img", "wbr"})
_ATTRIBUTES: Final = {
    "*": {"id", "title", "lang", "dir", "align"},
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
    "details": {"open"},
}
_ELSEWHERE = re.compile(r"//|[A-Za-z][A-Za-z0-9+.-]*:")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:\s[^<>]*)?)>")

Moved = Callable[[str], str | None]  # a target as written → as the site needs it, None: none


def cleaned(html: str, moved: Moved) -> str:
    """Return the HTML with everything taken out that could run, load from elsewhere, or overlay."""
    import nh3

    def kept(_tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return moved(value)
        if name == "src":  # a picture of another host would be a request to it
            where = moved(value)
            return None if where is None or _ELSEWHERE.match(where) else where
        # A page's own ids may not take the place of those the theme's scripts look for.
        return None if name in ("id", "name") and value.startswith("__") else value

    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=kept,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
        strip_comments=True,
    )


def opening(tag: str, moved: Moved) -> str:
    """Return one opening tag, cleaned; "" when it is not allowed."""
    name = tag_name(tag)
    if name not in TAGS:
        return ""
    if not re.search(r"\s\w+\s*=", tag):
        return f"<{name}>"
    whole = cleaned(tag, moved)
    return whole.removesuffix(f"</{name}>")


@lru_cache(maxsize=1024)
def tag_name(tag: str) -> str:
    """Return the lower-case name of a tag, "" for a comment or a declaration."""
    match = _TAG.match(tag)
    return match[2].lower() if match else ""


def depth(html: str) -> int:
    """Return how many more elements the HTML opens than it closes."""
    found = 0
    visible = re.sub(r"<!--.*?(?:-->|\Z)", "", html, flags=re.DOTALL)
    for closing, name, rest in _TAG.findall(visible):
        if name.lower() not in VOID and not rest.endswith("/"):
            found += -1 if closing else 1
    return found
