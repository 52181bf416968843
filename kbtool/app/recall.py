"""What an earlier lint saw of each page, so that only pages that changed are looked at again.

Kept of each page: its stamp, its survey, and what was found there; of pages whose anchors anything
was asked about, their sketches. They hold as long as the page's file is the same. The findings of a
page rest on itself, on the names of all files, and on what anchors and addresses are made of: they
hold when the names are the same, and every page that changed and was asked about has the headings
and ids it had. Else all links are looked at anew, in the surveys.
"""

import marshal
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from kbtool.adapters.kept import NOTHING, Kept, Recalled, digest, name_of, read, write
from kbtool.adapters.replay import own_files
from kbtool.graph.base import KnowledgeBase
from kbtool.graph.fine import Links
from kbtool.lint.engine import Judged
from kbtool.lint.rule import Finding, Rule
from kbtool.markdown.marked import Doubts
from kbtool.markdown.sketch import Sketch
from kbtool.markdown.survey import Survey, survey
from kbtool.markdown.unread import Known, Unread
from kbtool.markdown.unread import anchors as anchors_of
from kbtool.stamp import Stamp, stamp, young
from kbtool.text import Edit, Span
from kbtool.workspace import Workspace


class Recall:
    """The memory of one project, for one choice of rules that surveys suffice for."""

    _kb: KnowledgeBase  # from `load` on

    def __init__(
        self, workspace: Workspace, rules: Sequence[Rule], libraries: Sequence[str] | None
    ) -> None:
        """Read what is kept; without libraries to hold it against, there is nothing."""
        self._began = time.time_ns()
        self._workspace = workspace
        self._kept: Kept | None = None
        self._surveys: dict[str, bytes] = {}
        self._sketches: dict[str, bytes] = {}
        self._doubts: dict[str, Doubts] = {}
        self._anew: Collection[str] = ()  # pages whose findings are not those that are kept
        self._root = str(workspace.root.path)
        self._sees = frozenset(str(rule.sees) for rule in rules)
        if libraries is None:
            return
        ours = sorted((path, stamp(path)) for path in (*own_files(), *libraries))
        self._key = (self._root, repr(workspace.root), [rule.id for rule in rules], ours)
        self._name = name_of(self._root, self._key[2])
        kept = read(self._name)
        if kept and kept.key == self._key:
            self._kept = kept

    def load(self) -> tuple[KnowledgeBase, Mapping[str, Judged]]:
        """Return the base, and what is known to be found on its pages."""
        workspace = self._workspace
        kb = self._kb = workspace.survey(self._known)
        kept, fresh = self._kept, workspace.surveys
        same = [path for path in workspace.pages if path not in fresh and path not in kb.unreadable]
        if kept:
            self._surveys = {path: kept.surveys[path] for path in same}
            self._sketches = {p: kept.sketches[p] for p in same if p in kept.sketches}
        self._surveys |= fresh
        calm = kept is not None and self._calm(kept, fresh)
        self._anew = fresh if calm else workspace.pages
        known = Known(workspace.text_again, self._seen, self._sketched, self._doubts.get)
        pages = filter(self._surveys.__contains__, workspace.pages)
        kb.pages = {path: Unread(path, known, kb.tree.marks(path)) for path in pages}
        if calm and kept:
            others = {path: shows for path, shows in kept.shown.items() if path not in fresh}
            kb.shown = others | self._shown(fresh)
            return kb, {p: _unpacked(j) for p, j in kept.judged.items() if p not in fresh}
        kb.shown = self._shown(self._surveys)
        return kb, {}

    def _known(self, kb: KnowledgeBase) -> Mapping[str, Stamp]:
        """Return the stamps of pages whose surveys are kept: of the same sites."""
        if self._kept and self._kept.sites != _sites(kb):
            self._kept = None
        return self._kept.stamps if self._kept else {}

    def _seen(self, path: str) -> Survey:
        return Survey.unpacked(self._surveys[path])

    def _sketched(self, path: str) -> Sketch:
        """Return a page's sketch; from now on, others' links rest on it."""
        self._sketch([path])
        return Sketch.unpacked(self._sketches[path])

    def _links(self) -> Links:
        return Links(self._surveys, self._kb.tree, self._anchors)

    def _anchors(self, path: str) -> AbstractSet[str]:
        # A page would keep its own: all of them would be in memory at once.
        seen = self._sketched(path)
        return self._kb.pages[path].anchors if seen.headings is None else anchors_of(seen)

    def _sketch(self, paths: Iterable[str]) -> None:
        missing = sorted(path for path in paths if path not in self._sketches)
        if missing:
            self._sketches |= self._workspace.sketches(missing, self._kb.tree)

    def _calm(self, kept: Kept, fresh: Mapping[str, bytes]) -> bool:
        """Return whether nothing changed that links of other pages rest on."""
        asked = fresh.keys() & kept.sketches.keys()
        self._sketch(asked)
        return (
            kept.files == self._kb.files
            and kept.unreadable == self._kb.unreadable
            and kept.surveys.keys() >= fresh.keys()
            and all(
                Survey.unpacked(kept.surveys[path]).matter == Survey.unpacked(now).matter
                for path, now in fresh.items()
            )
            and all(
                self._sketched(path).is_still(Sketch.unpacked(kept.sketches[path]))
                for path in asked
            )
        )

    def _shown(self, which: Collection[str]) -> dict[str, frozenset[str]]:
        """Return what each page may show; of all anchors that links name, sketches are made."""
        links = self._links()
        for path in which:
            links.ask(path, self._seen(path))
        self._sketch(links.asked)
        links.answer()
        found = {}
        for path in which:
            seen = self._seen(path)
            doubts = links.doubts(path, seen)
            if seen.clear and any(doubts):
                self._doubts[path] = doubts
            shows = seen.shows if seen.clear and not any(doubts) else seen.shows | {"links"}
            if shows:
                found[path] = shows
        return found

    def keep(self, judged: Mapping[str, Judged]) -> Recalled:
        """Keep what was seen and found, and return where."""
        workspace, kb = self._workspace, self._kb
        stamps = {
            path: seen for path, seen in workspace.stamps.items() if not young(seen, self._began)
        }
        kept = self._kept
        if kept is None or (stamps, kb.files, kb.unreadable) != (
            kept.stamps,
            kept.files,
            kept.unreadable,
        ):
            kept = Kept(
                self._key,
                self._began,
                kb.files,
                _sites(kb),
                dict(kb.unreadable),
                stamps,
                self._surveys,
                self._sketches,
                dict(kb.shown or {}),
                {path: _packed(each) for path, each in judged.items()},
                frozenset({*workspace.links, *workspace.links.values()}).union(
                    path for path, _ in self._key[3]
                ),
                self._settled(judged, kept.settled if kept else {}),
            )
            write(self._name, kept)
        return Recalled(self._name, kept.made, self._root, self._sees)

    def _settled(
        self, judged: Mapping[str, Judged], known: Mapping[str, tuple[int, str]]
    ) -> dict[str, tuple[int, str]]:
        """Return how far pages reach to the last finding, where only links are wrong on them.

        Nothing behind it may be in doubt, in code too: what is code may become a link.
        """
        anew = frozenset(self._anew)
        found = {path: each for path, each in known.items() if path not in anew}
        links = self._links()
        behind: dict[str, Survey] = {}
        for path in anew.intersection(judged):
            findings, suppressed = judged[path]
            seen = self._seen(path)
            if findings and not suppressed and self._sees.isdisjoint(seen.shows):
                text = self._kb.pages[path].text
                if end := _end(text, findings):
                    found[path] = end, digest(text[:end])
                    behind[path] = survey(f"\n{text[end:]}", seen.kind)
                    links.ask(path, behind[path])
        links.answer()
        for path, seen in behind.items():
            if not seen.clear or any(links.doubts(path, seen)):
                del found[path]
        return found


def _end(text: str, findings: Sequence[Finding]) -> int:
    """Return where the block ends behind the last finding, 0 where what follows may matter to it.

    No line behind an empty one changes what links stand before it, but for definitions of
    references and for the end of a tag.
    """
    places = [finding.span.end for finding in findings]
    places += (edit.span.end for finding in findings for edit in finding.fix)
    end = text.find("\n\n", max(places)) + 2
    open_tag = text.rfind("<", 0, end) > text.rfind(">", 0, end)
    return 0 if end < 2 or open_tag or "]:" in text[end:] else end


def _sites(kb: KnowledgeBase) -> Any:
    return _plain_value(kb.conventions.sites)


def _plain_value(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(map(_plain_value, value))
    return [_plain_value(each) for each in value] if isinstance(value, (list, tuple)) else value


def _packed(judged: Judged) -> bytes:
    if not judged.findings and not judged.suppressed:
        return NOTHING
    return marshal.dumps((tuple(_plain(each) for each in judged.findings), judged.suppressed))


def _plain(found: Finding) -> tuple[Any, ...]:
    fix = tuple((edit.path, tuple(edit.span), edit.new, edit.appends) for edit in found.fix)
    place = (found.path, tuple(found.span), found.message, found.help, fix, found.about)
    return (*place, found.severity, found.secret, found.rule, found.name)


def _unpacked(packed: bytes) -> Judged:
    if packed == NOTHING:
        return Judged((), 0)
    findings, suppressed = marshal.loads(packed)  # noqa: S302 - sealed
    return Judged(tuple(map(_finding, findings)), suppressed)


def _finding(plain: Any) -> Finding:
    path, span, message, help_, fix, *rest = plain
    edits = tuple(Edit(where, Span(*place), new, appends) for where, place, new, appends in fix)
    return Finding(path, Span(*span), message, help_, edits, *rest)
