"""The judge of diagrams is the very mermaid that draws them, in a child process with bounds.

The child is started when a diagram is met whose verdict is not known, and started anew after one
that ended it. A verdict that rests on the diagram alone is kept, also that it computes too long
or takes too much memory; that the whole machine stood still is not.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kbtool.adapters.verdicts import Verdicts

if TYPE_CHECKING:
    from kbtool.adapters.mermaid.child import Child, Ended

PATIENCE: Final = 10  # diagrams that may end a worker in one run
_PROGRAMS: Final = Path(__file__).parent / "mermaid"


class Mermaid:
    """Judges mermaid diagrams; to be closed."""

    def __init__(
        self, folder: Path | None = None, notice: Callable[[str], None] = lambda _: None
    ) -> None:
        """Take the folder of kept verdicts (None: none are kept), and who hears what goes wrong."""
        self._folder = folder
        self._notice = notice
        self._child: Child | None = None
        self._patience = PATIENCE
        self._passing: dict[str, Any] = {}  # verdicts of this run only

    @property
    def settled(self) -> bool:
        """Whether another run would judge the same."""
        return not self._passing

    def fault(self, text: str) -> tuple[int, str] | None:
        """Return (line from 1, what is wrong), None when mermaid draws it or nobody can tell."""
        fault = self._verdict(text).get("fault")
        return (fault[0], fault[1]) if fault else None

    def nodes(self, text: str) -> Sequence[str]:
        """Return the labels of a flowchart's nodes; none where it is none, or has a fault."""
        return tuple(self._verdict(text).get("nodes", ()))

    def close(self) -> None:
        """Keep what was judged, and end the worker."""
        if "_verdicts" in self.__dict__:
            self._verdicts.save()
        if self._child is not None:
            self._child.end()
            self._child = None

    @cached_property
    def _verdicts(self) -> Verdicts:
        from kbtool.vendor import version

        ours = b"".join(file.read_bytes() for file in sorted(_PROGRAMS.glob("*.*")))
        digest = sha256(ours).hexdigest()[:8]
        return Verdicts(self._folder, f"mermaid-{version('mermaid')}-{digest}")

    def _verdict(self, text: str) -> Any:
        if text in self._passing:
            return self._passing[text]
        try:
            return self._verdicts.of(text, self._judge)
        except _Passing as passing:
            self._passing[text] = passing.verdict
            return passing.verdict

    def _judge(self, text: str) -> Any:
        from kbtool.adapters.mermaid.child import Ended, Unavailable

        if not self._patience:
            raise _Passing({})
        try:
            return self._started().ask(text)
        except Unavailable as error:
            self._patience = 0
            self._notice(f"diagrams are not judged: {error}")
            raise _Passing({}) from error
        except Ended as error:
            return self._of_end(error)

    def _of_end(self, error: "Ended") -> Any:
        self._child = None
        self._patience -= 1
        if not self._patience:
            self._notice(f"{PATIENCE} diagrams ended the judge: no more are judged in this run")
        verdict = {"fault": [1, str(error)]}
        if error.lasting:
            return verdict
        raise _Passing(verdict)

    def _started(self) -> "Child":
        if self._child is not None and not self._child.alive:
            self._child.end()
            self._child = None
        if self._child is None:
            from kbtool.adapters.mermaid.child import Child
            from kbtool.vendor import vendored

            bundle = vendored("mermaid", "dist/mermaid.min.js")
            self._child = Child([_PROGRAMS / "dom.js", bundle, _PROGRAMS / "driver.js"])
        return self._child


class _Passing(Exception):
    """A verdict that is not to be kept."""

    def __init__(self, verdict: Any) -> None:
        super().__init__()
        self.verdict = verdict
