"""Finding a runbook and its profile, and making its plan."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbtool.errors import UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.markdown.page import Page
from kbtool.runbook.model import Runbook
from kbtool.runbook.plan import Mode, Plan, make_plan, missing
from kbtool.runbook.read import is_runbook, read_runbook
from kbtool.sandbox.loader import load_profile, load_profiles
from kbtool.sandbox.profile import Profile
from kbtool.workspace import Workspace, open_workspace

DEFAULT_PROFILE = "embedded"


@dataclass(frozen=True, slots=True)
class Opened:
    """A runbook with everything around it."""

    workspace: Workspace
    kb: KnowledgeBase
    page: Page
    runbook: Runbook


def open_runbook(name: str) -> Opened:
    """Return the runbook at a path, or the one whose file has that name.

    Raises:
        UsageError: there is none, or several; or the page has no steps.
    """
    there = os.path.exists(name)
    workspace = open_workspace([name] if there else [])
    kb = workspace.load()
    path = workspace.relative(name) if there else _named(kb, name)
    if path in kb.unreadable:
        raise UsageError(f"{path}: {kb.unreadable[path]}")
    page = kb.pages.get(path)
    if page is None or not is_runbook(page):
        raise UsageError(f"{path} is no runbook", "a runbook has a `## Steps` section")
    return Opened(workspace, kb, page, read_runbook(page, workspace.digest))


def _named(kb: KnowledgeBase, name: str) -> str:
    runbooks = {path: page for path, page in kb.pages.items() if is_runbook(page)}
    stem = name.rpartition("/")[2].removesuffix(".md")
    found = [path for path in runbooks if path.rpartition("/")[2] == f"{stem}.md"]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(found or runbooks)) or "none here"
    raise UsageError(f"no runbook {name!r}", f"runbooks: {known}")


def profile_of(opened: Opened, name: str | None) -> Profile:
    """Return a profile by name; without one, the weakest that has what the runbook requires.

    Raises:
        ConfigError: there is none, or it has faults.
    """
    found = None if name else fitting(opened)[0]
    return found or load_profile(profiles_of(opened), name or DEFAULT_PROFILE)


def fitting(opened: Opened) -> tuple[Profile | None, str]:
    """Return the weakest profile that has what the runbook requires, or what each one lacks.

    Raises:
        ConfigError: a profile has faults.
    """
    lacks: list[str] = []
    for profile in load_profiles(profiles_of(opened)):
        names = missing(opened.runbook, profile.view())
        if not names:
            return profile, ""
        lacks.append(f"{profile.name} has no {', no '.join(names)}")
    return None, "; ".join(lacks) or f"there is none in {opened.workspace.root.config.profiles}/"


def profiles_of(opened: Opened) -> Path:
    """Return the folder of the project's profiles."""
    root = opened.workspace.root
    return root.path / root.config.profiles


def plan_of(
    opened: Opened,
    profile: Profile | None,
    *,
    inputs: Mapping[str, str],
    mode: Mode,
    scenario: str | None = None,
) -> Plan:
    """Return the plan; without a profile, judged by the runbook's text alone.

    Raises:
        PlanError: naming everything that stands in the way.
    """
    return make_plan(
        opened.runbook,
        profile.view() if profile else None,
        inputs=inputs,
        mode=mode,
        scenario=scenario,
        production=opened.kb.conventions.production.all(),
    )


def parse_inputs(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return NAME → value of `NAME=value` arguments.

    Raises:
        UsageError: one is of another form.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--input {pair!r} is not NAME=value")
        found[name] = value
    return found
