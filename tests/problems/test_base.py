from __future__ import annotations

from dataclasses import fields

import pytest

from mfsearch.problems.base import Oracle
from mfsearch.records import Architecture
from mfsearch.study import Study


@pytest.mark.parametrize(
    ("optimum", "truth", "sign", "regret"),
    [
        (94.0, 91.5, 1.0, 2.5),  # accuracy
        (0.4, 0.9, -1.0, 0.5),  # a loss
        (94.0, 94.2, 1.0, 0.0),  # a noisy truth above the tabulated optimum
    ],
)
def test_regret_is_the_distance_to_the_optimum(optimum: float, truth: float, sign: float, regret: float):
    oracle = Oracle(optimum=optimum, span=1.0, truth=lambda architecture: truth)
    assert oracle.regret(Architecture("toy", (0,), "0"), sign) == pytest.approx(regret)


def test_a_search_has_no_way_to_the_oracle():
    names = Study.__init__.__annotations__
    assert "oracle" not in names and "problem" not in names
    assert {field.name for field in fields(Oracle)} == {"optimum", "span", "truth", "test"}
