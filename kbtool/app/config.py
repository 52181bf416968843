"""What a project has configured, and what that means for a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kbtool.config import OPTIONS, plain
from kbtool.errors import UsageError
from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.graph.site import Publisher, Site
from kbtool.lint.rules import RULES
from kbtool.lint.settings import Setting, left_out, not_asked, setting
from kbtool.workspace import Root, Workspace, open_workspace

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Value:
    """One key of the configuration, and where its value comes from."""

    key: str
    value: object
    source: str
    help: str


@dataclass(frozen=True, slots=True)
class Held:
    """One rule on one page: why it does not hold there ("": it does), and what does."""

    setting: Setting
    off: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What holds for one page."""

    path: str
    kind: str
    source: str  # the file of the configuration, "" for none
    rules: tuple[Held, ...]


def show_config() -> tuple[Root, tuple[Value, ...]]:
    """Return the project around the current folder, and the value of every key."""
    workspace = open_workspace()
    return workspace.root, tuple(_values(workspace))


def _values(workspace: Workspace) -> Iterator[Value]:
    root, config = workspace.root, workspace.root.config
    for key, option in OPTIONS.items():
        value = root.preset if key == "preset" else config.value(key)
        source = config.source if key in config.written else DEFAULT
        if key == "sites" and value is None:
            yield _sites(workspace.sites(), option.help)
        else:
            yield Value(key, plain(value), source, option.help)


def _sites(found: Sequence[Site], help_: str) -> Value:
    """Return the sites that were found, as they would be configured."""
    value = tuple(Publisher(site.folder, site.kind) for site in found)
    return Value("sites", plain(value), ", ".join(site.source for site in found) or DEFAULT, help_)


def explain_page(page: str) -> Explained:
    """Return which rules hold for a page, with which severity and options, and why.

    Raises:
        UsageError: it does not exist, or is no page of the project.
    """
    workspace = open_workspace([page])
    root, path = workspace.root, workspace.relative(page)
    if not workspace.is_page(path):
        raise UsageError(f"{page} is no page of the project", "give a file *.md of the base")
    conventions = root.config.conventions(root.base)
    kind = KnowledgeBase({}, conventions=conventions).kind_of(path)
    overrides = conventions.overrides_for(path)
    held = (setting(rule, overrides) for rule in RULES)
    rules = tuple(Held(each, _off(each, root, kind)) for each in held)
    return Explained(path, kind.value, root.config.source, rules)


def _off(held: Setting, root: Root, kind: Kind) -> str:
    config = root.config
    why = left_out(held.rule, root.preset, config.select, config.ignore)
    if why in ("ignore", "not in select"):
        return f"{why} of {config.source}"
    return why or (f"ignore of {held.ignored}" if held.ignored else not_asked(held.rule, kind))
