"""The built site in a real Chromium, every host but its own unresolvable."""

import html
import json
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.sandbox import ROOT

from kbtool.cli import run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]
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
    shutil.copy(ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    french = folder / "vibe" / "shareouts"
    french.mkdir(exist_ok=True)
    (french / "2026-11-20-essai.md").write_text(
        "[vibe](../README.md) > **Essai**\n\n# Essai\n\n> **Date**: 2026-11-20\n\nLe coffre est descellé.\n"
    )
    (folder / "vibe" / "evil.md").write_text(EVIL)
    assert run(["site", "build", str(folder)]) == 0

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


@pytest.fixture
def look(address, tmp_path):
    """Open a page; return its DOM once the scripts are done, and what the console said."""

    def opened(path):
        done = subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=15000",
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--enable-logging=stderr",
                "--dump-dom", address + path,
            ],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout, re.findall(r"CONSOLE.*", done.stderr)

    return opened


@pytest.mark.parametrize(
    "path",
    ["", "guidebooks/lab-ecosystem/secrets-and-vault/", "runbooks/unseal-vault-after-a-restart/",
     "ADR/log/", "runbooks/evidence/", "shareouts/2026-11-20-essai/", "rules/KB101/"],
)  # fmt: skip
def test_console_is_silent(look, path):
    dom, console = look(path)
    assert "<h1" in dom
    assert console == []


def test_diagrams_are_drawn_only_where_they_are(look):
    dom, _ = look("guidebooks/lab-ecosystem/secrets-and-vault/")
    figure = re.search(r'<figure class="kb-diagram">(.*?)</figure>', dom, re.DOTALL)
    assert "fresh credentials" in figure[1]
    assert figure[1].startswith("<svg")
    assert "mermaid.min.js" in dom
    assert "mermaid.min.js" not in look("")[0]


def test_search_finds_a_word_of_a_french_page(look):
    dom, console = look("?q=descell%C3%A9")
    results = re.search(r'<ol class="md-search-result__list".*?</ol>', dom, re.DOTALL)[0]
    assert "Essai" in results
    assert console == []


def test_graph_is_drawn_over_its_list(look):
    dom, console = look("graph/")
    assert re.search(r'<div class="kb-canvas"><canvas [^>]*width="[1-9]', dom)
    assert 'href="../guidebooks/lab-ecosystem/secrets-and-vault/"' in dom
    assert console == []


def test_nothing_of_a_malicious_page_runs(look):
    dom, console = look("evil/")
    title = html.unescape(re.search(r"<title>(.*?)</title>", dom)[1])
    assert title.startswith("Evil")
    assert "OWNED" not in title
    assert "<svg" in re.search(r'<figure class="kb-diagram">(.*?)</figure>', dom, re.DOTALL)[1]
    shown = re.search(r"<article.*</article>", dom, re.DOTALL)[0]
    assert not re.search(r"<[^>]*\s(onerror|onclick|onload)=", shown)
    assert "evil.invalid" not in re.sub(r'href="[^"]*"', "", shown)
    assert json.dumps(console).count("evil.invalid") == 0
