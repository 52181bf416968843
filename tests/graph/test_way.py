"""The way from a folder to a path is relpath's."""

from posixpath import relpath

from hypothesis import given
from hypothesis import strategies as st

from kbtool.graph.way import way

PATHS = st.lists(st.sampled_from(["a", "b", "ab", "..."]), max_size=4).map("/".join)


@given(PATHS, PATHS)
def test_the_way_is_relpaths(here, there):
    assert way(here, there) == relpath(f"/{there}", f"/{here}")
