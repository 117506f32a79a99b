from __future__ import annotations

import math
import pickle
from dataclasses import fields

import pytest

from mfsearch.problems.base import LookUp, Oracle
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


def test_a_column_is_looked_up_by_key_and_can_be_sent_to_a_process():
    figures = pickle.loads(pickle.dumps(LookUp({"0": 5.0})))
    assert figures(Architecture("toy", (0,), "0")) == 5.0 and math.isnan(figures(Architecture("toy", (1,), "1")))
