"""An agent does what AGENTS.md says: a path or a command that does not exist costs it a wrong turn.

Looked at are code spans, and the commands in shell fences; links are KB101's. A path is one word
with a `/` that begins with a folder of the repository (or of the base), or that ends in `/` or a
file extension. No path is: an address, an absolute or home path, one that leaves the repository,
one in a hidden or built folder, a pattern (`tests/**`), a placeholder (`vibe/runbooks/X.md`,
`NNNN-slug.md`, `<name>`). A command is `kbtool WORD` where a command stands; its WORD, and a group's
own command, must exist.
"""

import re
from collections.abc import Iterator
from posixpath import basename, join, normpath

from kbtool.commands import COMMANDS
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.conventions import UNREAD_FOLDERS
from kbtool.lint.agents import AGENTS, within
from kbtool.lint.generated import generated
from kbtool.lint.links import nearest_file
from kbtool.lint.rule import Finding, Options, Rule, Unseen
from kbtool.markdown.page import Page
from kbtool.text import Span

_SHELLS = frozenset({"", "sh", "bash", "shell", "console"})
_CALL = re.compile(
    r"(?:^[ \t]*(?:[$>][ \t]+)?|[;&|(][ \t]*|-m[ \t]+|\b(?:run|exec|sudo|time)[ \t]+)"
    r"(?:\w+=\S*[ \t]+)*(?:\S*/)?kbtool[ \t]+"
    r"(?P<name>[a-z][a-z0-9|-]*)(?!\S)(?:[ \t]+(?P<part>[a-z][a-z0-9|-]*)(?!\S))?(?P<rest>[^\n]*)",
    re.MULTILINE,
)
_WORD = re.compile(r"\S+")
_NAME = re.compile(r"[^|]+")
_PLACE = re.compile(r"(?:::\S*|:\d+(?:[-:]\d+)?|#\S*)\Z")  # a test's id, a line, an anchor
_PATH = re.compile(r"[\w.+-]+(?:/[\w.+-]+)*/?")
_FILE = re.compile(r"\.[a-z][a-z0-9]{0,5}\Z")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_-]*")
_NUMBERED = re.compile(r"NNN|YYYY")


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find paths and commands that do not exist."""
    if page.path != AGENTS:
        return
    for text, start, alone in _pieces(page):
        if alone and _WORD.fullmatch(text):
            yield from _path(page, kb, text, start)
        for call in _CALL.finditer(text):
            yield from _command(page, call, start)
            at = start + call.start("rest")
            for word in _WORD.finditer(call["rest"]):
                if _first(word[0]) in _tops(kb):
                    yield from _path(page, kb, word[0], at + word.start())


def _pieces(page: Page) -> Iterator[tuple[str, int, bool]]:
    """Yield (text, its offset, whether it is a code span) of what is looked at."""
    apart = [link.span for link in page.links] + [span for _, span in generated(page)]
    for code in page.codes:
        if not any(within(code.span, span) for span in apart):
            written = page.text[slice(*code.span)]
            ticks = len(written) - len(written.lstrip("`"))
            text = written[ticks : len(written) - ticks].replace("\n", " ")
            yield text, code.span.start + ticks, True
    for fence in page.fences:
        if fence.language in _SHELLS and not any(within(fence.span, span) for span in apart):
            yield page.text[slice(*fence.body)], fence.body.start, False


# ---------------------------------------------------------------------- commands
def _command(page: Page, call: re.Match[str], start: int) -> Iterator[Finding]:
    names = list(_NAME.finditer(call["name"]))
    for name in names:
        if name[0] not in COMMANDS:
            place = start + call.start("name") + name.start()
            yield _unknown(page, f"kbtool {name[0]}", name[0], place, list(COMMANDS))
    parts = COMMANDS[names[0][0]].parts if names and names[0][0] in COMMANDS else ()
    for part in _NAME.finditer(call["part"] or "") if parts else ():
        if part[0] not in parts:
            place = start + call.start("part") + part.start()
            yield _unknown(page, f"kbtool {names[0][0]} {part[0]}", part[0], place, list(parts))


def _unknown(page: Page, what: str, word: str, at: int, known: list[str]) -> Finding:
    from difflib import get_close_matches

    near = get_close_matches(word, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(known)}"
    return Finding(page.path, Span(at, at + len(word)), f"there is no command {what!r}", hint)


# ---------------------------------------------------------------------- paths
def _path(page: Page, kb: KnowledgeBase, word: str, at: int) -> Iterator[Finding]:
    path = _PLACE.sub("", word)
    if not _named(kb, path):
        return
    inside = normpath(path)
    if not inside.startswith("..") and not _exists(kb, inside) and not _placeholder(kb, inside):
        message = f"there is no {path} in the repository"
        hint = nearest_file(page, kb, inside)
        yield Finding(page.path, Span(at, at + len(path)), message, hint)


def _named(kb: KnowledgeBase, path: str) -> bool:
    """Return whether the word names a path of the repository."""
    if "/" not in path or not _PATH.fullmatch(path):
        return False
    first = _first(path)
    if first in _tops(kb):
        return True
    host = "." in first.strip(".") or first in UNREAD_FOLDERS or first.startswith(".")
    return not host and bool(path.endswith("/") or _FILE.search(path))


def _first(path: str) -> str:
    return path.removeprefix("./").partition("/")[0]


def _tops(kb: KnowledgeBase) -> frozenset[str]:
    """Return the names a path may begin with: those of the root, and of the base."""
    found = kb.memo.get(("KB602", AGENTS))
    if not isinstance(found, frozenset):
        paths = kb.files | kb.folders
        below = (path.removeprefix(f"{kb.base}/") for path in paths if kb.base and kb.within(path))
        names = (_first(path) for path in (*paths, *below))
        found = kb.memo["KB602", AGENTS] = frozenset(names)
    return found


def _exists(kb: KnowledgeBase, path: str) -> bool:
    places = (path, join(kb.base, path))
    return any(place in kb.files or place in kb.folders for place in places)


def _placeholder(kb: KnowledgeBase, path: str) -> bool:
    """Return whether a part stands for a name: in capitals, and no file or folder is called so."""
    for part in path.split("/"):
        if _NUMBERED.search(part):
            return True
        if _CAPITALS.fullmatch(part.partition(".")[0]) and not any(
            basename(known) == part for known in kb.files | kb.folders
        ):
            return True
    return False


_TREE = {"vibe/README.md": "# vibe\n", "vibe/runbooks/r.md": "# R\n", "tools/setup": "true\n"}


def _page(text: str) -> dict[str, str]:
    return {**_TREE, "AGENTS.md": f"# Agents\n\n{text}\n"}


RULE = Rule(
    id="KB602",
    name="agents-references",
    summary="Paths and kbtool commands that AGENTS.md names exist.",
    check=check,
    good=(
        _page("See `vibe/runbooks/r.md`, `./tools/setup`, `vibe/`, `runbooks/r.md:12`."),
        _page(
            "`vibe/**/*.md`, `vibe/runbooks/X.md`, `runbooks/NNNN-slug.md`, `vibe/<name>/`, `~/x/`."
        ),
        _page(
            "`https://x.org/a.md`, `x.org/a.md`, `/etc/hosts`, `deploy/erp`, `.venv/bin/`, `build/x/`."
        ),
        _page(
            "`kbtool lint --fix`, `python -m kbtool runs show`, `kbtool agents check|sync`, `ls kbtool x`."
        ),
        _page("```sh\n# kbtool does it\npip install kbtool && kbtool plan vibe/runbooks/r.md\n```"),
        {**_page(""), "docs.md": "# Docs\n\n`vibe/gone.md`, `kbtool gone`\n"},
    ),
    bad=(
        _page("See `⟦vibe/gone.md⟧` and `⟦vibe/runbook/⟧`."),
        _page("See `⟦scripts/gone.sh⟧` and `⟦runbooks/README.md⟧`."),
        _page("Run `kbtool ⟦lnt⟧ --fix`, or `kbtool runs ⟦lst⟧`, or `kbtool agents check|⟦sink⟧`."),
        _page("```sh\nkbtool plan ⟦vibe/runbooks/gone.md⟧\n```"),
        _page("```sh\ncd x && kbtool ⟦frobnicate⟧\n```"),
    ),
    outside=True,
    seen=Unseen("no project there has an AGENTS.md"),
)
