from __future__ import annotations

from dataclasses import replace

import pytest

from mfsearch.bench.methods import parse_methods
from mfsearch.bench.usual import usual_budget, usual_methods
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularEvaluation, TabularResource, TabularScores
from mfsearch.problems.base import Problem
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.subset import SubsetSpace

CELLS = [architecture.key for architecture in NASBench201Space().enumerate()[:50]]
PRICES = {cell: (10.0, 11.0, 300.0)[i % 5 // 2] for i, cell in enumerate(CELLS)}
TEACHER = TabularResource("teacher", 15.0)
LADDER = FidelityLadder(
    [
        TabularScores("scores", ["synflow"], {}),
        TabularEvaluation("few", dict.fromkeys(CELLS, 1.0), dict.fromkeys(CELLS, 2.0), shared=[TEACHER]),
        TabularEvaluation("full", dict.fromkeys(CELLS, 1.0), PRICES, shared=[TEACHER]),
    ]
)


def test_each_rung_is_left_out_in_turn():
    methods = parse_methods(usual_methods(LADDER))
    assert [method.label for method in methods] == [
        *("cost_aware", "cost_aware:without=scores", "cost_aware:without=few"),
        *("random", "evolution", "asha", "mfkd_scaled"),
    ]
    alone = FidelityLadder(LADDER.rungs[-1:])
    assert usual_methods(alone) == "cost_aware,random,evolution", "the others need something to promote from"


def test_it_pays_for_twenty_of_the_target_and_the_teacher(problem: Problem):
    assert usual_budget(problem) == pytest.approx(20 * 10.0)
    cells = replace(problem, space=SubsetSpace(NASBench201Space(CELLS), CELLS), ladder=LADDER)
    assert usual_budget(cells) == 240.0, "20 times the median price, 11 s, and the teacher, in two figures"
