"""What lint asks of the world: a judge is started when a rule first needs it, and ended after."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from kbtool.adapters.diagram import Mermaid
from kbtool.adapters.language import Language
from kbtool.adapters.repository import Repository
from kbtool.adapters.secret import Secrets
from kbtool.adapters.shell import Shell
from kbtool.adapters.verdicts import cache_folder
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import external
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
        tell = self._notices.append
        shell = Shell(self._folder)
        language = Language(self._folder, tell)
        secrets = Secrets(self._folder, tell)
        past = Repository(self._root.path, self._root.config.base_branch, kb.facts.today, tell)
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
        return kb

    def asked(self, kb: KnowledgeBase, paths: Iterable[str]) -> KnowledgeBase:
        """Return the knowledge base with what other hosts say of the links of these pages."""
        from kbtool.adapters.external import Asking

        config = self._root.config
        urls = [url for path in paths for _, url in external(kb.pages[path], kb)]
        found = Asking(config.external, config.production, self._folder).answers(urls)
        for why, count in sorted(found.unknown.items()):
            self._notices.append(
                f"{count} external link{'s' if count > 1 else ''} not judged: {why}"
            )
        kb.facts = replace(kb.facts, external=found.dead.get)
        return kb

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be judged, and why; each once."""
        return tuple(dict.fromkeys(self._notices))
