"""The built site: no warning, a policy on every page, nothing asked of another host."""

import json
import re
import shutil
from html.parser import HTMLParser
from importlib.metadata import entry_points

import pytest
from support.sandbox import ROOT

from kbtool.cli import answer


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "vibe", folder / "vibe")
    shutil.copytree(ROOT / "sandbox", folder / "sandbox")
    for name in ("AGENTS.md", "README.md", "CHANGELOG.md", "LICENSE", "mkdocs.yml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("kbtool", "tests", "bench"):
        (folder / name).mkdir()
        (folder / name / "a.txt").touch()
    french = folder / "vibe" / "shareouts"
    french.mkdir(exist_ok=True)
    (french / "2026-11-20-essai.md").write_text(
        "[vibe](../README.md) > **Essai**\n\n# Essai\n\n> **Date**: 2026-11-20\n\nDescellé.\n"
    )
    (folder / "kbtool.toml").write_text('base = "vibe"\n')
    assert "kbtool" in {point.name for point in entry_points(group="mkdocs.plugins")}, (
        "pip install -e ."
    )
    assert answer(["site", "build", str(folder), "--strict"]) == 0
    return folder / "build" / "site"


class Loads(HTMLParser):
    """What a browser asks for by itself when it opens a page."""

    def __init__(self):
        super().__init__()
        self.found, self.scripts, self.inline = [], 0, []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.found += [values[name] for name in ("src", "srcset") if name in values]
        if tag == "link" and values.get("rel") not in (
            "canonical",
            "alternate nofollow",
            "next",
            "prev",
        ):
            self.found.append(values["href"])


def test_no_page_asks_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for path in pages:
        parser = Loads()
        parser.feed(path.read_text(encoding="utf-8"))
        assert parser.found
        for url in parser.found:
            assert not re.match(r"[a-z+]+:|//", url), (path, url)


def test_every_page_has_a_policy_without_unsafe_scripts(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', text)
        assert policy, path
        scripts = re.search(r"script-src ([^;]*)", policy[1])[1]
        assert "unsafe" not in scripts
        inline = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        assert scripts.count("sha256-") == len(set(inline)) > 0, path


def test_pages_say_their_language(site):
    french = (site / "shareouts/2026-11-20-essai/index.html").read_text(encoding="utf-8")
    assert '<html lang="fr"' in french
    assert '<html lang="en"' in (site / "index.html").read_text(encoding="utf-8")
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    assert index["config"]["lang"] == ["en", "fr"]
    assert any("Descellé" in entry["text"] for entry in index["docs"])


def test_markdown_stands_beside_the_html(site):
    path = "guidebooks/lab-ecosystem/secrets-and-vault"
    assert (site / f"{path}.md").read_text() == (ROOT / f"vibe/{path}.md").read_text()
    html = (site / path / "index.html").read_text(encoding="utf-8")
    assert (
        '<link rel="alternate nofollow" type="text/markdown" href="../secrets-and-vault.md">'
        in html
    )
    assert (site / "llms.txt").is_file()
    assert (site / "index.json").is_file()


def test_furniture_is_left_out_of_the_search(site):
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    place = "guidebooks/lab-ecosystem/secrets-and-vault/"
    said = [entry["text"] for entry in index["docs"] if entry["location"].startswith(place)]
    assert any("Vault" in text for text in said)
    assert not any("Around this page" in text or "Linked from" in text for text in said)


def test_hooks_are_refused_before_anything_is_loaded(tmp_path, capsys):
    (tmp_path / "vibe").mkdir()
    (tmp_path / "vibe" / "README.md").write_text("# A\n")
    (tmp_path / "hook.py").write_text("raise SystemExit('ran')\n")
    text = (ROOT / "mkdocs.yml").read_text() + "hooks: [hook.py]\n"
    (tmp_path / "mkdocs.yml").write_text(text)
    assert answer(["site", "build", str(tmp_path)]) == 2
    assert "hooks" in capsys.readouterr().err


def test_dead_link_fails_a_strict_build(tmp_path):
    (tmp_path / "vibe").mkdir()
    (tmp_path / "vibe" / "README.md").write_text("# A\n\n[b](b.md)\n")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    assert answer(["site", "build", str(tmp_path), "--strict"]) == 1
    assert answer(["site", "build", str(tmp_path)]) == 0


def test_staging_writes_only_what_changed(tmp_path, capsys):
    (tmp_path / "vibe").mkdir()
    page = tmp_path / "vibe" / "README.md"
    page.write_text("# A\n")
    (tmp_path / "vibe" / "b.md").write_text("# B\n")
    assert answer(["site", "stage", str(tmp_path)]) == 0
    stale = tmp_path / "build/site-src/gone/x.md"
    stale.parent.mkdir()
    stale.write_text("x")
    page.write_text("# A\n\nMore.\n")
    capsys.readouterr()
    assert answer(["site", "stage", str(tmp_path), "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"README.md", "llms.txt"} == set(said["written"])
    assert said["removed"] == ["gone/x.md"]
    assert not stale.parent.exists()
