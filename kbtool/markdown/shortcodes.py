"""Hugo's `{{< ref "page" >}}` and `relref`: links to pages, wherever they stand in the text.

Hugo fills in shortcodes before it reads Markdown, in code and comments too, unless they are escaped
as `{{</* … */>}}`. Source: gohugo.io "Ref shortcode", "Relref shortcode", "Shortcodes".
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from kbtool.text import Span

MARK: Final = "{"  # beside the `MARKS` of bodies
_REF: Final = re.compile(r"\{\{(?:<\s*(?:rel)?ref\s(.*?)>|%\s*(?:rel)?ref\s(.*?)%)\}\}", re.DOTALL)
_ARGUMENT: Final = re.compile(
    r"(?:(?P<name>\w+)\s*=\s*)?(?:\"(?P<quoted>[^\"\n]*)\"|`(?P<raw>[^`]*)`|(?P<plain>[^\s\"'`=]+))"
)
_WORDS: Final = re.compile(r"\[(?P<words>[^\[\]\n]*)\]\([ \t]*<?\Z")


class Reference(NamedTuple):
    """One of them: what it names, the words of the link it stands in, and where both stand."""

    target: str
    text: str
    span: Span
    target_span: Span


def referred(text: str) -> Iterator[Reference]:
    """Yield them; those to a page in another language are not told from others' absence."""
    for found in _REF.finditer(text) if "{{" in text else ():
        start = found.start(1 if found[1] is not None else 2)
        arguments = list(_ARGUMENT.finditer(text, start, found.end() - 3))
        if any(each["name"] == "lang" for each in arguments):
            continue
        where = next((each for each in arguments if each["name"] in (None, "path")), None)
        if where and where.lastgroup:
            words = _WORDS.search(text, max(0, found.start() - 200), found.start())
            place = Span(*where.span(where.lastgroup))
            link_text = words["words"] if words else ""
            yield Reference(where[where.lastgroup], link_text, Span(*found.span()), place)
