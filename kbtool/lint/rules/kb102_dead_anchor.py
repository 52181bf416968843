"""A link to a section that was renamed drops the reader at the top of a long page.

Anchors are the forge's heading slugs (duplicates get `-1`, `-2`), and `id=` or `name=` of raw HTML.
On a site they are what its generator makes of headings, and the ids written as `{#id}`; those of a
page that includes another one are not judged.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.resolve import Outcome
from kbtool.lint.links import broken, place
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find links whose page is there, and whose heading is not."""
    for link, target in broken(page, kb, Outcome.NO_ANCHOR):
        from difflib import get_close_matches

        near = get_close_matches(target.anchor, sorted(kb.anchors(page, target.path)), 1)
        hint = f"did you mean #{near[0]}?" if near else ""
        where = "here" if target.path == page.path else f"in {target.path}"
        yield Finding(page.path, place(link), f"no heading #{target.anchor} {where}", hint)


RULE = Rule(
    id="KB102",
    name="dead-anchor",
    summary="A link's anchor exists in the page it leads to.",
    check=check,
    good=(
        {"a.md": "# A B\n\n[x](#a-b) [y](b.md#é-1) [top](#)\n", "b.md": "# É\n\n## É\n"},
        {"a.md": '# A\n\n<a id="here"></a>\n\n[x](#here)\n'},
        {
            "mkdocs.yml": "site_name: x\nmarkdown_extensions: [attr_list]\n",
            "docs/a.md": "# A — B { #c }\n\n## Été\n\n## Été\n\n[c](#c) [e](#ete_1)\n",
        },
    ),
    bad=(
        {"a.md": "# A\n\n[x](⟦#b⟧)\n"},
        {"a.md": "# A\n\n[x](⟦b.md#gone⟧)\n", "b.md": "# B\n"},
        {"mkdocs.yml": "site_name: x\n", "docs/a.md": "# Été\n\n[x](⟦#été⟧)\n"},
    ),
    presets=("lab", "plain"),
    sees="links",
    seen=Seen(8, 8, 7, "The wrong one speaks of the message it is pasted into."),
)
