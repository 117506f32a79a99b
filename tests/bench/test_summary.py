from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa
import pytest

from mfsearch.bench.batch import Plan, load_problem
from mfsearch.bench.curves import NOTHING, Curve, read_curves
from mfsearch.bench.summary import baseline, mean_test, summarise
from mfsearch.bench.trace import about
from mfsearch.problems.base import Oracle, Problem
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.importing import import_nasbench201

KEYS = {
    *("method", "problem", "seeds", "budget_seconds", "recommend", "test_mean", "test_std", "test_median", "regret_mean"),
    *("regret_median", "seconds_to_regret", "seconds_to_first_touch", "ask_seconds_median", "run_seconds_median"),
}


def curve(*steps: tuple[float, float], key: str = '{"x1": 0.0, "x2": 0.0}') -> Curve:
    seconds, regret = zip(*steps, strict=True)
    return Curve(np.array(seconds), np.array(regret), tuple(None if np.isinf(r) else key for r in regret))


def summary(problem: Problem, curves: Mapping[str, Mapping[int, Curve]], **more: Any) -> list[dict[str, Any]]:
    timings = [
        {"method": m, "seed": s, "ask_seconds": 0.1 * s, "run_seconds": 1.0 + s} for m, runs in curves.items() for s in runs
    ]
    made = summarise(problem, curves, timings, name="p", budget=100.0, rule="predicted", **more)
    json.dumps(made, allow_nan=False)
    return made


def test_figures_of_the_small_bench(plan: Plan, table: pa.Table, problem: Problem):
    timings = about(table)["runs"]
    made = summarise(problem, read_curves(table, problem), timings, name="branin", budget=25.0, rule="predicted")
    assert [one["method"] for one in made] == ["random_low", "random"]
    for one in made:
        assert set(one) >= KEYS
        own = [run for run in timings if run["method"] == one["method"]]
        assert one["run_seconds_median"] == pytest.approx(np.median([run["run_seconds"] for run in own]))
        assert one["ask_seconds_median"] == pytest.approx(np.median([run["ask_seconds"] for run in own]))
        assert (one["seeds"], one["first_seed"], one["budget_seconds"], one["problem"]) == (2, 3, 25.0, "branin")
        assert one["test_mean"] is one["test_std"] is one["test_median"] is one["relative_improvement"] is None


def test_regret_and_seconds(problem: Problem):
    curves = {
        "cost_aware": {0: curve((10, 3.0), (20, 0.4), (30, 0.6), (90, 0.2)), 1: curve((20, 0.4)), 2: curve((40, 0.9), (50, 0.3))},
        "random": {0: curve((50, 5.0)), 1: curve((40, 2.0), (80, 0.5)), 2: curve((50, 3.0), (60, 2.0))},
    }
    ours, other = summary(problem, curves)
    assert ours["regret_mean"] == pytest.approx(0.3)
    assert ours["regret_std"] == pytest.approx(0.1)
    assert ours["regret_se"] == pytest.approx(0.1 / 3**0.5)
    assert (ours["regret_median"], other["regret_median"]) == (0.3, 2.0)
    assert ours["regret_iqr"] == pytest.approx([0.25, 0.35])
    assert ours["seconds_to_regret"] == {"2": 20.0, "1": 20.0, "0.5": 50.0}
    assert ours["seconds_to_first_touch"] == {"2": 20.0, "1": 20.0, "0.5": 20.0}
    assert other["seconds_to_regret"] == {"2": 60.0, "1": None, "0.5": None}
    assert (ours["ask_seconds_median"], ours["run_seconds_median"]) == (0.1, 2.0)
    assert ours["difference"] is None
    assert other["difference"]["from"] == "cost_aware"
    assert other["difference"]["regret_mean"] == pytest.approx(2.5 - 0.3)
    assert other["difference"]["interval"][0] < 2.2 < other["difference"]["interval"][1]


def test_earlier_points_of_the_same_runs(problem: Problem):
    curves = {"random": {0: curve((50, 5.0), (90, 0.0)), 1: curve((40, 2.0), (80, 0.5))}}
    last, early, earliest = summary(problem, curves, points=[60.0, 45.0])
    assert "anytime" not in last
    assert last["regret_mean"] == 0.25
    assert (early["anytime"], early["budget_seconds"], early["regret_mean"]) == (True, 60.0, 3.5)
    assert (earliest["unanswered"], earliest["regret_mean"], earliest["regret_median"]) == (1, None, None)
    assert earliest["regret_iqr"] == [None, None]


def test_runs_without_an_answer_are_not_left_out_of_the_mean(tested: Problem):
    curves = {"random": {0: NOTHING, 1: curve((40, 2.0)), 2: curve((40, 1.0))}, "other": {0: curve((1, 0.0))}}
    one, other = summary(tested, curves)
    assert (one["unanswered"], one["regret_mean"], one["regret_median"], one["test_mean"]) == (1, None, 2.0, None)
    assert one["seconds_to_regret"] == {"2": 40.0, "1": None, "0.5": None}
    assert other["difference"] is None


def test_one_run_has_no_spread(tested: Problem):
    (one,) = summary(tested, {"random": {7: curve((40, 2.0), key='{"x1": 1.0, "x2": 0.0}')}})
    assert (one["regret_std"], one["regret_se"], one["test_std"]) == (None, None, None)
    assert one["test_mean"] == one["test_median"] == 6.0
    assert one["relative_improvement"] is None, "the space cannot be listed"


def test_the_baseline_is_cost_aware_or_the_first():
    assert baseline(["random", "cost_aware", "gp"]) == "cost_aware"
    assert baseline(["random", "cost_aware:insurance=0"]) == "random"


def test_a_random_architecture_is_drawn_among_all_cells(problem: Problem):
    """The share of 3x3 convolutions, had every cell it as its test accuracy, is a fifth over all cells, not over classes."""
    space = NASBench201Space()
    cells = [member for a in space.enumerate() for member in space.members(a)]
    assert len(cells) == 15_625
    share = {a.key: np.mean([m.genotype.count("nor_conv_3x3") / 6 for m in space.members(a)]) for a in space.enumerate()}
    oracle = Oracle(100.0, 100.0, lambda a: 0.0, lambda a: float(share[a.key]))
    assert mean_test(replace(problem, space=space, oracle=oracle)) == pytest.approx(0.2)
    assert mean_test(problem) is None


@pytest.mark.slow
@pytest.mark.skipif("MFSEARCH_DATA" not in os.environ, reason="needs MFSEARCH_DATA, the folder of nasbench201.csv.gz")
def test_the_mean_random_architecture_of_nasbench201(tmp_path: Path):
    """Classes have the figures of one member, whence the tolerance: members differ by the noise of their training."""
    source = Path(os.environ["MFSEARCH_DATA"]) / "nasbench201.csv.gz"
    import_nasbench201(tmp_path, source, "nasbench201", None, "cifar10")
    expected = pd.read_csv(source)["cifar10_test_e200"].mean()
    assert mean_test(load_problem("nasbench201-cifar10", tmp_path)) == pytest.approx(expected, abs=0.1)
