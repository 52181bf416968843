"""An agent starts from AGENTS.md: a map that lags behind the base sends it to the wrong place.

A generated section stands between `<!-- kb-generated NAME -->` and `<!-- /kb-generated -->`, each
on a line of its own. `map` is the table of the base's folders, with the first sentence of each
hub; `commands` is the table of kbtool's commands. Around them AGENTS.md is written by people.
`kbtool agents sync` and `kbtool lint --fix` write what is generated, and nothing else.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.agents import AGENTS, SECTIONS, marks
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.text import Edit


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find generated sections that are not what would be written now."""
    if page.path != AGENTS:
        return
    for name, mark, inside in marks(page):
        write = SECTIONS.get(name)
        if write is None:
            from difflib import get_close_matches

            near = get_close_matches(name, SECTIONS, 1)
            hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(SECTIONS)}"
            yield Finding(page.path, mark, f"no generated section is named {name!r}", hint)
        elif inside is None:
            message = f"the generated section {name!r} is never closed"
            yield Finding(page.path, mark, message, "<!-- /kb-generated -->")
        elif (fresh := write(kb)) != page.text[slice(*inside)].strip():
            message = f"the generated section {name!r} is not current"
            fix = (Edit(page.path, inside, f"\n\n{fresh}\n\n"),)
            yield Finding(page.path, mark, message, "kbtool agents sync", fix)


_BASE = {
    "vibe/README.md": "# vibe\n\n- [G](guidebooks/README.md)\n",
    "vibe/guidebooks/README.md": "# Guidebooks\n\n> **Status**: Active\n\nHow [things](a.md) work. More.\n",
}

RULE = Rule(
    id="KB601",
    name="agents-map",
    summary="The generated sections of AGENTS.md are current.",
    check=check,
    good=(
        {
            **_BASE,
            "AGENTS.md": "# Agents\n\n<!-- kb-generated map -->\n\n| folder | what |\n| --- | --- |\n| [vibe/guidebooks/](vibe/guidebooks/README.md) | How things work. |\n\n<!-- /kb-generated -->\n",
        },
        {**_BASE, "AGENTS.md": "# Agents\n\n```md\n<!-- kb-generated map -->\n```\n"},
        {**_BASE, "docs.md": "# Docs\n\n<!-- kb-generated map -->\n"},
    ),
    bad=(
        {
            **_BASE,
            "AGENTS.md": "# Agents\n\n⟦<!-- kb-generated map -->⟧\n\nold\n\n<!-- /kb-generated -->\n\nmine\n",
        },
        {
            **_BASE,
            "AGENTS.md": "# Agents\n\n⟦<!-- kb-generated commands -->⟧\n<!-- /kb-generated -->\n",
        },
        {
            **_BASE,
            "AGENTS.md": "# Agents\n\n⟦<!-- kb-generated mpa -->⟧\n\n<!-- /kb-generated -->\n",
        },
        {**_BASE, "AGENTS.md": "# Agents\n\n⟦<!-- kb-generated map -->⟧\n\nmine\n"},
    ),
    fixable=True,
    outside=True,
    seen=Unseen("no project there has an AGENTS.md"),
)
