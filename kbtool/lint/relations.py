"""Which pages owe each other a link back."""

from typing import Final

from kbtool.graph.base import Kind, KnowledgeBase

# A hub lists, a shareout is a dated hand-out, a template stands for pages: nobody answers them.
_APART: Final = frozenset({Kind.HUB, Kind.SHAREOUT, Kind.OUTSIDE, Kind.TEMPLATE})


def answered(kb: KnowledgeBase, path: str) -> bool:
    """Return whether links from this page ask for one back."""
    return kb.kind_of(path) not in _APART


def owed(kb: KnowledgeBase, source: str, target: str) -> bool:
    """Return whether `target` owes `source` a link back: no ancestor, and itself answered."""
    return (
        source != target
        and answered(kb, target)
        and target not in kb.ancestors(source)
        and source not in kb.ancestors(target)
    )


def pair(source: str, target: str) -> str:
    """Return what a finding about a missing link back speaks of."""
    return f"{source} and {target}"
