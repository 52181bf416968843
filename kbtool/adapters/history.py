"""The changes of each page, from one reading of the whole history.

A page's past is walked from content to content, not from commit to commit: what made the content
HEAD has, what made the content before that, and so on. So a change that a merge threw away is no
change, a merge that only brings two changes together is none of its own, a rename goes on under
the old name, and no order of commits or clocks has to be trusted. A first commit brings what was
there before: when that was written is not known. ADR-0008 has the figures.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Final, NamedTuple

from kbtool.adapters.checkout import Checkout, Entry, decoded
from kbtool.adapters.git import answer
from kbtool.graph.facts import Revision

_LOG: Final = (
    "log",
    "--raw",
    "--no-abbrev",
    "-z",
    "-M",
    "-c",  # of a merge: the files that differ from all its parents
    "--combined-all-paths",
    "--no-relative",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-notes",
    "--date=short",  # in the author's own time zone
    "--format=%x01%H %ad %P",
    "HEAD",
    "--",
    ":(top)*.md",
)
_ALIKE: Final = 0.5  # of the lines of a moved page, at least; git's own measure for a rename


class Node(NamedTuple):
    """A file's content under a name."""

    path: str
    blob: str


class Change(NamedTuple):
    """What made a content of those before it (none: the file was new)."""

    day: date
    commit: str
    before: tuple[Node, ...]
    dated: bool  # its day says when the text was written: no merge, no first commit, no odd date


class History:
    """The past of a checkout's pages."""

    def __init__(self, checkout: Checkout, today: date) -> None:
        """Take today where it begins first; what is dated later has no believable date."""
        self._checkout = checkout
        self._today = today

    def revisions(self, path: str, text: str, after: date) -> Iterator[Revision]:
        """Yield the changes of a page that were made after a day, newest first.

        What differs between HEAD and `text` was changed today. A page git ignores, keeps in
        another form, or holds in another repository has no past here; nor has a project of which
        nothing was ever committed, in a folder of somebody else's repository.

        Raises:
            GitError: git cannot tell.
        """
        here = self._checkout
        if here.head is None:
            return
        changes = self._changes  # what cannot be read is found out before anything is said
        files = here.files(here.head)
        if path not in files:
            if not files or path not in here.present:
                return
            old = self._moved_from(text)
            if old is None:
                yield from _today(None, text, after)
                return
            path = old
        known = here.blobs.text(files[path].blob) if files[path].regular else None
        if known is None or (known != text and path in here.converted):
            return
        if known != text:
            yield from _today(known, text, after)
        past = _past(changes, Node(here.prefix + path, files[path].blob))
        yield from self._committed([each for each in past if after < each[1].day <= self._today])

    def _committed(self, changes: Sequence[tuple[Node, Change]]) -> Iterator[Revision]:
        for made, change in sorted(changes, key=lambda each: each[1].day, reverse=True):
            now = self._text(made)
            old = self._text(change.before[0]) if change.before else None
            if now is not None and (old is not None or not change.before):
                yield Revision(change.day, old, now, change.commit)

    def _text(self, node: Node) -> str | None:
        return self._checkout.blobs.text(node.blob)

    @cached_property
    def _changes(self) -> Mapping[Node, Sequence[Change]]:
        return read_log(answer(self._checkout.root, *_LOG))

    # ------------------------------------------------------------------ moved and not yet committed
    def _moved_from(self, text: str) -> str | None:
        """Return the file of HEAD, gone from the disk, whose text is most like this one."""
        lines = Counter(text.splitlines())
        alike = [(_likeness(lines, old), path) for path, old in self._gone.items()]
        best, path = max(alike, default=(0.0, ""))
        return path if best >= _ALIKE else None

    @cached_property
    def _gone(self) -> Mapping[str, Counter[str]]:
        here = self._checkout
        found = {}
        for path, entry in here.files(here.head or "").items():
            text = self._text_of_gone(path, entry)
            if text is not None:
                found[path] = Counter(text.splitlines())
        return found

    def _text_of_gone(self, path: str, entry: Entry) -> str | None:
        if not path.endswith(".md") or not entry.regular:
            return None
        if os.path.lexists(os.path.join(self._checkout.root, path)):
            return None
        return self._checkout.blobs.text(entry.blob)


def _past(changes: Mapping[Node, Sequence[Change]], node: Node) -> Iterator[tuple[Node, Change]]:
    """Yield each content on the way to `node`, with what made it, where that has a day."""
    seen, waiting = {node}, [node]
    while waiting:
        made = waiting.pop()
        for change in changes.get(made, ()):
            if change.dated:
                yield made, change
            fresh = set(change.before) - seen
            seen |= fresh
            waiting += fresh


def _today(before: str | None, text: str, after: date) -> Iterator[Revision]:
    # The local day: it is the author's, and the one the commit will have.
    today = datetime.now().astimezone().date()
    if after < today:
        yield Revision(today, before, text)


def _likeness(lines: Counter[str], others: Counter[str]) -> float:
    return (lines & others).total() / max(lines.total(), others.total(), 1)


def read_log(raw: bytes) -> dict[Node, list[Change]]:
    """Return what each content was made of, by the output of `git log` (format: git-diff, RAW)."""
    found: dict[Node, list[Change]] = {}
    parts = iter(raw.split(b"\0"))
    commit, day, first = "", None, False
    for part in parts:
        part = part.lstrip(b"\n")  # noqa: PLW2901
        if part.startswith(b"\x01"):
            commit, when, parents = decoded(part[1:]).split(" ", 2)
            day, first = _day(when), not parents
        elif part.startswith(b":"):
            made, before = _read_change(part, parts)
            if made is not None:
                dated = day is not None and not first and not part.startswith(b"::")
                change = Change(day or date.min, commit, before, dated=dated)
                found.setdefault(made, []).append(change)
    return found


def _read_change(head: bytes, parts: Iterator[bytes]) -> tuple[Node | None, tuple[Node, ...]]:
    """Return the content a change made (None: it removed the file) and those it was made of."""
    parents = len(head) - len(head.lstrip(b":"))
    fields = head[parents:].split(b" ")
    blobs = fields[parents + 1 : 2 * parents + 2]
    names = parents + 1 if parents > 1 or fields[-1][:1] in b"RC" else 1
    paths = [decoded(next(parts)) for _ in range(names)]
    before = tuple(
        Node(path, decoded(blob))
        for path, blob in zip(paths[:parents], blobs, strict=False)
        if not _is_none(blob)
    )
    made = None if _is_none(blobs[-1]) else Node(paths[-1], decoded(blobs[-1]))
    return made, before


def _is_none(blob: bytes) -> bool:
    return not blob.strip(b"0")


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
