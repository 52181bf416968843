"""Publishing a project: its pages staged, its site built."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from kbtool.adapters import generator, git
from kbtool.adapters.mirror import Mirrored, mirror
from kbtool.errors import ConfigError, UsageError
from kbtool.lint.rules import RULES
from kbtool.markdown.frontmatter import read_front_matter
from kbtool.site.policy import KEYS, faults
from kbtool.site.stage import Memory, Options, Stage, stage
from kbtool.vendor import vendored
from kbtool.workspace import Root, Workspace, find_root

CONFIG: Final = "mkdocs.yml"
SOURCE: Final = "build/site-src"
ASSETS: Final = "assets/kb"


@dataclass(frozen=True, slots=True)
class Staged:
    """What a staging did."""

    folder: Path
    stage: Stage
    mirrored: Mirrored


class Stager:
    """Stages one project, again and again: what did not change is not made again."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.folder = root.path / SOURCE
        self._memory = Memory()
        self._workspace = Workspace(root)
        self._settled = False

    def run(self, name: str = "", summary: str = "", repository: str = "") -> Staged:
        """Read the project and bring the staged tree up to date.

        Raises:
            KbError: the site's libraries are missing, or the tree cannot be written.
        """
        generator.require()
        kb = self._workspace.load()
        options = Options(
            name or "Knowledge base",
            summary or "A knowledge base: its pages, their relations, their evidence.",
            repository or self.root.config.repository,
            git.head(self.root.path),
        )
        made = stage(kb, options, RULES, self._memory)
        done = mirror(self.folder, self._contents(made))
        if not self._settled:  # what the first run made stays: no collector need look it through
            gc.collect()
            gc.freeze()
            self._settled = True
        return Staged(self.folder, made, done)

    def _contents(self, made: Stage) -> dict[str, bytes]:
        contents = {path: text.encode() for path, text in made.texts.items()}
        for staged, path in made.copies.items():
            raw = self._workspace.raw(path)
            if raw is not None and staged not in contents:
                contents[staged] = raw
        return contents | assets()


def assets() -> dict[str, bytes]:
    """Return the site's own styles and scripts, and the vendored mermaid."""
    folder = files("kbtool.site") / "assets"
    found = {f"{ASSETS}/{entry.name}": entry.read_bytes() for entry in folder.iterdir()}
    found[f"{ASSETS}/mermaid.min.js"] = vendored("mermaid", "dist/mermaid.min.js").read_bytes()
    return found


def stage_site(paths: Sequence[str]) -> Staged:
    """Stage the project the paths belong to.

    Raises:
        KbError: as the Stager does.
    """
    root = find_root(paths)
    config = _config(root)
    return Stager(root).run(
        str(config.get("site_name", "")),
        str(config.get("site_description", "")),
        str(config.get("repo_url") or ""),
    )


def build_site(paths: Sequence[str], site: str | None, *, strict: bool) -> Path:
    """Build the project's site; return its folder.

    Raises:
        ConfigError: its mkdocs.yml says what a site may not say.
        KbError: as the Stager and the generator do.
    """
    generator.require()
    root = find_root(paths)
    checked_config(root)
    return generator.build(
        root.path / CONFIG, Path(site).resolve() if site else None, strict=strict
    )


def serve_site(paths: Sequence[str], address: str | None, *, strict: bool) -> None:
    """Serve the project's site until interrupted.

    Raises:
        ConfigError: its mkdocs.yml says what a site may not say.
        KbError: as the Stager and the generator do.
    """
    generator.require()
    root = find_root(paths)
    checked_config(root)
    generator.serve(root.path / CONFIG, address, strict=strict)


def checked_config(root: Root) -> Mapping[str, Any]:
    """Return what mkdocs.yml says, read as data: nothing in it is loaded or run.

    Raises:
        UsageError: there is none.
        ConfigError: it says what a site may not say.
    """
    config = _config(root)
    if not config:
        raise UsageError(
            f"{root.path} has no {CONFIG}, or one that is not plain YAML", "kbtool site --help"
        )
    found = list(faults(config))
    if found:
        raise ConfigError(
            "\n".join(f"{CONFIG}: {fault}" for fault in found), "the keys are: " + ", ".join(KEYS)
        )
    return config


def _config(root: Root) -> Mapping[str, Any]:
    path = root.path / CONFIG
    if path.is_symlink() or not path.is_file():
        return {}
    return read_front_matter(path.read_text(encoding="utf-8"))
