"""Sites are found by their configuration files, and say what those say."""

import json

import pytest

from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import Conventions
from kbtool.graph.detect import configured, detect
from kbtool.graph.site import Mount, Publisher, SiteKind, Slugs
from kbtool.markdown.parse import parse_page


def found(tree):
    return detect(frozenset(tree), tree.get)


def outcome(tree, written, at, sites=None):
    """Where a link on the page `at` leads; the tree has the text of pages and configurations."""
    tree = {**tree, at: tree.get(at, "# At\n") + f"\n{written}\n"}
    sites = found(tree) if sites is None else configured(sites, frozenset(tree), tree.get)
    settings = Conventions(base="", sites=sites)
    pages = {
        path: parse_page(path, text, settings.marks(path))
        for path, text in tree.items()
        if path.endswith(".md")
    }
    kb = KnowledgeBase(pages, frozenset(tree), settings)
    return str(kb.resolve(pages[at], pages[at].links[-1]).outcome)


def test_mkdocs_says_where_its_pages_are_and_how_headings_are_named():
    (site,) = found(
        {
            "web/mkdocs.yml": "INHERIT: ../base.yml\nsite_url: https://example.org/sub/\n"
            "docs_dir: pages\ntheme: {name: material, custom_dir: over}\n"
            "use_directory_urls: false\nplugins: [search, {gen-files: {}}]\n"
            "validation: {links: {absolute_links: relative_to_docs}}\n",
            "base.yml": "docs_dir: other\nextra: {x: !ENV HOME}\nmarkdown_extensions:\n"
            "  - toc: {slugify: !!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}}\n",
            "web/pages/a.md": "# A\n",
        }
    )
    assert site.kind is SiteKind.MKDOCS
    assert site.mounts == (Mount("web/pages"), Mount("web/over", pages=False))
    assert (site.prefix, site.slugs, site.pretty) == ("sub", Slugs.PYMDOWNX, False)
    assert (site.root_links, site.generates, site.attributes) == (True, True, False)


@pytest.mark.parametrize(
    ("toc", "slugs"),
    [
        ("permalink: true", Slugs.TOC),
        ("slugify: !!python/name:markdown.extensions.toc.slugify_unicode", Slugs.TOC_UNICODE),
        ("slugify: !!python/name:pymdownx.slugs.uslugify", Slugs.PYMDOWNX),
        ("slugify: !!python/object/apply:pymdownx.slugs.slugify {}", Slugs.PYMDOWNX_CASE),
        ("slugify: !!python/name:mine.slugify", Slugs.UNKNOWN),
        ("separator: _", Slugs.UNKNOWN),
    ],
)
def test_a_function_that_names_headings_is_known_or_nothing_is_judged(toc, slugs):
    text = f"site_name: x\nmarkdown_extensions:\n  - toc:\n      {toc}\n"
    (site,) = found({"mkdocs.yml": text, "docs/a.md": "# A\n"})
    assert site.slugs is slugs


def test_a_base_that_kbtool_itself_publishes_is_read_as_on_the_forge():
    tree = {"mkdocs.yml": "docs_dir: vibe\nplugins: [search, kbtool]\n", "vibe/a.md": "# A\n"}
    assert found(tree) == ()


@pytest.mark.parametrize(
    "text",
    ["", ": [", "docs_dir: [1]\n", "- a\n", "a: &x [*x]\n", "docs_dir: !!python/name:os.sep\n"],
)
def test_a_configuration_that_cannot_be_read_harms_nothing(text):
    for name in ("mkdocs.yml", "hugo.toml", "hugo.json", "docusaurus.config.js", "docfx.json"):
        found({name: text, "docs/a.md": "# A\n", "content/a.md": "# A\n"})


def test_folders_named_as_languages_are_translations_of_the_fullest_one():
    tree = {
        "docs/en/mkdocs.yml": "site_name: x\n",
        "docs/en/docs/index.md": "# I\n",
        "docs/en/docs/only.md": "# Only\n",
        "docs/en/docs/img/x.png": "",
        "docs/de/docs/index.md": "# I\n",
        "docs/hi/mkdocs.yml": "INHERIT: ../en/mkdocs.yml\n",
        "docs/hi/docs/index.md": "# I\n",
    }
    (site,) = found(tree)
    assert site.source == "docs/en/mkdocs.yml"
    assert [(mount.folder, mount.address) for mount in site.mounts] == [
        ("docs/en/docs", ""),
        ("docs/de/docs", "de"),
        ("docs/hi/docs", "hi"),
    ]
    at = "docs/de/docs/index.md"
    for written, expected in [
        ("[x](only.md)", "page"),  # shown in the original's language
        ("[x](/img/x.png)", "file"),
        ("[x](/hi/only/)", "page"),
        ("[x](none.md)", "missing"),
        ("[x](/fr/)", "missing"),
    ]:
        assert outcome(tree, written, at) == expected, written


def test_hugo_has_static_files_languages_and_pages_of_its_own_making():
    tree = {
        "hugo.toml": 'defaultContentLanguage = "en"\n[languages.en]\ncontentDir = "content/en"\n'
        '[languages.fr]\ncontentDir = "content/fr"\n[permalinks]\nposts = "/:year/:slug/"\n',
        "content/en/a.md": "# A\n",
        "content/en/posts/p.md": "# P\n",
        "content/fr/b.md": "# B\n",
        "static/img/x.png": "",
        "themes/t/static/y.css": "",
    }
    at = "content/en/a.md"
    for written, expected in [
        ("[x](/img/x.png)", "file"),
        ("[x](/y.css)", "file"),
        ("[x](/fr/b/)", "page"),
        ("[x](/b/)", "missing"),
        ("[x](/tags/z/)", "external"),
        ("[x](/posts/q/)", "external"),
        ("[x](B)", "missing"),
        ("[x](A.md)", "page"),
    ]:
        assert outcome(tree, written, at) == expected, written
    assert found({"config.toml": "", "src/a.md": "# A\n"}) == ()


def test_docusaurus_has_versions_translations_and_more_than_one_docs_plugin():
    tree = {
        "site/docusaurus.config.js": "const a = {baseUrl: '/', presets: [['classic', {docs: {\n"
        "// path: 'no'\npath: 'docs', routeBasePath: '/'}}]],\n"
        "plugins: [['@docusaurus/plugin-content-docs', {id: 'c', path: 'community'}]]}",
        "site/versions.json": '["2.0", "1.0"]',
        "site/docs/a.md": "# A\n",
        "site/versioned_docs/version-2.0/a.md": "# A\n",
        "site/versioned_docs/version-1.0/a.md": "# A\n",
        "site/community/c.md": "# C\n",
        "site/i18n/fr/docusaurus-plugin-content-docs/current/b.md": "# B\n",
    }
    at = "site/docs/a.md"
    for written, expected in [
        ("[x](/a)", "page"),
        ("[x](/next/a)", "page"),
        ("[x](/1.0/a)", "page"),
        ("[x](/community/c)", "page"),
        ("[x](@site/community/c.md)", "page"),
        ("[x](/community/none)", "missing"),
    ]:
        assert outcome(tree, written, at) == expected, written
    french = "site/i18n/fr/docusaurus-plugin-content-docs/current/b.md"
    assert outcome(tree, "[x](a.md)", french) == "page"


def test_docfx_has_a_root_of_its_own_and_shares_its_host():
    moved = {"redirections": [{"source_path": "../ref/old.md", "redirect_url": "/x"}]}
    tree = {
        "ref/docfx.json": "{}",
        "ref/a.md": "# A\n",
        "ref/inc.md": "## Included\n",
        "ref/sub/inc.md": "[!INCLUDE [x](../inc.md)]\n",
        "ref/sub/b.md": "# B\n\n## $$\n\n## $?\n",
        "c.md": "# C\n",
        "redir/.openpublishing.redirection.json": json.dumps(moved),
    }
    for written, expected in [
        ("[x](~/a.md)", "page"),
        ("[x](~/sub/none.md)", "missing"),
        ("[x](/dotnet/api)", "external"),
        ("[x](../a)", "page"),
        ("[x](../A.md)", "case"),
        ("[x](../../c.md)", "page"),
        ("[x](#tab/windows)", "page"),
        ("[x](#none)", "no-anchor"),
        ("[x](#section)", "page"),
        ("[x](#section-1)", "page"),
        ("[x](inc.md#included)", "page"),
        ("[x](inc.md#none)", "no-anchor"),
        ("[x](../old.md#any)", "external"),
        ("[x](old.md)", "missing"),
    ]:
        assert outcome(tree, written, "ref/sub/b.md") == expected, written


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("mkdocs", "[x](/img/x.png)", "file"),
        ("mkdocs", "[x](../b/)", "page"),
        ("mkdocs", "[x](#a_1)", "no-anchor"),
        ("hugo", "[x](/b/)", "page"),
        ("docusaurus", "[x](b)", "page"),
        ("forge", "[x](/img/x.png)", "missing"),
        ("forge", "[x](b)", "missing"),
    ],
)
def test_a_folder_is_of_the_kind_the_project_says(kind, written, expected):
    tree = {"pages/a.md": "# A\n", "pages/b.md": "# B\n", "pages/img/x.png": "", "mkdocs.yml": ""}
    said = [Publisher("pages", SiteKind(kind))]
    assert outcome(tree, written, "pages/a.md", said) == expected


def test_a_page_no_site_publishes_is_read_on_the_forge():
    tree = {"mkdocs.yml": "", "docs/a.md": "# A\n\n## B { #c }\n", "README.md": "# R\n"}
    assert outcome(tree, "[x](docs/a.md#c)", "README.md") == "no-anchor"
    assert outcome(tree, "[x](docs/a.md#b--c-)", "README.md") == "page"
    assert outcome(tree, "[x](#c)", "docs/a.md") == "page"
    assert outcome(tree, "[x](../README.md)", "docs/a.md") == "missing"


def test_what_only_the_build_knows_is_not_judged():
    tree = {
        "mkdocs.yml": "site_url: https://example.org/sub/\nplugins:\n  - gen-files\n"
        "  - redirects: {redirect_maps: {old/page.md: a.md}}\n",
        "docs/a.md": "# A\n",
        "docs/inc.md": "# Inc\n\n--8<-- 'x.md'\n",
        "docs/code.md": "# Code\n\n```\n--8<-- 'x.md'\n```\n",
    }
    for written, expected in [
        ("[x](<{{ url }}>)", "external"),
        ("[x](reference/api/)", "external"),
        ("[x](inc.md#whatever)", "page"),
        ("[x](code.md#whatever)", "no-anchor"),
        ("[x](/other/)", "external"),  # beside the site on its host
        ("[x](/a/)", "missing"),  # without the site's prefix
        ("[x](/sub/a/)", "page"),
        ("[x](/sub/old/page/)", "external"),
    ]:
        assert outcome(tree, written, "docs/a.md") == expected, written


HUGO = {
    "hugo.toml": "",
    "content/docs/a.md": "# A\n",
    "content/docs/b.fr.md": "# B\n",
    "content/docs/deep/c.md": "# C\n\n## Part\n",
    "content/posts/draft.md": "---\ndraft: true\n---\n",
    "content/docs/draft.md": "# D\n",
}


@pytest.mark.parametrize(
    ("written", "leads"),
    [
        ('[x]({{< ref "c" >}})', "page"),
        ('[x]({{< relref "docs/deep/c.md#part" >}})', "page"),
        ('[x]({{< relref "docs/deep/c.md#gone" >}})', "no-anchor"),
        ('[x]({{% ref "gone" %}})', "missing"),
        ('`{{% ref "gone" %}}`', "missing"),  # filled in, in code too
        ('{{< ref "b" >}}', "page"),  # in another language: it may be shown
        ('{{< ref "/posts" >}}', "file"),
        ('{{< ref "draft" >}}', "page"),  # the other one is not built
        ('{{< ref "/tags/x" >}}', "external"),
    ],
)
def test_references_of_hugo(written, leads):
    tree = {path: text for path, text in HUGO.items() if path != "content/docs/draft.md"}
    at = "content/posts/p.md"
    assert outcome(HUGO if "draft" in written else tree, written, at) == leads


def test_a_reference_in_another_language_or_escaped_is_not_judged():
    tree = {
        **HUGO,
        "content/docs/a.md": '{{< ref path="gone" lang="fr" >}} {{</* ref "gone" */>}}\n',
    }
    (site,) = found(tree)
    assert not parse_page("content/docs/a.md", tree["content/docs/a.md"], site.marks).links
