"""The project's own pages, staged: nothing lost, nothing invented, every link leads somewhere."""

import json
import re
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from urllib.parse import unquote

import pytest
from support.base import UNSEAL
from support.outline import commonmark, outline, python_markdown
from support.sandbox import ROOT

from kbtool.lint.rules import RULES
from kbtool.markdown.parse import parse_page
from kbtool.site.atlas import between, forge_url, url_of
from kbtool.site.page import header_blocks
from kbtool.site.stage import Memory, Options, stage
from kbtool.workspace import open_workspace

FORGE = "https://forge.invalid/lab/kb"
OPTIONS = Options("kb", "A base.", FORGE, "c0ffee")


@pytest.fixture(scope="module")
def kb():
    return open_workspace([str(ROOT)]).load()


@pytest.fixture(scope="module")
def staged(kb):
    return stage(kb, OPTIONS, RULES)


def body(page):
    """The page's text without what chips and breadcrumbs stand for."""
    spans = [*header_blocks(page)] + ([page.head.breadcrumb.span] if page.head.breadcrumb else [])
    text = page.text
    for span in sorted(spans, reverse=True):
        text = text[: span.start] + text[span.end :]
    return text


def staged_path(kb, path):
    return path.removeprefix("vibe/") if kb.within(path) else f"repository/{path}"


def moved(kb, page):
    """Where a target leads on the site, worked out apart from the code under test."""

    def found(target):
        if re.match(r"https?:|mailto:|#", target):
            return target
        path, _, anchor = target.partition("#")
        whole = normpath(join(dirname(page.path), path)) if path else page.path
        for candidate in (whole, f"{whole}/README.md"):
            if candidate in kb.pages and not kb.is_template(candidate):
                return f"→{staged_path(kb, candidate)}#{anchor}".rstrip("#")
        return f"{FORGE}/src/commit/c0ffee/{whole}"

    return found


def settled(parts, here):
    """The outline with staged targets written as `moved` writes them."""

    def place(match):
        target = unquote(match[2])
        if re.match(r"https?:|mailto:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        return f"⟨{match[1]} →{normpath(join(dirname(here), path))}#{anchor}".rstrip("#") + "⟩"

    if isinstance(parts, str):
        return re.sub(r"⟨(a|img) ([^⟩]*)⟩", place, parts)
    return [settled(part, here) for part in parts]


def test_every_page_says_what_commonmark_sees(kb, staged):
    compared = 0
    for path, page in kb.pages.items():
        if kb.is_template(path) or not (kb.within(path) or "/" not in path):
            continue
        here = staged_path(kb, path)
        anchors = [heading.anchor for heading in page.headings]
        where = moved(kb, page)
        expected = commonmark(body(page), anchors, lambda url, w=where: w(url))
        assert settled(python_markdown(staged.texts[here]), here) == expected, path
        compared += 1
    assert compared == len(staged.sources) >= 10


class Hrefs(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src")]


def test_every_link_of_the_furniture_leads_to_a_page(staged):
    urls = {url_of(path) for path in staged.texts}
    checked = 0
    for path, text in staged.texts.items():
        if not path.endswith(".md"):
            continue
        parser = Hrefs()
        parser.feed(
            "\n".join(line for line in text.split("\n") if line.startswith('<div class="kb-'))
        )
        for href in parser.found:
            if href.startswith("https://forge.invalid/"):
                continue
            whole = normpath(join(url_of(path), unquote(href.partition("#")[0])))
            whole = "" if whole == "." else f"{whole}/"
            assert whole in urls, (path, href)
            checked += 1
    assert checked > 100


def test_head_of_a_page_becomes_chips_and_relations(staged):
    text = staged.texts["guidebooks/lab-ecosystem/secrets-and-vault.md"]
    assert text.startswith('---\ntitle: "Secrets &amp; Vault"\nlang: "en"\n---\n')
    assert "# Secrets &amp; Vault {#secrets--vault}" in text
    assert "> **Status**" not in text
    assert 'class="kb-chip kb-good"' in text
    assert '<a href="../../../ADR/0001-safe-production-like-environment/">ADR-0001</a>' in text


def test_linked_from_has_the_sentence_around_the_link(staged):
    text = staged.texts["runbooks/unseal-vault-after-a-restart.md"]
    linked = re.search(r'<div class="kb-linked".*', text)[0]
    assert "<b>Unseal Vault after a restart</b> walks the way back" in linked
    assert ">vibe<" not in linked, "the hubs above stand in the breadcrumb"


def test_runbook_has_its_badge_from_the_evidence_alone(staged):
    text = staged.texts["runbooks/unseal-vault-after-a-restart.md"]
    shown = re.search(r'<div class="kb-badge.*', text)[0]
    for words in (
        "profile embedded",
        "self-reported",
        "Real: postgres",
        "vault-sealed",
        "same text",
    ):
        assert words in shown


def test_links_out_of_the_base_lead_to_the_forge_at_the_commit(staged):
    assert f"]({FORGE}/src/commit/c0ffee/sandbox)" in staged.texts["repository/AGENTS.md"]


def test_without_a_forge_they_are_text(kb):
    text = stage(kb, Options()).texts["repository/AGENTS.md"]
    assert "| sandbox/ |" in text
    assert "](sandbox" not in text


def test_rules_are_pages(staged):
    text = staged.texts["rules/KB101.md"]
    assert "# KB101 dead-link" in text
    assert "⟦" in text
    assert len([path for path in staged.texts if path.startswith("rules/")]) == len(RULES) + 1


def test_index_and_llms_name_every_page(kb, staged):
    index = json.loads(staged.texts["index.json"])
    assert {page["path"] for page in index["pages"]} == {
        path for path in kb.pages if staged_path(kb, path) in staged.sources
    }
    runbook = next(p for p in index["pages"] if p["path"] == UNSEAL)
    assert runbook["evidence"]["profile"] == "embedded"
    assert runbook["evidence"]["signed"] is False
    assert {
        "name": "Decision",
        "path": "vibe/ADR/0001-safe-production-like-environment.md",
    } in runbook["relations"]
    for path in staged.sources:
        assert f"]({path})" in staged.texts["llms.txt"]


def test_navigation_holds_every_page_once(staged):
    def pages(nav):
        for entry in nav:
            if isinstance(entry, str):
                yield entry
            else:
                for inside in entry.values():
                    yield from [inside] if isinstance(inside, str) else pages(inside)

    found = list(pages(staged.nav))
    assert sorted(found) == sorted(path for path in staged.texts if path.endswith(".md"))


def test_what_did_not_change_is_not_made_again(kb):
    memory = Memory()
    before = stage(kb, OPTIONS, RULES, memory)
    path = "vibe/guidebooks/lab-ecosystem/secrets-and-vault.md"
    page = parse_page(path, kb.pages[path].text + "\nNew: [runbooks](../../runbooks/README.md).\n")
    after = stage(kb.changed({path: page}), OPTIONS, RULES, memory)
    assert after.texts == stage(kb.changed({path: page}), OPTIONS, RULES).texts
    changed = {path for path, text in after.texts.items() if before.texts[path] != text}
    assert {path.removeprefix("vibe/"), "runbooks/README.md"} <= changed
    kept = [p for p in staged_pages(after) if after.texts[p] is before.texts[p]]
    assert len(kept) == len(after.sources) - 2


def staged_pages(made):
    return list(made.sources)


def test_diagrams_are_marked_for_the_script(staged):
    assert (
        "``` {.text .kb-mermaid}" in staged.texts["guidebooks/lab-ecosystem/secrets-and-vault.md"]
    )


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("README.md", "a/b.md", "a/b/"),
        ("a/b.md", "README.md", "../../"),
        ("a/b.md", "a/c.md", "../c/"),
        ("a/README.md", "a/README.md", "./"),
        ("a/é.md", "b/ü ö.md", "../../b/%C3%BC%20%C3%B6/"),
        ("a/b.md", "a/x.png", "../x.png"),
    ],
)
def test_between(start, end, expected):
    assert between(start, end) == expected


def test_forges_have_their_own_addresses():
    assert (
        forge_url("https://github.com/a/b/", "1+", "x y") == "https://github.com/a/b/blob/1/x%20y"
    )
    assert forge_url("https://gitlab.com/a/b", "1", "x") == "https://gitlab.com/a/b/-/blob/1/x"
    assert forge_url("https://git.lab/a", "1", "x") == "https://git.lab/a/src/commit/1/x"
    assert forge_url("https://c/{path}?at={commit}", "1", "x") == "https://c/x?at=1"
    assert forge_url("", "1", "x") == forge_url("https://g", "", "x") == ""


def test_outline_sees_a_difference():
    assert outline("<p>a</p><p>b</p>") != outline("<p>a b</p>")
    assert outline("<ul><li>a</li></ul>") != outline("<ol><li>a</li></ol>")
    assert outline('<a href="x">a</a>') != outline('<a href="y">a</a>')
