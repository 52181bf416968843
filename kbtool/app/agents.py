"""AGENTS.md: is what it says true, and are its generated sections current?"""

from typing import Final

from kbtool.app.lint import Linted, lint_project
from kbtool.errors import UsageError
from kbtool.lint.agents import AGENTS, SECTIONS
from kbtool.lint.generated import generated
from kbtool.workspace import open_workspace

RULES: Final = ("KB601", "KB602", "KB603")
_MARKS: Final = "<!-- kb-generated map --> and, below it, <!-- /kb-generated -->"


def check_agents() -> Linted:
    """Return the findings about AGENTS.md.

    Raises:
        UsageError: there is none, or no knowledge base it could speak of.
    """
    return _about(mend=False)


def sync_agents() -> Linted:
    """Write the generated sections of AGENTS.md, and nothing else.

    Raises:
        UsageError: there is none, or no knowledge base it could speak of.
        WriteError: it cannot be written.
    """
    return _about(mend=True)


def _about(*, mend: bool) -> Linted:
    if open_workspace().root.preset == "plain":
        raise UsageError(
            f"no knowledge base here that {AGENTS} could speak of",
            "it is the folder vibe/, or the one configured as base",
        )
    done = lint_project((), select=RULES[:1] if mend else RULES, mend=mend)
    page = done.kb.pages.get(AGENTS)
    if page is None:
        raise UsageError(f"no {AGENTS} at the root", f"write one; kbtool keeps {_MARKS}")
    if generated(page):
        return done
    notice = f"{AGENTS} has no generated section: {', '.join(SECTIONS)} can be; write {_MARKS}"
    return done._replace(notices=(*done.notices, notice))
