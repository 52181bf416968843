"""The conventions a knowledge base has chosen: data, with the house's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import join
from types import MappingProxyType
from typing import Final, NamedTuple

from kbtool.graph.site import Site, marks_of

# Hidden folders are never pages; these hold what tools made or fetched.
UNREAD_FOLDERS: Final = frozenset({"node_modules", "__pycache__", "build", "dist", "venv"})
RELATIONS: Final[Mapping[str, str]] = {
    "Related": "Related",
    "Upstream": "Downstream",
    "Downstream": "Upstream",
    "Decision": "Implemented by",
    "Implemented by": "Decision",
}
# The other side of Supersedes is the other page's Status, so it has no inverse in the table.
OTHER_RELATIONS: Final = (
    "Supersedes",
    "Design record",
    "Adjacent",
    "Map",
    "Deeper dive",
    "Historical",
)
LANGUAGES: Final[Mapping[str, str]] = {"runbooks": "en", "shareouts": "fr"}
PLAIN_FIELDS: Final = (
    "Status",
    "Last Updated",
    "Last Verified",
    "Date",
    "Deciders",
    "Priority",
    "Size",
    "Hand-out",
)


@dataclass(frozen=True, slots=True)
class Production:
    """Names of production. They explain a refusal; they are never counted as protection."""

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()

    def all(self) -> tuple[str, ...]:
        """Return every entry."""
        return self.addresses + self.names + self.contexts + self.paths + self.buckets


@dataclass(frozen=True, slots=True)
class External:
    """Which hosts a check of external links may contact."""

    private: bool = False  # addresses of private networks and of this machine too
    skip: tuple[str, ...] = ()  # hosts, with all below them


class Override(NamedTuple):
    """What a project changes about rules (by id), for all pages or for those below a folder."""

    source: str  # where it is written, as a person would say it
    folder: str | None = None  # of the base, or a page; None: all pages, also those beside the base
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, str] = MappingProxyType({})
    options: Mapping[str, Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Conventions:
    """What the core must know of the configuration."""

    base: str = "vibe"
    hub: str = "README.md"
    header: str = "quote"  # the style --fix writes: quote or list
    relations: Mapping[str, str] = field(default_factory=lambda: RELATIONS)
    languages: Mapping[str, str] = field(default_factory=lambda: LANGUAGES)  # folder → ISO 639-1
    evidence_age: int = 180  # days after which evidence is stale
    production: Production = Production()
    sites: tuple[Site, ...] = ()  # who publishes the pages; none: the forge
    overrides: tuple[Override, ...] = ()  # of two that disagree, the later one holds

    def overrides_for(self, path: str) -> tuple[Override, ...]:
        """Return those that speak of the page at `path`."""
        return tuple(each for each in self.overrides if self._meant(each.folder, path))

    def marks(self, path: str) -> str:
        """Return what the publisher of the page at `path` reads beside Markdown."""
        return marks_of(self.sites, path)

    def _meant(self, folder: str | None, path: str) -> bool:
        if folder is None:
            return True
        place = join(self.base, folder) if folder else self.base
        return not place or path == place or path.startswith(f"{place}/")

    def field_names(self) -> tuple[str, ...]:
        """Return every header field name the conventions know."""
        return PLAIN_FIELDS + tuple(self.relations) + OTHER_RELATIONS
