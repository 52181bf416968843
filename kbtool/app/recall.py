"""What an earlier lint saw of each page, so that only pages that changed are looked at again.

Kept of each page: its stamp, its survey, and what was found there. A survey holds as long as the
page's file is the same. The findings of a page rest on itself, on the names of all files, and on
which pages have which anchors: they hold when the names are the same, and every page that changed
has the anchors it had. Else all links are looked at anew, in the surveys.
"""

import marshal
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from kbtool import cache
from kbtool.adapters.replay import own_files
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.fine import Links
from kbtool.lint.engine import Judged
from kbtool.lint.rule import Finding, Rule
from kbtool.markdown.survey import Survey
from kbtool.stamp import Stamp, stamp, young
from kbtool.text import Edit, Span
from kbtool.workspace import Root, Workspace

_MOST: Final = 8  # projects


class _Kept(NamedTuple):
    """What is on disk."""

    key: Any
    files: frozenset[str]
    sited: bool  # whether sites publish pages: then links rest on more than names and anchors
    unreadable: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    surveys: Mapping[str, bytes]  # each marshalled on its own: most are never looked at
    shown: Mapping[str, frozenset[str]]
    judged: Mapping[str, Any]


class _Surveys(dict[str, Survey]):
    """Surveys by page, unpacked when they are asked for."""

    def __init__(self, packed: dict[str, bytes]) -> None:
        super().__init__()
        self.packed = packed

    def __missing__(self, path: str) -> Survey:
        found = self[path] = Survey(*marshal.loads(self.packed[path]))  # noqa: S302 - sealed
        return found

    def __contains__(self, path: object) -> bool:
        return path in self.packed

    def __iter__(self) -> Iterator[str]:
        return iter(self.packed)

    def put(self, path: str, seen: Survey) -> None:
        """Take a survey that is new."""
        self[path] = seen
        self.packed[path] = marshal.dumps(tuple(seen))


class Recall:
    """The memory of one project, for one choice of rules that surveys suffice for."""

    def __init__(self, root: Root, rules: Sequence[Rule], libraries: Sequence[str] | None) -> None:
        """Read what is kept; without libraries to hold it against, there is nothing."""
        self._began = time.time_ns()
        self._kept: _Kept | None = None
        self._surveys = _Surveys({})
        if libraries is None:
            return
        ours = sorted((path, stamp(path)) for path in (*own_files(), *libraries))
        self._key = (str(root.path), repr(root), [rule.id for rule in rules], ours)
        named = repr((str(root.path), self._key[2])).encode("utf-8", "replace")
        self._name = f"pages/{zlib.crc32(named):08x}"
        kept = cache.read(self._name)
        fits = isinstance(kept, tuple) and len(kept) == len(_Kept._fields)
        if isinstance(kept, tuple) and fits and kept[0] == self._key:
            self._kept = _Kept(*kept)

    def load(self, workspace: Workspace) -> tuple[KnowledgeBase, Mapping[str, Judged]]:
        """Return the base, and what is known to be found on its pages."""
        kept = self._kept
        stamps = kept.stamps if kept else {}
        kb = workspace.survey(lambda path, now: stamps.get(path) == now)
        fresh = workspace.surveys
        same = [path for path in workspace.pages if path not in fresh and path not in kb.unreadable]
        old = _Surveys(dict(kept.surveys) if kept else {})
        calm = kept is not None and self._calm(kept, kb, fresh, old)
        self._surveys = _Surveys({path: old.packed[path] for path in same})
        for path, seen in fresh.items():
            self._surveys.put(path, seen)
        workspace.fill(kb, self._surveys)
        if calm and kept:
            others = {path: shows for path, shows in kept.shown.items() if path not in fresh}
            kb.shown = others | self._shown(fresh, kb)
            return kb, {p: _unpacked(j) for p, j in kept.judged.items() if p not in fresh}
        kb.shown = self._shown(self._surveys, kb)
        return kb, {}

    def _calm(
        self,
        kept: _Kept,
        kb: KnowledgeBase,
        fresh: Mapping[str, Survey],
        old: _Surveys,
    ) -> bool:
        return (
            kept.files == kb.files
            and not kept.sited
            and not kb.conventions.sites
            and kept.unreadable == kb.unreadable
            and all(
                path in old and seen.headings is not None and seen.told() == old[path].told()
                for path, seen in fresh.items()
            )
        )

    def _shown(self, which: Iterable[str], kb: KnowledgeBase) -> dict[str, frozenset[str]]:
        asked = Links(self._surveys, kb.tree, lambda path: kb.pages[path].anchors)
        found = {}
        for path in which:
            shows = self._surveys[path].shows
            if "links" not in shows and not asked.all_fine(path):
                shows |= {"links"}
            if shows:
                found[path] = shows
        return found

    def keep(self, workspace: Workspace, kb: KnowledgeBase, judged: Mapping[str, Judged]) -> None:
        """Keep what was seen and found."""
        stamps = {
            path: seen for path, seen in workspace.stamps.items() if not young(seen, self._began)
        }
        if self._kept and stamps == self._kept.stamps and kb.files == self._kept.files:
            return
        value = _Kept(
            self._key,
            kb.files,
            bool(kb.conventions.sites),
            dict(kb.unreadable),
            stamps,
            self._surveys.packed,
            dict(kb.shown or {}),
            {path: _packed(each) for path, each in judged.items()},
        )
        cache.write(self._name, tuple(value), _MOST)


def _packed(judged: Judged) -> tuple[Any, ...]:
    return tuple(_plain(finding) for finding in judged.findings), judged.suppressed


def _plain(found: Finding) -> tuple[Any, ...]:
    fix = tuple((edit.path, tuple(edit.span), edit.new, edit.appends) for edit in found.fix)
    place = (found.path, tuple(found.span), found.message, found.help, fix, found.about)
    return (*place, found.severity, found.secret, found.rule, found.name)


def _unpacked(packed: Any) -> Judged:
    findings, suppressed = packed
    return Judged(tuple(map(_finding, findings)), suppressed)


def _finding(plain: Any) -> Finding:
    path, span, message, help_, fix, *rest = plain
    edits = tuple(Edit(where, Span(*place), new, appends) for where, place, new, appends in fix)
    return Finding(path, Span(*span), message, help_, edits, *rest)
