"""What lint asks of the world: a judge is started when a rule first needs it, and ended after."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import cached_property
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from kbtool.adapters.verdicts import cache_folder
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.links import external
from kbtool.workspace import Root

if TYPE_CHECKING:
    from kbtool.adapters.diagram import Mermaid
    from kbtool.adapters.language import Language
    from kbtool.adapters.repository import Repository
    from kbtool.adapters.secret import Secrets
    from kbtool.adapters.shell import Shell

_J = TypeVar("_J")
_LIBRARIES: Final = ("click", "gcld3", "kingfisher_sdk", "py_mini_racer", "pyromark", "re2", "yaml")


class Outside:
    """The facts and judges of one project; a context manager."""

    def __init__(self, root: Root, *, cached: bool = True) -> None:
        """Take the project's root; without `cached` no verdict is taken from or put on disk."""
        self._root = root
        self._folder = cache_folder() if cached else None
        self._open = ExitStack()
        self._notices: list[str] = []
        self._today = date.min
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
        self._today = kb.facts.today
        kb.facts = replace(
            kb.facts,
            shell=self._late("_shell", "fault"),
            language=self._late("_language", "of"),
            secrets=self._late("_secrets", "found"),
            diagram=self._late("_mermaid", "fault"),
            nodes=self._late("_mermaid", "nodes"),
            revisions=self._late("_past", "revisions"),
            base_branch=self._late("_past", "base_branch"),
        )
        return kb

    # ------------------------------------------------------------------ each when first needed
    def _late(self, judge: str, question: str) -> Callable[..., Any]:
        def ask(*given: Any) -> Any:
            return getattr(getattr(self, judge), question)(*given)

        return ask

    @cached_property
    def _shell(self) -> "Shell":
        from kbtool.adapters.shell import Shell

        return self._closing(Shell(self._folder), Shell.save)

    @cached_property
    def _language(self) -> "Language":
        from kbtool.adapters.language import Language

        return self._closing(Language(self._folder, self._unsure), Language.save)

    @cached_property
    def _secrets(self) -> "Secrets":
        from kbtool.adapters.secret import Secrets

        return self._closing(Secrets(self._folder, self._unsure), Secrets.save)

    @cached_property
    def _mermaid(self) -> "Mermaid":
        from kbtool.adapters.diagram import Mermaid

        return self._closing(Mermaid(self._folder, self._unsure), Mermaid.close)

    @cached_property
    def _past(self) -> "Repository":
        from kbtool.adapters.repository import Repository

        branch, tell = self._root.config.base_branch, self._notices.append
        return self._closing(
            Repository(self._root.path, branch, self._today, tell), Repository.close
        )

    def _closing(self, judge: _J, close: Callable[[_J], object]) -> _J:
        self._open.callback(close, judge)
        return judge

    def _has(self, name: str) -> bool:
        return name in self.__dict__

    def _unsure(self, notice: str) -> None:
        self._notices.append(notice)
        self._unsettled.append(notice)

    @property
    def settled(self) -> bool:
        """Whether another run, with all the same files, would be told the same."""
        past = not self._has("_past") or self._past.settled
        return past and not self._unsettled and (not self._has("_mermaid") or self._mermaid.settled)

    def paths(self, files: Collection[str]) -> list[str] | None:
        """Return what was looked at beside these files of the tree; None where nobody can tell."""
        looked = self._past.paths(files) if self._has("_past") else []
        shell = self._shell.paths() if self._has("_shell") else ()
        return None if looked is None else [*looked, *shell, *libraries()]

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


def libraries() -> Iterator[str]:
    """Yield where the libraries are that lint may use, without importing any."""
    for name in _LIBRARIES:
        spec = find_spec(name)
        if spec and spec.origin:
            yield from (spec.origin, os.path.dirname(spec.origin))
