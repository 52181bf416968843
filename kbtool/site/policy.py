"""What a project's mkdocs.yml may say.

A pull request may change it, and a build must run nothing that came with one: an allow list,
because the generator reads many keys as code to load.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kbtool.site.extensions import EXTENSIONS

_PLAIN: Final = frozenset(
    {"site_name", "site_url", "site_description", "site_author", "copyright", "repo_url"}
    | {"docs_dir", "site_dir", "strict", "validation", "extra_css", "extra_javascript", "extra"}
)
_PLUGINS: Final = frozenset({"search", "kbtool", "material/search"})
_THEME: Final = frozenset({"name", "font", "language", "features", "palette", "favicon", "logo"})
_EXTRA: Final = frozenset({"generator", "homepage"})
_ASIDE: Final = frozenset({"markdown_extensions", "plugins", "theme"})


def faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything in a mkdocs.yml that would run code, or load it from elsewhere."""
    for key, value in config.items():
        if key == "hooks":
            yield "hooks: are code that runs at build time"
        elif key == "theme":
            yield from _theme(value)
        elif key == "plugins":
            yield from _named("plugins", value, _PLUGINS)
        elif key == "markdown_extensions":
            yield from _named("markdown_extensions", value, frozenset(EXTENSIONS))
            yield from _extensions(value)
        elif key not in _PLAIN:
            yield f"{key}: is not among the keys a site may set"
        elif key in ("docs_dir", "site_dir"):
            yield from _beneath(key, value)
        elif key in ("extra_css", "extra_javascript"):
            yield from _local(key, value)
        elif key == "extra":
            yield from (f"extra.{name}: is not among the keys" for name in set(value) - _EXTRA)
        elif isinstance(value, str) and "<" in value:
            yield f"{key}: is printed as it is, and must not hold HTML"


def _extensions(value: Any) -> Iterator[str]:
    """An option may name code (a format, a slugify): only those the staged pages need."""
    for entry in value if isinstance(value, list) else ():
        for name, options in entry.items() if isinstance(entry, Mapping) else ():
            known = EXTENSIONS.get(name, {})
            for key, chosen in (options or {}).items():
                if key not in known or known[key] != chosen:
                    yield f"markdown_extensions: {name}.{key}: is not what the staged pages need"


def _beneath(key: str, value: Any) -> Iterator[str]:
    """The generator empties site_dir before it writes."""
    parts = str(value).split("/")
    if not isinstance(value, str) or ".." in parts or value.startswith(("/", "~")) or "$" in value:
        yield f"{key}: must be a folder beneath the root"


def _theme(value: Any) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield "theme: must be a table with a name and font: false"
        return
    for key in value:
        if key not in _THEME:
            yield f"theme.{key}: is not among the keys a site may set"
    if any(str(name).startswith("navigation.instant") for name in value.get("features") or ()):
        yield "theme.features: navigation.instant would carry one page's policy to the next"
    if value.get("name") != "material":
        yield "theme.name: must be material"
    if value.get("font") is not False:
        yield "theme.font: must be false, else every reader's browser asks another host"


def _named(key: str, value: Any, allowed: frozenset[str]) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{key}: must be a list"
        return
    for entry in value:
        name = next(iter(entry), "") if isinstance(entry, Mapping) else entry
        if name not in allowed:
            yield f"{key}: {name} is not one of {', '.join(sorted(allowed))}"


def _local(key: str, value: Any) -> Iterator[str]:
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, str) or ":" in entry or entry.startswith("//"):
            yield f"{key}: {entry} is not a file of this site"


KEYS: Final = tuple(sorted(_PLAIN | _ASIDE))
