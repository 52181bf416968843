"""Links and anchors of a site, held against what the real generator makes of the same pages.

mkdocs is built here. Hugo 0.168.0 and Docusaurus 3 were built once and recorded
(support/generators.py says how): for them this is a test against recordings.
"""

import json
import re
import subprocess
import sys
from html import unescape

import pytest
from support.generators import SITES, Build

from kbtool.graph.address import Addresses
from kbtool.graph.resolve import Outcome
from kbtool.workspace import open_workspace

ALIVE = (Outcome.PAGE, Outcome.FILE)


def ours(folder):
    """Return the base, its site, and {name of each link: whether it leads somewhere}."""
    kb = open_workspace([str(folder)]).load()
    (site,) = kb.conventions.sites
    found = {}
    for path, page in kb.pages.items():
        for link in page.links if site.owns(path) else ():
            if link.target == "https://example.org/":
                continue
            outcome = kb.resolve(page, link).outcome
            if outcome is not Outcome.EXTERNAL:  # nobody can tell
                found[name_of(page, link)] = outcome in ALIVE
    return kb, site, found


def name_of(page, link):
    """The text of a link in Markdown, the words in the tags of one in HTML."""
    if link.text:
        return link.text
    after = re.match(r"[\"']>(n\d+)<", page.text[link.span.end :])
    before = re.search(r'alt="(n\d+)" src="\Z', page.text[: link.span.start])
    return (after or before)[1]


def differences(found, real, skip=()):
    return {
        name: (mine, real[name])
        for name, mine in found.items()
        if name in real and mine is not real[name] and name not in skip
    }


@pytest.fixture(scope="module")
def mkdocs(tmp_path_factory):
    """The tree as mkdocs builds it."""
    site = tmp_path_factory.mktemp("site")
    program = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "-q",
        "-f",
        str(SITES / "mkdocs/mkdocs.yml"),
    ]
    subprocess.run([*program, "-d", str(site)], check=True, capture_output=True)
    return Build(site)


def test_links_lead_where_mkdocs_leads_them(mkdocs):
    _, _, found = ours(SITES / "mkdocs")
    real = mkdocs.links()
    assert len(found.keys() & real.keys()) > 150
    assert differences(found, real) == {}


def test_anchors_are_those_of_mkdocs(mkdocs):
    kb, site, _ = ours(SITES / "mkdocs")
    addresses = Addresses(site, kb.files, kb.pages.get)
    seen = 0
    for path, page in kb.pages.items():
        if site.owns(path):
            made = [each for each in mkdocs.ids(addresses.of(path)) if not each.startswith("__tab")]
            assert sorted(kb.anchors(page, path)) == made
            seen += len(made)
    assert seen > 30


@pytest.mark.parametrize("kind", ["hugo", "docusaurus"])
def test_links_lead_where_they_did_when_recorded(kind):
    _, _, found = ours(SITES / kind)
    real = json.loads((SITES / f"{kind}.json").read_text("utf-8"))["links"]
    assert len(found.keys() & real.keys()) > 50
    assert differences(found, real) == {}


@pytest.mark.parametrize("kind", ["hugo", "docusaurus"])
def test_anchors_are_those_that_were_recorded(kind):
    kb, site, _ = ours(SITES / kind)
    real = json.loads((SITES / f"{kind}.json").read_text("utf-8"))["ids"]
    addresses = Addresses(site, kb.files, kb.pages.get)
    path = "docs/a.md" if kind == "docusaurus" else "content/docs/a.md"
    made = real[addresses.of(path).rstrip("/") + "/"]
    assert sorted(kb.anchors(kb.pages[path], path)) == made


@pytest.mark.slow
def test_a_real_site_as_mkdocs_builds_it(corpus, tmp_path):
    """Every anchor and every link of the English pages of fastapi (160 pages, 7,900 links)."""
    docs = next((p for p in corpus if p.as_posix().endswith("fastapi/docs/en/docs/index.md")), None)
    if docs is None:
        pytest.skip("fastapi is not among the corpora")
    root = docs.parents[3]
    extensions = ["attr_list", "md_in_html", "admonition", "tables", "footnotes"]
    extensions += [
        "pymdownx.superfences",
        *(f"pymdownx.blocks.{n}" for n in ("admonition", "details", "tab")),
    ]
    (tmp_path / "theme").mkdir()
    (tmp_path / "theme/main.html").write_text("{{ page.content }}")
    (tmp_path / "mkdocs.yml").write_text(
        json.dumps(
            {
                "site_name": "x",
                "docs_dir": str(docs.parent),
                "theme": {"name": None, "custom_dir": "theme"},
                "plugins": [],
                "markdown_extensions": extensions,
            }
        )
    )
    program = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", str(tmp_path / "mkdocs.yml")]
    subprocess.run([*program, "-d", str(tmp_path / "site")], check=True, capture_output=True)
    build = Build(tmp_path / "site")
    kb = open_workspace([str(root)]).load()
    (site,) = kb.conventions.sites
    addresses = Addresses(site, kb.files, kb.pages.get)
    seen, links, different = 0, 0, []
    for path, page in kb.pages.items():
        if not path.startswith("docs/en/docs/"):
            continue
        address = addresses.of(path)
        real = {each for each in build.ids(address) if not each.startswith("__")}
        includes = ":::" in page.text
        # `id=` in an example of HTML is text for us, and an id for the expression that reads ids.
        if (
            not includes
            and real - kb.anchors(page, path) - {"Mary"} | kb.anchors(page, path) - real
        ):
            different.append(path)
        seen += len(real)
        hrefs = {
            unescape(h) for h in re.findall(r'<a\b[^>]*\bhref="([^"]*)"', build.pages[address])
        }
        dead = {
            h for h in hrefs if not re.match(r"[a-z]+:|//|\{", h) and not build.arrives(address, h)
        }
        dead.discard("ENGLISH_VERSION_URL")  # a placeholder: whoever uses the page puts it in
        mine = {
            k.target
            for k in page.links
            if kb.resolve(page, k).outcome not in (*ALIVE, Outcome.EXTERNAL)
        }
        links += len(page.links)
        if dead != mine:
            different.append((path, dead ^ mine))
    assert different == []
    assert seen > 2000
    assert links > 7000
