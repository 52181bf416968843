"""A baseline: findings a project knows of, which may only become fewer. Its file is JSON.

An entry is a fingerprint: the rule, the page, and a digest of the line the finding stands on (white
space collapsed) with what it speaks of. So it survives lines that move and not an edit of its own
line: who touches the line mends it. The digest, not the line, is written down: a line may hold what
must not be copied.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from kbtool.errors import UsageError
from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding

VERSION: Final = 1
_DIGITS: Final = 16


class Entry(NamedTuple):
    """One known finding; the same one twice stands there twice."""

    path: str
    rule: str
    text: str  # digest of its line and its subject


class Compared(NamedTuple):
    """Findings held against a baseline."""

    new: tuple[Finding, ...]
    known: int
    gone: tuple[Entry, ...]  # entries that were looked for and are not found any more


def entries(kb: KnowledgeBase, findings: Sequence[Finding]) -> tuple[Entry, ...]:
    """Return the fingerprint of each finding."""
    return tuple(Entry(f.path, f.rule, _text(kb, f)) for f in findings)


def _text(kb: KnowledgeBase, finding: Finding) -> str:
    from hashlib import sha256

    page = kb.pages.get(finding.path)
    line = ""
    if page is not None:
        start = page.text.rfind("\n", 0, finding.span.start) + 1
        end = page.text.find("\n", start)
        line = " ".join(page.text[start : end if end >= 0 else None].split())
    return sha256(f"{line}\0{finding.about}".encode()).hexdigest()[:_DIGITS]


def compare(
    known: Counter[Entry],
    kb: KnowledgeBase,
    findings: Sequence[Finding],
    looked_for: Callable[[Entry], bool],
) -> Compared:
    """Return what is new, how many are known, and which entries are gone.

    An entry that was not looked for (another page, a rule that was not checked) is not gone.
    """
    left = known.copy()
    new: list[Finding] = []
    for finding, entry in zip(findings, entries(kb, findings), strict=True):
        if left[entry] > 0:
            left[entry] -= 1
        else:
            new.append(finding)
    gone = tuple(entry for entry in sorted(left.elements()) if looked_for(entry))
    return Compared(tuple(new), len(findings) - len(new), gone)


# ---------------------------------------------------------------------- the file
def written(known: Iterable[Entry]) -> str:
    """Return the file: sorted, one entry a line, so that branches merge."""
    import json

    lines = [
        json.dumps({"path": e.path, "rule": e.rule, "text": e.text}, ensure_ascii=False)
        for e in sorted(known)
    ]
    body = "".join(f"\n{line}," for line in lines).removesuffix(",")
    return f'{{"version": {VERSION}, "findings": [{body}\n]}}\n'


def read(text: str, name: str) -> Counter[Entry]:
    """Return the entries of a baseline file.

    Raises:
        UsageError: it is none.
    """
    import json

    try:
        return Counter(_entries(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{name} is no baseline of kbtool: {error}", "--update-baseline writes one anew"
        ) from error


def _entries(data: Any) -> Iterator[Entry]:
    if data["version"] != VERSION:
        raise ValueError(f"its version is {data['version']!r}, not {VERSION}")
    for each in data["findings"]:
        entry = Entry(each["path"], each["rule"], each["text"])
        if not all(isinstance(part, str) for part in entry):
            raise TypeError(f"{each!r} is no entry")
        yield entry
