from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture
from mfsearch.spaces.table import TableSpace

SPACE = TableSpace("points", {"a": (0, 5, 1), "b": (10, 5, 2), "c": (5, 5, 3)})


def test_encoding_is_scaled_by_range() -> None:
    encoding = SPACE.encode(SPACE.enumerate())
    np.testing.assert_allclose(encoding, np.array([[0, 0, 0], [1, 0, 0.5], [0.5, 0, 1]]))
    assert SPACE.encode([]).shape == (0, 3)
    np.testing.assert_allclose(SPACE.encode([SPACE.parse("c"), SPACE.parse("a")]), encoding[[2, 0]])


def test_neighbours_are_the_nearest_rows() -> None:
    """Against scipy's tree."""
    figures = np.random.default_rng(0).random((40, 3))
    space = TableSpace("cloud", {f"row{i}": tuple(row) for i, row in enumerate(figures)})
    encodings = space.encode(space.enumerate())
    nearest = np.asarray(cKDTree(encodings).query(encodings, k=9)[1]).reshape(-1, 9)
    for i, architecture in enumerate(space.enumerate()):
        assert [n.key for n in space.neighbours(architecture)] == [f"row{j}" for j in nearest[i, 1:]]


def test_small_tables_have_fewer_neighbours_and_ties_keep_order() -> None:
    space = TableSpace("line", {"a": (1,), "b": (0,), "c": (2,), "d": (1,)})
    assert [n.key for n in space.neighbours(space.parse("a"))] == ["d", "b", "c"]


def test_sample_is_of_the_table() -> None:
    drawn = SPACE.sample(300, np.random.default_rng(0))
    assert {architecture.key for architecture in drawn} == {"a", "b", "c"}
    assert drawn == SPACE.sample(300, np.random.default_rng(0))


def test_unknown_keys_say_what_is_near() -> None:
    space = TableSpace("nets", {"densenet": (1,), "resnet32": (2,)})
    with pytest.raises(SpaceError, match=r"must be a row of its table; got 'densenets'\. Did you mean 'densenet'\?"):
        space.parse("densenets")
    with pytest.raises(SpaceError, match="The first keys are 'densenet', 'resnet32'"):
        space.encode([Architecture("other", ("?",), "?")])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "a table must have at least one row"),
        ({"a": (1, 2), "b": (1,)}, r"rows of a table must have equal, positive lengths; got \[1, 2\]"),
        ({"a": (1.0,), "b": (float("nan"),)}, r"figures of a table must be finite; got \[nan\] for row 'b'"),
    ],
)
def test_wrong_tables_say_why(rows: dict[str, tuple[float, ...]], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        TableSpace("wrong", rows)
