"""What lint asks of the world: a judge is started when a rule first needs it, and ended after."""

from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from kbtool.adapters.diagram import Mermaid
from kbtool.adapters.shell import Shell
from kbtool.adapters.verdicts import cache_folder
from kbtool.graph.base import KnowledgeBase
from kbtool.workspace import Root


class Outside:
    """The facts and judges of one project; a context manager."""

    def __init__(self, root: Root, *, cached: bool = True) -> None:
        """Take the project's root; without `cached` no verdict is taken from or put on disk."""
        self._root = root
        self._folder = cache_folder() if cached else None
        self._open = ExitStack()
        self._notices: list[str] = []

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
        shell = Shell(self._folder)
        self._open.callback(shell.save)
        mermaid = Mermaid(self._folder, self._notices.append)
        self._open.callback(mermaid.close)
        kb.facts = replace(kb.facts, shell=shell.fault, diagram=mermaid.fault, nodes=mermaid.nodes)
        return kb

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be judged, and why; each once."""
        return tuple(dict.fromkeys(self._notices))
