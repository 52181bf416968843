"""The built site in a real Chromium, every host but its own unresolvable."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.browser import CHROMIUM, Browser
from support.sandbox import ROOT

from kbtool.cli import answer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
    ),
]
AXE = ROOT / "tests" / "vendor" / "axe-core" / "axe.min.js"
SERIOUS = """
axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations
  .filter((each) => ["serious", "critical"].includes(each.impact))
  .map((each) => [each.id, each.nodes.map((node) => node.html)]))
"""
EVIL = """\
[vibe](README.md) > **Evil**

# Evil <img src=x onerror="document.title='OWNED'">

> **Status**: <b onclick="document.title='OWNED'">Active</b>
> **Last Updated**: 2026-11-24

<script>document.title='OWNED'</script>
<svg onload="document.title='OWNED'"></svg> <img src=https://evil.invalid/p.png>

![pixel](https://evil.invalid/p.png) [go](javascript:document.title='OWNED'){: onclick="document.title='OWNED'" }

```mermaid
%%{init: {'theme':'base', 'securityLevel':'loose', 'themeCSS':'} body { display: none }'}}%%
flowchart LR
    A["<img src=x onerror=document.title='OWNED'>"] --> B["<script>document.title='OWNED'</script>"]
    click A "javascript:document.title='OWNED'"
    click B call alert()
```

1. Nothing runs.
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The site of the project's pages, a French page and a malicious one, served."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "vibe", folder / "vibe")
    for name in ("mkdocs.yml", "AGENTS.md"):
        shutil.copy(ROOT / name, folder / name)
    french = folder / "vibe" / "shareouts"
    french.mkdir(exist_ok=True)
    (french / "2026-11-20-essai.md").write_text(
        "[vibe](../README.md) > **Essai**\n\n# Essai\n\n> **Date**: 2026-11-20\n\nLe coffre est descellé.\n"
    )
    (folder / "vibe" / "evil.md").write_text(EVIL)
    assert answer(["site", "build", str(folder)]) == 0

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder / "build" / "site"))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def visit(address, browser):
    """Open a page of the site; afterwards nothing may have been said or asked elsewhere."""
    browser.look(1400)

    def opened(path, wait="true"):
        browser.open(address + path, wait)
        return browser

    yield opened
    elsewhere = [url for url in browser.requests if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []
    assert browser.console == []


@pytest.mark.parametrize("look", [(1400, "light"), (390, "dark")])
@pytest.mark.parametrize(
    "path",
    ["", "runbooks/unseal-vault-after-a-restart/", "ADR/log/", "runbooks/evidence/",
     "shareouts/2026-11-20-essai/", "rules/KB101/", "repository/AGENTS/", "graph/"],
)  # fmt: skip
def test_pages_are_silent_and_fit_the_window(visit, browser, path, look):
    browser.look(*look)
    visit(path)
    assert browser.js("document.querySelector('article h1').textContent.length") > 0
    assert browser.js("document.documentElement.scrollWidth - innerWidth") <= 0
    scheme = "slate" if look[1] == "dark" else "default"
    browser.until(f"document.body.dataset.mdColorScheme === '{scheme}'")
    browser.js(AXE.read_text(encoding="utf-8") + "; 1")
    assert browser.js(SERIOUS) == []


def test_diagrams_are_drawn_only_where_they_are(visit, browser):
    visit(
        "guidebooks/lab-ecosystem/secrets-and-vault/",
        "document.querySelector('figure.kb-diagram > svg')",
    )
    drawn = browser.js("document.querySelector('figure.kb-diagram > svg').textContent")
    assert "fresh credentials" in drawn
    assert any(url.endswith("/mermaid.min.js") for url in browser.requests)
    visit("")
    assert not any("mermaid" in url for url in browser.requests)


def test_search_finds_a_word_of_a_french_page(visit, browser):
    visit("")
    browser.js("document.querySelector('[data-md-component=search-query]').focus()")
    browser.type("descellé")
    browser.until("document.querySelectorAll('.md-search-result__link').length > 0")
    found = browser.js("[...document.querySelectorAll('.md-search-result__link')].map(a => a.href)")
    assert any("2026-11-20-essai" in url for url in found)


def test_graph_is_drawn_over_a_list_the_keyboard_reaches(visit, browser):
    visit("graph/", "document.querySelector('.kb-canvas canvas').width > 0")
    # A copy is read: the browser warns of a canvas that is read again and again, as waiting does.
    painted = (
        "(() => { const c = document.querySelector('.kb-canvas canvas');"
        " const copy = new OffscreenCanvas(c.width, c.height)"
        ".getContext('2d', {willReadFrequently: true}); copy.drawImage(c, 0, 0);"
        " return copy.getImageData(0, 0, c.width, c.height).data.some(v => v) })()"
    )
    browser.until(painted)
    reached = set()
    for _ in range(200):
        browser.press("Tab", 9)
        reached.add(
            browser.js(
                "document.activeElement.closest('.kb-lists') ? document.activeElement.href : ''"
            )
        )
    every = browser.js("[...document.querySelectorAll('.kb-lists a')].map(a => a.href)")
    assert len(every) > 10
    assert set(every) <= reached


def test_filter_of_the_graph_is_the_filter_of_its_list(visit, browser):
    visit("graph/", "document.querySelector('.kb-canvas canvas').width > 0")
    browser.js("document.querySelector('.kb-filters input[value=adr]').click()")
    hidden = "document.querySelector('.kb-lists [data-kind=%s]').hidden"
    assert browser.js(hidden % "adr") is True
    assert browser.js(hidden % "hub") is False


def test_nothing_of_a_malicious_page_runs(visit, browser):
    visit("evil/", "document.querySelector('figure.kb-diagram > svg')")
    assert browser.js("document.title").startswith("Evil")
    handlers = browser.js(
        "[...document.querySelectorAll('article *')].flatMap(e => [...e.attributes])"
        ".filter(a => /^on/.test(a.name) || /^javascript:/i.test(a.value)).map(a => a.value)"
    )
    assert handlers == []
    browser.js(
        "document.querySelectorAll('article a, figure g').forEach(e => e.dispatchEvent(new Event('click')))"
    )
    assert browser.js("document.title").startswith("Evil")
    assert browser.js("getComputedStyle(document.body).display") != "none"
