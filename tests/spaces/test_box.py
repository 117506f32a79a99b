from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.errors import SpaceError
from mfsearch.spaces.box import BoxSpace

SPACE = BoxSpace("rectangle", {"x": (-5.0, 10.0), "y": (0.0, 2.0)})


def test_encoding_scales_to_the_unit_cube() -> None:
    points = [SPACE.architecture(point) for point in ((-5, 0), (10, 2), (2.5, 0.5))]
    np.testing.assert_allclose(SPACE.encode(points), np.array([[0, 0], [1, 1], [0.5, 0.25]]))
    assert SPACE.encode([]).shape == (0, 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_decode_undoes_encode(points: list[tuple[float, float]]) -> None:
    np.testing.assert_allclose(SPACE.encode(SPACE.decode(np.array(points))), points, atol=1e-12)


@given(st.floats(-5, 10), st.floats(0, 2))
def test_keys_lose_nothing(x: float, y: float) -> None:
    point = SPACE.architecture((x, y))
    assert SPACE.parse(point.key) == point
    assert SPACE.parse(point.key).genotype == (x, y)


def test_decode_cuts_off_at_the_bounds() -> None:
    assert SPACE.decode(np.array([[-0.1, 1.2]]))[0].genotype == (-5.0, 2.0)


def test_neighbours_are_steps_of_five_percent() -> None:
    centre = SPACE.architecture((0, 1))
    assert [n.genotype for n in SPACE.neighbours(centre)] == [(-0.75, 1.0), (0.75, 1.0), (0.0, 0.9), (0.0, 1.1)]
    corner = SPACE.architecture((-5, 2))
    assert [n.genotype for n in SPACE.neighbours(corner)] == [(-4.25, 2.0), (-5.0, 1.9)]


def test_negative_zero_is_zero() -> None:
    assert SPACE.architecture((-0.0, 0)).key == SPACE.architecture((0.0, 0)).key == '{"x": 0.0, "y": 0.0}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a point must be a JSON object; got '{'"),
        ("[1, 2]", "a point must be a JSON object of x, y; got '[1, 2]'"),
        ('{"x": 1}', "a point must be a JSON object of x, y"),
        ('{"x": 1, "y": "1"}', "'y' must be a number; got '1'"),
        ('{"x": 11, "y": 1}', "'x' must lie in [-5.0, 10.0]; got 11.0"),
        ('{"x": NaN, "y": 1}', "'x' must lie in [-5.0, 10.0]; got nan"),
    ],
)
def test_wrong_points_say_why(text: str, message: str) -> None:
    with pytest.raises(SpaceError) as error:
        SPACE.parse(text)
    assert message in str(error.value)


def test_wrong_bounds_say_why() -> None:
    with pytest.raises(SpaceError, match=r"bounds of 'x' must be finite with low < high; got \(1.0, 1.0\)"):
        BoxSpace("empty", {"x": (1, 1)})
    with pytest.raises(SpaceError, match="a box must have at least one axis"):
        BoxSpace("empty", {})
    with pytest.raises(SpaceError, match="must have the coordinates x, y; got 1 of them"):
        SPACE.architecture((1,))
