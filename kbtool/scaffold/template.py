"""Templates: which one serves a page, and its placeholders.

The base's own template, a page whose name begins with `_`, goes before the built-in one. In it
`{{title}}`, `{{label}}` (the H1), `{{number}}`, `{{date}}` and `{{slug}}` are replaced, never
again in what was put in; `\\{{` is a literal `{{`. What a person must write is marked so:
`_…a hint_` in prose, `# …a hint` in a block of shell.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from kbtool.errors import KbError
from kbtool.graph.base import KnowledgeBase

PLACEHOLDERS: Final = ("title", "label", "number", "date", "slug")
_HOLE: Final = re.compile(r"\\(?=\{\{)|(?<!\\)\{\{\s*(?P<name>[A-Za-z][\w-]*)\s*\}\}")


class TemplateError(KbError):
    """A template of the base cannot be used."""


class Template(NamedTuple):
    """A template's text, and where it stands."""

    source: str
    text: str


def chosen(
    kb: KnowledgeBase, own: Sequence[str], builtin: str, texts: Mapping[str, str]
) -> Template:
    """Return the first of the base's `own` templates that there is, else the built-in one.

    Raises:
        TemplateError: the base's own cannot be read.
    """
    for path in own:
        if path in kb.unreadable:
            raise TemplateError(f"{path}: {kb.unreadable[path]}", "mend the template")
        if path in kb.pages:
            return Template(path, kb.pages[path].text)
    return Template(f"built-in {builtin}.md", texts[builtin])


def filled(template: Template, values: Mapping[str, str]) -> str:
    """Return the template's text with its placeholders replaced.

    Raises:
        TemplateError: one of them is unknown, or has no value for this kind of page.
    """

    def value(hole: re.Match[str]) -> str:
        name = hole["name"]
        if name is None:
            return ""
        if values.get(name):
            return values[name]
        line = template.text.count("\n", 0, hole.start()) + 1
        known = ", ".join(f"{{{{{each}}}}}" for each in PLACEHOLDERS if values.get(each))
        raise TemplateError(
            f"{template.source}:{line}: there is no placeholder {{{{{name}}}}}",
            f"here are: {known}; \\{{{{ is a literal {{{{",
        )

    return _HOLE.sub(value, template.text)
