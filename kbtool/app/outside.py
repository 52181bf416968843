"""What lint asks of the world: a judge is started when a rule first needs it, and ended after."""

import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from types import TracebackType
from typing import Final, Self

from kbtool.adapters.diagram import Mermaid
from kbtool.adapters.language import Language
from kbtool.adapters.repository import Repository
from kbtool.adapters.secret import Secrets
from kbtool.adapters.shell import Shell
from kbtool.adapters.verdicts import cache_folder
from kbtool.graph.base import KnowledgeBase
from kbtool.workspace import Root

_LIBRARIES: Final = ("click", "gcld3", "kingfisher_sdk", "py_mini_racer", "pyromark", "re2", "yaml")


class Outside:
    """The facts and judges of one project; a context manager."""

    def __init__(self, root: Root, *, cached: bool = True) -> None:
        """Take the project's root; without `cached` no verdict is taken from or put on disk."""
        self._root = root
        self._folder = cache_folder() if cached else None
        self._open = ExitStack()
        self._notices: list[str] = []
        self._unsettled: list[str] = []  # notices of what may be otherwise in another run

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what was started; keep the verdicts."""
        self._open.close()

    def told(self, kb: KnowledgeBase) -> KnowledgeBase:
        """Return the knowledge base with the facts and judges its rules may ask."""
        tell = self._unsure
        shell = Shell(self._folder)
        language = Language(self._folder, tell)
        secrets = Secrets(self._folder, tell)
        branch, today = self._root.config.base_branch, kb.facts.today
        past = Repository(self._root.path, branch, today, self._notices.append)
        mermaid = Mermaid(self._folder, tell)
        for end in (shell.save, language.save, secrets.save, past.close, mermaid.close):
            self._open.callback(end)
        kb.facts = replace(
            kb.facts,
            shell=shell.fault,
            language=language.of,
            secrets=secrets.found,
            diagram=mermaid.fault,
            nodes=mermaid.nodes,
            revisions=past.revisions,
            base_branch=past.base_branch,
        )
        self._past, self._mermaid = past, mermaid
        return kb

    def _unsure(self, notice: str) -> None:
        self._notices.append(notice)
        self._unsettled.append(notice)

    @property
    def settled(self) -> bool:
        """Whether another run, with all the same files, would be told the same."""
        return not self._unsettled and self._past.settled and self._mermaid.settled

    def paths(self, files: Collection[str]) -> list[str] | None:
        """Return what was looked at beside these files of the tree; None where nobody can tell."""
        looked = self._past.paths(files)
        return None if looked is None else [*looked, *Shell.paths(), *_judges()]

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be judged, and why; each once."""
        return tuple(dict.fromkeys(self._notices))


def _judges() -> Iterator[str]:
    for name in _LIBRARIES:
        spec = find_spec(name)
        if spec and spec.origin:
            yield from (spec.origin, os.path.dirname(spec.origin))
