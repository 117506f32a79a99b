"""A choice of the observations where there are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.features import REFERENCE
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.allocation.subset import BEST_SCORED, MOST, scored_level, subset
from mfsearch.allocation.view import view
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems import PROBLEMS
from mfsearch.records import Architecture, EvaluationQuery, Observation, Status
from mfsearch.study import Study

LEVELS = {"low": 0, "middle": 1, "full": 2}


def observed(rung: str, count: int, seed: int = 0) -> list[Observation]:
    values = np.random.default_rng(seed).normal(size=count)
    return [
        Observation(EvaluationQuery(Architecture("s", (i,), f"{rung}{i}"), rung), Status.OK, 1.0, float(value))
        for i, value in enumerate(values)
    ]


def test_few_are_all_taken() -> None:
    few = observed("low", MOST - 10) + observed("full", 10)
    assert subset(few, LEVELS) == few


def test_levels_share_and_the_best_are_there() -> None:
    many = observed("low", 5000) + observed("full", 300) + observed("middle", 700)
    chosen = subset(many, LEVELS)
    assert Counter(o.query.rung for o in chosen) == {"full": 300, "middle": 350, "low": 350}
    assert chosen == [o for o in many if o in chosen]
    for rung in ("low", "middle"):
        values = sorted((o.value or 0.0 for o in many if o.query.rung == rung), reverse=True)
        kept = sorted((o.value or 0.0 for o in chosen if o.query.rung == rung), reverse=True)
        assert kept[:175] == values[:175]
        # The others are no choice: their mean is that of all that were not the best.
        assert np.mean(kept[175:]) == pytest.approx(np.mean(values[175:]), abs=0.25)


def test_what_was_chosen_stays() -> None:
    many = observed("low", 4000)
    before, after = subset(many, LEVELS), subset([*many, *observed("low", 40, seed=1)], LEVELS)
    assert len({o.query.architecture.key for o in before} & {o.query.architecture.key for o in after}) > 0.95 * MOST


def test_the_surrogate_decides_on_a_choice(tmp_path: Path) -> None:
    problem = PROBLEMS["branin"](home=tmp_path)
    study = Study(
        problem.space, problem.ladder, 1200.0, objective=problem.objective, policy=RandomSearch("low"), executor=VirtualExecutor()
    )
    study.run()
    belief = Belief(view(study.state, study.space, study.ladder))
    assert len(study.state.observations) > MOST == len(belief.model.train_X)


def test_of_scores_that_are_a_level_the_first_and_the_best_count(
    make: Callable[..., State], level_ladder: FidelityLadder, table_ladder: FidelityLadder
) -> None:
    cells = [Architecture("s", ("nor_conv_3x3",) * (i % 7), f"cell {i}") for i in range(400)]
    taken = scored_level(make(scored=cells, ladder=level_ladder))
    assert [o.query.architecture for o in taken[:REFERENCE]] == cells[:REFERENCE]
    others = sorted((i % 7 for i in range(REFERENCE, 400)), reverse=True)
    assert [o.value for o in taken[REFERENCE:]] == others[:BEST_SCORED]
    assert {o.query.rung for o in taken} == {"proxies"} and all(o.seconds == 0 for o in taken)
    assert scored_level(make(scored=cells, ladder=table_ladder)) == []
