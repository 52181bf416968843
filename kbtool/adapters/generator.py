"""The site generator, mkdocs with Material: the door for builds from the command line."""

import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from kbtool.errors import MissingExtra, RunFailed

# Material prints a banner about mkdocs 2 unless this is set; kbtool pins mkdocs 1.6.
os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")


def require() -> None:
    """Make sure that generator and cleaner are installed.

    Raises:
        MissingExtra: one of them is not.
    """
    missing = [name for name in ("mkdocs", "material", "nh3") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"the site needs {', '.join(missing)}", "pip install 'kbtool[site]'")


def build(config_file: Path, site: Path | None, *, strict: bool) -> Path:
    """Build the site of a mkdocs.yml; return its folder.

    Raises:
        RunFailed: the generator gave up, or warned and `strict` is set.
    """
    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort, ConfigurationError

    _listen()
    try:
        config = load_config(
            str(config_file), strict=strict or None, site_dir=str(site) if site else None
        )
        config.plugins.on_startup(command="build", dirty=False)
        mkdocs_build(config)
        config.plugins.on_shutdown()
    except (Abort, ConfigurationError) as error:
        raise RunFailed(str(error), "what the generator said stands above") from error
    return Path(config.site_dir)


def serve(config_file: Path, address: str | None, *, strict: bool) -> None:
    """Serve the site and build it anew when a page changes, until interrupted.

    Raises:
        RunFailed: the generator gave up.
    """
    from mkdocs.commands.serve import serve as mkdocs_serve
    from mkdocs.exceptions import Abort, ConfigurationError

    _listen()
    try:
        mkdocs_serve(str(config_file), dev_addr=address, strict=strict or None)
    except (Abort, ConfigurationError) as error:
        raise RunFailed(str(error), "what the generator said stands above") from error


def templates() -> Iterator[str]:
    """Yield the text of every template of the theme."""
    import material

    for path in sorted((Path(material.__file__).parent / "templates").rglob("*.html")):
        yield path.read_text(encoding="utf-8")


def _listen() -> None:
    logger = logging.getLogger("mkdocs")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)-7s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
