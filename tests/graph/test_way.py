"""The way from a folder to a path is relpath's."""

from posixpath import dirname, join, normpath, relpath

from hypothesis import given
from hypothesis import strategies as st

from kbtool.graph.resolve import joined
from kbtool.graph.way import way

PATHS = st.lists(st.sampled_from(["a", "b", "ab", "..."]), max_size=4).map("/".join)


@given(PATHS, PATHS)
def test_the_way_is_relpaths(here, there):
    assert way(here, there) == relpath(f"/{there}", f"/{here}")


def asked(page, target):
    """Join as posixpath does: a leading `/` is the root."""
    base = target.lstrip("/") if target.startswith("/") else join(dirname(page), target)
    path = normpath(base) if base else "."
    outside = path == ".." or path.startswith("../")
    return None if outside else "" if path == "." else path


STEPS = st.lists(
    st.sampled_from(["a", "..", ".", "/", "../", "./", "b.md", "x/", " ", "...", "//", ".h"]),
    max_size=6,
)


@given(PATHS, STEPS.map("".join))
def test_a_target_is_joined_as_posixpath_joins(page, target):
    assert joined(page, target) == asked(page, target)
