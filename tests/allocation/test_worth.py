"""Which scores are paid for, against scikit-learn's ridge regression and made-up scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from mfsearch.allocation.base import State
from mfsearch.allocation.features import Features
from mfsearch.allocation.worth import ENOUGH, left_out_error, worth_paying
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularScores
from mfsearch.spaces.nasbench201 import NASBench201Space


def test_errors_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    y = X @ [1.0, 0.5, 0.0] + rng.normal(size=20)
    predictions = [cross_val_predict(Ridge(ridge), X, y, cv=LeaveOneOut()) for ridge in (0.1, 1.0, 10.0, 100.0)]
    theirs = min(float(np.mean((y - found) ** 2)) for found in predictions) / y.var()
    assert left_out_error(X, y) == pytest.approx(theirs, rel=0.02), "theirs centres anew without the one left out"
    assert left_out_error(X, np.ones(20)) == 0.0


def _state(make: Callable[..., State], space: NASBench201Space, evaluated: int, useful: bool, price: float = 0.1) -> State:
    members = list({a.key: a for a in space.sample(100, np.random.default_rng(0))}.values())[:60]
    rng = np.random.default_rng(1)
    rungs = [
        TabularScores("free", ["flops"], {}),
        TabularScores("first", ["nwot"], {}),
        TabularScores("late", ["late"], {}, trusted=("late",), free=(), seconds_per_score=price),
    ]
    convs = {a.key: float(a.genotype.count("nor_conv_3x3")) for a in members}  # what the values of these rungs depend on
    scores = {
        "free": {key: (float(rng.normal()),) for key in convs},
        "first": {key: (n + 2 * float(rng.normal()),) for key, n in convs.items()},
        "late": {key: (n if useful else float(rng.normal()),) for key, n in convs.items()},
    }
    ladder = FidelityLadder([*rungs, *make().ladder.evaluations])
    return make(seen=[(a, "low") for a in members[:evaluated]], scored=members, ladder=ladder, scores=scores)


@pytest.mark.parametrize(
    ("evaluated", "useful", "paid"),
    [(ENOUGH, True, "free late"), (ENOUGH + 20, False, "free first"), (ENOUGH - 1, True, "free")],
)
def test_a_score_is_paid_for_once_it_is_known_to_tell_more(
    evaluated: int, useful: bool, paid: str, make: Callable[..., State], space: NASBench201Space
) -> None:
    state = _state(make, space, evaluated, useful)
    assert " ".join(rung.name for rung in worth_paying(state, Features(state))) == paid


def test_what_is_free_is_kept_and_so_is_the_only_one(make: Callable[..., State], space: NASBench201Space) -> None:
    state = _state(make, space, 30, useful=False, price=0.0)
    assert "late" in [rung.name for rung in worth_paying(state, Features(state))]
    members = space.sample(30, np.random.default_rng(0))
    alone = make(seen=[(a, "low") for a in members], scored=members)
    assert worth_paying(alone, Features(alone)) == alone.ladder.scores
