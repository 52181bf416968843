"""A reader who follows a link that leads nowhere stops trusting the page.

Links, images, reference links, wiki links and `href`/`src` of raw HTML are resolved from the page
they stand in, as a forge does: a leading `/` is the repository's root, a folder is its hub. A page
that mkdocs, Hugo, Docusaurus or docfx publishes is read as its site has it: by files and by
addresses. What only the build can know is not judged.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.resolve import Outcome
from kbtool.lint.links import broken, nearest_file, place
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find links to files that do not exist."""
    for link, target in broken(page, kb, Outcome.MISSING):
        message = f"nothing at {link.target!r}"
        help_ = nearest_file(page, kb, target.path)
        yield Finding(page.path, place(link), message, help_, about=target.path)


RULE = Rule(
    id="KB101",
    name="dead-link",
    summary="A link leads to something that exists.",
    check=check,
    good=(
        {
            "a.md": "# A\n\n[b](b.md) ![i](i.png) [f](docs) [x](https://example.org)\n",
            "b.md": "# B\n",
            "i.png": "",
            "docs/x.txt": "",
        },
        {"a.md": "# A\n\n`[b](gone.md)`\n\n```\n[b](gone.md)\n```\n"},
        {"a.md": "# A\n\n[b](b%20c.md?x=1) and [[b c]]\n", "b c.md": "# B\n"},
        {"docs/a.md": "# A\n\n[root](/b.md)\n", "b.md": "# B\n"},
        {"a.md": "# A\n\n[put in where this is pasted](ENGLISH_VERSION_URL)\n"},
        {"a.md": "# A\n\n!!! note\n\n    [code, where no site reads it](gone.md)\n"},
        {
            "mkdocs.yml": "site_name: x\n",
            "docs/a.md": "# A\n\n[b](../b/) ![i](/img/i.png)\n",
            "docs/b.md": "# B\n",
            "docs/img/i.png": "",
        },
    ),
    bad=(
        {"a.md": "# A\n\n[b](⟦gone.md⟧)\n"},
        {"a.md": "# A\n\n![b](⟦gone.png⟧) and [[⟦gone⟧]]\n"},
        {"a.md": "# A\n\n[b][r]\n\n[r]: ⟦gone.md⟧\n"},
        {"a.md": '# A\n\n<a href="⟦gone.md⟧">x</a> [y](⟦CODE_OF_CONDUCT⟧)\n'},
        {
            "mkdocs.yml": "site_name: x\n",
            "docs/a.md": "# A\n\n[b](⟦b/⟧) [r](⟦../r.md⟧)\n",
            "docs/b.md": "# B\n",
            "r.md": "# R\n",
        },
        {
            "mkdocs.yml": "markdown_extensions: [admonition, pymdownx.details, pymdownx.tabbed]\n",
            "docs/a.md": '# A\n\n!!! note "[t](⟦t.md⟧)"\n\n    [b](⟦gone.md⟧)\n\n=== "Tab"\n\n'
            "    ??? tip\n\n        [c](⟦c.md⟧)\n\n            [code](code.md)\n",
        },
        {
            "hugo.toml": "",
            "content/a.md": '# A\n\n[b]({{< ref "⟦gone⟧" >}}) [c]({{% relref "docs/c.md" %}})\n',
            "content/docs/c.md": "# C\n",
        },
        {"a.md": "# Été\n\n[b](<⟦é gone.md⟧>)\n"},
    ),
    presets=("lab", "plain"),
    sees="links",
    seen=Seen(
        390,
        30,
        30,
        "One is a `[text](url)` that was meant to be code. 27 are dead in this copy of the pages, "
        "whose redirection files are empty: where they are filled, kbtool follows them.",
    ),
)
