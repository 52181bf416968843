"""Whether a run says the same of pages that changed: where a look at them sees nothing new.

A page changed in words only if its survey is the one it had, or has fewer links, if its sketch is
the one it had, where it had one, and if nothing was found on it: then no rule that a survey
suffices for finds anything there, nor anywhere else. Where something was found, its links are the
same ones too, and it changed only behind all that was found.
Imported by what must start fast: so it needs only what those need.
"""

import os
from collections.abc import Collection, Mapping

from kbtool.adapters.kept import NOTHING, Kept, Recalled, digest, read
from kbtool.markdown.sketch import Sketch, sketch
from kbtool.markdown.survey import Survey, survey
from kbtool.source import read as read_source
from kbtool.stamp import Stamp, stamp

_SETTINGS = ("kbtool.toml", "pyproject.toml")


def amended(
    recalled: Recalled,
    stamps: Mapping[str, Stamp | None],
    since: Mapping[str, Stamp | None],
    folders: Collection[str],
    beside: Collection[str],
    changed: Collection[str],
) -> dict[str, Stamp] | None:
    """Return the stamps of what changed, if all of it is told as before; None if it may not be.

    `stamps` has all that the run rests on, as it was; `since` those under which pages that were
    amended are kept. `folders` are those it looked into, `beside` others, and symbolic links.
    """
    kept = None
    now: dict[str, Stamp] = {}
    for path in changed:
        new = stamp(path)
        if new is None or stamps[path] is None or os.path.islink(path):
            return None
        if path in folders:
            same = os.path.isdir(path) and _listed(path) == _known(path, stamps, beside)
        elif path in beside:
            same = os.path.isdir(path)
        else:
            kept = kept or read(recalled.name)
            if kept is None or kept.made != recalled.made:
                return None
            was = since.get(path, stamps[path])
            same = _is_unread(path, recalled, kept) or _is_alike(path, was, recalled, kept)
        if not same or stamp(path) != new:
            return None
        now[path] = new
    return now


def _is_unread(path: str, recalled: Recalled, kept: Kept) -> bool:
    """Return whether it is a file of which only the name counts: no page, and nobody read it."""
    name = path[len(recalled.root) + 1 :]
    return (
        name in kept.files
        and not name.endswith(".md")
        and os.path.basename(name) not in _SETTINGS
        and path not in kept.read
        and os.path.isfile(path)
    )


def _is_alike(path: str, was: Stamp | None, recalled: Recalled, kept: Kept) -> bool:
    """Return whether nothing can be found on a page or because of it, as on what it was."""
    page = path[len(recalled.root) + 1 :]
    quiet = kept.judged.get(page, NOTHING) == NOTHING and recalled.sees.isdisjoint(
        kept.shown.get(page, ())
    )
    if kept.stamps.get(page) != was or not (quiet or page in kept.settled):
        return False
    try:
        text = read_source(path).text
    except (OSError, ValueError):
        return False
    old = Survey.unpacked(kept.surveys[page])
    new = survey(text, old.kind)
    if not (new.clear and old.clear and new.matter == old.matter):
        return False
    if not (recalled.sees.isdisjoint(new.shows) and _is_same(page, text, kept)):
        return False
    if quiet:
        return all({*now} <= {*then} for now, then in zip(_links(new), _links(old), strict=True))
    # The links are all the same, and those something was found on have not moved.
    end, beginning = kept.settled[page]
    same = _links(new) == _links(old) and not new.refs  # a reference reaches over empty lines
    return same and "]:" not in text[end:] and digest(text[:end]) == beginning


def _is_same(page: str, text: str, kept: Kept) -> bool:
    """Return whether anchors are made of the same, where anything was asked about them."""
    known = kept.sketches.get(page)
    if known is None:
        return True
    old = Sketch.unpacked(known)
    return sketch(text, old.kind).is_still(old)


def _links(seen: Survey) -> tuple[tuple[str, ...], ...]:
    return seen.links, seen.raw, seen.refs


def _listed(folder: str) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.path for entry in entries}


def _known(folder: str, stamps: Mapping[str, Stamp | None], beside: Collection[str]) -> set[str]:
    there = {path for path, known in stamps.items() if known}
    return {path for path in there.union(beside) if os.path.dirname(path) == folder}
