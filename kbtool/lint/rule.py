"""What a rule is and what it reports."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from kbtool.graph.base import KnowledgeBase
from kbtool.markdown.page import Page
from kbtool.text import Edit, Span

Severity = Literal["error", "warning"]
Sight = Literal["all", "links", "references", "diagrams", "ignores", "nothing"]
Options = Mapping[str, object]


class Finding(NamedTuple):
    """One defect at one place. `fix` is one change of meaning, as edits of any number of pages."""

    path: str
    span: Span
    message: str
    help: str = ""
    fix: tuple[Edit, ...] = ()
    about: str = ""  # what it speaks of, where that is not its own page
    severity: Severity | None = None  # None: the rule's own
    secret: bool = False  # its place must not be shown
    rule: str = ""  # filled in by the engine
    name: str = ""


class Seen(NamedTuple):
    """What a rule found on pages it was not written for, and how much of it a person found right.

    The pages: some 4,800 of fastapi and PowerShell-Docs, measured with bench/precision.py.
    """

    found: int
    read: int  # by hand: all of them, or a random sample
    right: int
    note: str = ""

    def __str__(self) -> str:
        """Return it as a sentence."""
        said = f"On 4,800 pages of two real projects: {self.found} found"
        if self.read:
            all_of_them = "all" if self.read == self.found else f"a sample of {self.read}"
            said += f"; {all_of_them} read by hand, {self.right} right"
        return f"{said}. {self.note}".rstrip()


class Unseen(NamedTuple):
    """Why a rule had nothing to judge on those pages: what they lack. It has its examples only."""

    why: str

    def __str__(self) -> str:
        """Return it as a sentence."""
        return f"Not measured on real projects: {self.why}."


Check = Callable[[Page, KnowledgeBase, Options], Iterator[Finding]]
Example = Mapping[str, str]


class Rule(NamedTuple):
    """A convention. Its module's docstring says why; its examples are its tests and its page.

    An example is a small tree {path: text}. In a bad example ⟦ ⟧ mark exactly what is reported
    (an empty pair marks a zero-width span); a good example yields no finding of this rule. A path
    `HEAD:p` is a page of the last commit, `main:p` one of the base branch, `fork:p` one of the
    commit where this work left it.
    """

    id: str
    name: str
    summary: str
    check: Check
    good: tuple[Example, ...]
    bad: tuple[Example, ...]
    severity: Severity = "error"
    fixable: bool = False
    presets: tuple[str, ...] = ("lab",)
    outside: bool = False  # also asked about the pages beside the base
    default: bool = True  # False: only where it is selected
    sees: Sight = "all"  # what its page must show for it to find anything
    options: Options | None = None  # option name → default
    seen: Seen | Unseen | None = None  # None: nobody looked
