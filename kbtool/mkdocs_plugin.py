"""The mkdocs plugin: stages the pages, then lets the generator work on what was staged."""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, get_plugin_logger
from mkdocs.structure.pages import Page

from kbtool.adapters.generator import templates
from kbtool.app.site import Stager
from kbtool.errors import KbError
from kbtool.site.csp import sealed, theme_scripts
from kbtool.site.stage import Stage
from kbtool.workspace import find_root

log = get_plugin_logger("kbtool")
_LANG = re.compile(r'<html lang="[^"]*"')
_OUTSIDE = ("AGENTS.md", "README.md", "CHANGELOG.md")


class _None(Config):
    """It has no options: kbtool.toml or pyproject.toml has them."""


class Plugin(BasePlugin[_None]):
    """Stages in on_config; seals what the theme made of it."""

    def __init__(self) -> None:
        self._stager: Stager | None = None
        self._stage: Stage | None = None

    def on_startup(self, *, command: Literal["build", "gh-deploy", "serve"], dirty: bool) -> None:
        """Live from one build to the next: mkdocs keeps a plugin that has this method."""

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Stage the pages and point the generator at them."""
        root = find_root([os.path.dirname(config.config_file_path)])
        # mkdocs may hand one plugin from project to project within a process.
        if self._stager is None or self._stager.root != root:
            self._stager = Stager(root)
        # The theme would ask the forge of a repo_url for its stars: it is for our links only.
        repository, config.repo_url = config.repo_url or "", None
        config.edit_uri = None
        try:
            done = self._stager.run(config.site_name, config.site_description or "", repository)
        except KbError as error:
            raise PluginError(f"kbtool: {error.message}; {error.hint}") from error
        self._stage = done.stage
        config.docs_dir = str(done.folder)
        config.nav = done.stage.nav
        for problem in done.stage.problems:
            log.warning("%s:%s: %s", problem.path, problem.line, problem.message)
        return config

    def on_post_page(self, output: str, *, page: Page, config: MkDocsConfig) -> str:
        """Say the page's language, where its Markdown is, and what it may load."""
        language = page.meta.get("lang", "en")
        if isinstance(language, str) and language.isalpha():
            output = _LANG.sub(f'<html lang="{language}"', output, count=1)
        if self._stage and page.file.src_uri in self._stage.sources:
            way = os.path.relpath(page.file.src_uri, page.file.dest_uri.rpartition("/")[0] or ".")
            # Not `alternate` alone: the theme would take it for a translation and ask its sitemap.
            link = f'<link rel="alternate nofollow" type="text/markdown" href="{way}">'
            output = output.replace("</title>", f"</title>{link}", 1)
        return sealed(output, _known())

    def on_post_template(
        self, output_content: str, *, template_name: str, config: MkDocsConfig
    ) -> str:
        """Seal pages without a source, like 404.html."""
        return (
            sealed(output_content, _known()) if template_name.endswith(".html") else output_content
        )

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Put the Markdown of each page beside its HTML."""
        for staged, text in (self._stage.sources if self._stage else {}).items():
            path = Path(config.site_dir, staged)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def on_serve(
        self, server: LiveReloadServer, *, config: MkDocsConfig, builder: Any
    ) -> LiveReloadServer:
        """Watch what is written by hand, not what is staged from it."""
        server.unwatch(config.docs_dir)
        if self._stager:
            root = self._stager.root
            server.watch(str(root.path / root.base) if root.base else str(root.path))
            for name in _OUTSIDE:
                if (root.path / name).is_file():
                    server.watch(str(root.path / name))
        return server


@cache
def _known() -> tuple[re.Pattern[str], ...]:
    return theme_scripts(templates())
