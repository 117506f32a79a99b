"""Which scores are paid for, against scikit-learn's ridge regression and made-up scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from mfsearch.allocation.base import State
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.features import UNPROVEN
from mfsearch.allocation.worth import ENOUGH, left_out_error, unproven, untested
from mfsearch.fidelities.base import AbstractScore
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularScores
from mfsearch.records import ScoreQuery
from mfsearch.spaces.nasbench201 import NASBench201Space


def test_errors_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    y = X @ [1.0, 0.5, 0.0] + rng.normal(size=20)
    predictions = [cross_val_predict(Ridge(ridge), X, y, cv=LeaveOneOut()) for ridge in (0.1, 1.0, 10.0, 100.0)]
    theirs = min(float(np.mean((y - found) ** 2)) for found in predictions) / y.var()
    assert left_out_error(X, y) == pytest.approx(theirs, rel=0.02), "theirs centres anew without the one left out"
    assert left_out_error(X, np.ones(20)) == 0.0


def _state(make: Callable[..., State], space: NASBench201Space, evaluated: int, useful: bool, price: float = 0.01) -> State:
    members = list({a.key: a for a in space.sample(100, np.random.default_rng(0))}.values())[:60]
    rng = np.random.default_rng(1)
    rungs = [
        TabularScores("free", ["flops"], {}),
        TabularScores("first", ["nwot"], {}, seconds_per_score=0.01),
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
    ("evaluated", "useful", "doubtful"),
    [(ENOUGH, True, ""), (ENOUGH + 20, False, "late"), (ENOUGH - 1, True, "late"), (0, True, "late")],
)
def test_a_score_is_in_doubt_until_it_is_known_to_tell_more(
    evaluated: int, useful: bool, doubtful: str, make: Callable[..., State], space: NASBench201Space
) -> None:
    assert " ".join(rung.name for rung in unproven(_state(make, space, evaluated, useful))) == doubtful


def test_only_what_it_has_scored_itself_tells_its_worth(make: Callable[..., State], space: NASBench201Space) -> None:
    state = _state(make, space, 30, useful=True)
    late = state.ladder.scores[2]
    assert isinstance(late, AbstractScore) and untested(state, late) == []
    rows = dict(islice(state.scores["late"].items(), ENOUGH - 1))
    partly = replace(state, scores={**state.scores, "late": rows})
    assert unproven(partly) == (late,)
    seen = [o.query.architecture.key for o in state.observations]
    assert [a.key for a in untested(partly, late)] == seen[ENOUGH - 1 :]


def test_neither_what_is_free_nor_the_first_is_ever_in_doubt(make: Callable[..., State], space: NASBench201Space) -> None:
    assert unproven(_state(make, space, 30, useful=False, price=0.0)) == ()
    members = space.sample(30, np.random.default_rng(0))
    assert unproven(make(seen=[(a, "low") for a in members], scored=members)) == ()


@pytest.mark.parametrize("useful", [True, False])
def test_the_policy_pays_for_it_where_it_helps(useful: bool, make: Callable[..., State], space: NASBench201Space) -> None:
    """Growth asks for it with the other scores where it is known to tell more, else of what was evaluated alone."""
    state = _state(make, space, ENOUGH + 10, useful)
    first = list(state.architectures.values())
    state = replace(state, scores={**state.scores, "late": dict(islice(state.scores["late"].items(), ENOUGH + 8))})
    proposal = CostAware(initial=2).propose(state, 1, np.random.default_rng(0))
    asked = {query.rung: [a.key for a in query.architectures] for query in proposal.queries if isinstance(query, ScoreQuery)}
    assert proposal.memory[UNPROVEN] == ([] if useful else ["late"])
    assert asked["first"] == asked["free"] and not set(asked["first"]) & set(state.architectures)
    if useful:
        assert set(asked["first"]) < set(asked["late"])
    else:
        assert asked["late"] == [a.key for a in first[ENOUGH + 8 : ENOUGH + 10]]


def test_to_begin_with_only_what_is_not_in_doubt_is_bought(make: Callable[..., State], space: NASBench201Space) -> None:
    some = _state(make, space, 0, useful=True)
    empty = make(ladder=some.ladder)
    asked = CostAware().propose(empty, 1, np.random.default_rng(0)).queries
    assert [query.rung for query in asked] == ["free", "first"]
    (members,) = {query.architectures for query in asked if isinstance(query, ScoreQuery)}
    # After a stop between the two, the second is still bought.
    partly = make(scored=members, ladder=some.ladder, scores={"free": {a.key: (1.0,) for a in members}})
    assert [query.rung for query in CostAware().propose(partly, 1, np.random.default_rng(0)).queries] == ["first"]
    both = make(scored=members, ladder=some.ladder, scores={name: {a.key: (1.0,) for a in members} for name in ("free", "first")})
    assert all(query.rung == "low" for query in CostAware().propose(both, 1, np.random.default_rng(0)).queries)
