"""The hint of a dead link: what a slip of the pen meant, and how much is looked at for it."""

import time

import pytest

from kbtool.lint.nearest import Names

FILES = [
    "README.md",
    "vibe/README.md",
    "vibe/guidebooks/README.md",
    "vibe/guidebooks/restore.md",
    "vibe/guidebooks/snapshots.md",
    "vibe/runbooks/storage-recovery.md",
    "vibe/runbooks/vault.md",
    "docs/images/overview.png",
]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("vibe/guidebooks/restroe.md", "vibe/guidebooks/restore.md"),  # letters swapped
        ("vibe/guidebooks/snapshot.md", "vibe/guidebooks/snapshots.md"),  # one is missing
        ("vibe/guidebooks/xrestore.md", "vibe/guidebooks/restore.md"),  # one too many, in front
        ("vibe/guidebooks/vault.md", "vibe/runbooks/vault.md"),  # in another folder
        ("vibe/guidebook/restore.md", "vibe/guidebooks/restore.md"),  # the folder misspelt
        ("vibe/runbooks/vault", "vibe/runbooks/vault.md"),  # no extension
        ("vibe/runbooks/Vault.html", "vibe/runbooks/vault.md"),  # as the site calls it
        ("storage-recovry.md", "vibe/runbooks/storage-recovery.md"),  # elsewhere, and misspelt
        ("vibe/overview.jpg", "docs/images/overview.png"),
        ("vibe/guidebooks/kubernetes.md", None),  # a neighbour that is not meant
        ("vibe/guidebooks/a.md", None),
    ],
)
def test_a_slip_of_the_pen_is_understood(written, meant):
    assert Names(FILES).near("vibe/README.md", written) == meant


def test_of_several_the_shortest_way_is_meant():
    assert Names(FILES).near("vibe/runbooks/vault.md", "x/README.md") == "vibe/README.md"


def test_it_does_not_depend_on_the_order_of_the_files():
    for path in ("vibe/restore.md", "x/README.md", "vibe/runbooks/vaults.md"):
        assert Names(FILES).near("a.md", path) == Names(FILES[::-1]).near("a.md", path)


def test_many_dead_links_among_many_files_cost_little():
    names = Names(f"area-{n % 100}/page-{n}.md" for n in range(20_000))
    began = time.process_time()
    for n in range(2_000):
        names.near("README.md", f"area-{n % 100}/side-{n}.md")
    assert time.process_time() - began < 10  # looking at every file takes minutes
