"""Hubs, ancestors, children, reachability, kinds."""

import pytest

from kbtool.graph.base import Kind, KnowledgeBase
from kbtool.markdown.parse import parse_page


def kb(texts):
    pages = {path: parse_page(path, text) for path, text in texts.items()}
    return KnowledgeBase(pages)


BASE = kb(
    {
        "AGENTS.md": "# A\n",
        "vibe/README.md": "[g](guidebooks/README.md) [i](investigations/README.md)\n",
        "vibe/top.md": "# T\n",
        "vibe/guidebooks/README.md": "[lab](lab/README.md)\n",
        "vibe/guidebooks/_template.md": "# T\n",
        "vibe/guidebooks/lab/README.md": "[p](page.md)\n",
        "vibe/guidebooks/lab/page.md": "[deep](deep/x.md)\n",
        "vibe/guidebooks/lab/deep/x.md": "# X\n",
        "vibe/investigations/README.md": "[1](INV-001-why.md)\n",
        "vibe/investigations/INV-001-why.md": "[n](INV-001-why/notes.md)\n",
        "vibe/investigations/INV-001-why/notes.md": "# N\n",
        "vibe/PRD/README.md": "# P\n",
        "vibe/PRD/safe/README.md": "# S\n",
        "vibe/PRD/safe/STATUS.md": "# S\n",
    }
)


@pytest.mark.parametrize(
    ("path", "ancestors"),
    [
        ("vibe/README.md", ()),
        ("vibe/top.md", ("vibe/README.md",)),
        ("vibe/guidebooks/README.md", ("vibe/README.md",)),
        ("vibe/guidebooks/lab/page.md", ("vibe/README.md", "vibe/guidebooks/README.md", "vibe/guidebooks/lab/README.md")),
        ("vibe/guidebooks/lab/deep/x.md", ("vibe/README.md", "vibe/guidebooks/README.md", "vibe/guidebooks/lab/README.md")),
        ("vibe/investigations/INV-001-why.md", ("vibe/README.md", "vibe/investigations/README.md")),
        ("vibe/investigations/INV-001-why/notes.md", ("vibe/README.md", "vibe/investigations/README.md", "vibe/investigations/INV-001-why.md")),
    ],
)  # fmt: skip
def test_ancestors(path, ancestors):
    assert BASE.ancestors(path) == ancestors


@pytest.mark.parametrize(
    ("hub", "children"),
    [
        ("vibe/README.md", ("vibe/PRD/README.md", "vibe/guidebooks/README.md", "vibe/investigations/README.md", "vibe/top.md")),
        ("vibe/guidebooks/README.md", ("vibe/guidebooks/lab/README.md",)),
        ("vibe/guidebooks/lab/README.md", ("vibe/guidebooks/lab/page.md",)),
        ("vibe/investigations/README.md", ("vibe/investigations/INV-001-why.md",)),
        ("vibe/investigations/INV-001-why.md", ("vibe/investigations/INV-001-why/notes.md",)),
        ("vibe/PRD/safe/README.md", ("vibe/PRD/safe/STATUS.md",)),
    ],
)  # fmt: skip
def test_children(hub, children):
    assert BASE.children(hub) == children


def test_reachable_through_hubs_only():
    lost = {
        "vibe/top.md",
        "vibe/guidebooks/lab/deep/x.md",
        "vibe/PRD/README.md",
        "vibe/PRD/safe/README.md",
        "vibe/PRD/safe/STATUS.md",
        "vibe/guidebooks/_template.md",
        "AGENTS.md",
    }
    assert set(BASE.pages) - BASE.reachable == lost


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("AGENTS.md", Kind.OUTSIDE),
        ("vibe/README.md", Kind.HUB),
        ("vibe/top.md", Kind.PAGE),
        ("vibe/ADR/0001-x.md", Kind.ADR),
        ("vibe/PRD/safe/README.md", Kind.PRD),
        ("vibe/PRD/safe/STATUS.md", Kind.STATUS),
        ("vibe/investigations/INV-001-why.md", Kind.INVESTIGATION),
        ("vibe/guidebooks/lab/page.md", Kind.GUIDEBOOK),
        ("vibe/runbooks/r.md", Kind.RUNBOOK),
        ("vibe/shareouts/2026-11-24-x.md", Kind.SHAREOUT),
        ("vibe/runbooks/_template.md", Kind.TEMPLATE),
        ("vibe/_drafts/x.md", Kind.TEMPLATE),
    ],
)
def test_kinds(path, kind):
    assert BASE.kind_of(path) is kind


def test_backlinks_name_page_and_link():
    ((path, link),) = BASE.backlinks("vibe/guidebooks/lab/page.md")
    assert (path, link.target) == ("vibe/guidebooks/lab/README.md", "page.md")
