"""The shipped table, read by pandas as well: what the problem says must be what the file holds."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from scipy.stats import spearmanr

from mfsearch.bench.methods import parse_methods
from mfsearch.bench.run import run
from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig
from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import Context
from mfsearch.problems.base import Problem
from mfsearch.problems.kd_table import TABLE
from mfsearch.records import Json
from mfsearch.spaces.nasbench201 import NASBench201Space

CELLS = 1000
EVALUATIONS = {"ce1": 1, "nst1": 1, "ce3": 1, "nst3": 1, "ce50": 1, "kd50": 2}


def load(home: Path, **options: Json) -> Problem:
    return build_problem(StudyConfig(problem=Component(use="kd-table", options=options)), home)


@pytest.fixture(scope="module")
def problem(tmp_path_factory: pytest.TempPathFactory) -> Problem:
    return load(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_parquet(TABLE)


def test_it_is_small_and_whole(table: pd.DataFrame):
    assert TABLE.stat().st_size < 10e6
    assert table[table["group"] == "sample"]["architecture"].nunique() >= CELLS
    runs = table[table["status"] == "ok"].groupby(["rung", "architecture"]).size().unstack("rung")
    for rung, seeds in EVALUATIONS.items():
        assert (runs[rung] == seeds).mean() > 0.99, rung
    curves = table.loc[table["rung"] == "kd50", "train_accuracy_curve"].dropna()
    assert set(map(len, curves)) == {50}, "a figure an epoch"


def test_every_neighbour_of_the_best_ten_is_there(table: pd.DataFrame):
    target = table[(table["rung"] == "kd50") & (table["group"] == "sample")]
    best = target.groupby("architecture")["val_accuracy"].mean().nlargest(10)
    space, known = NASBench201Space(), set(table["architecture"])
    around = {neighbour.key for key in best.index for neighbour in space.neighbours(space.parse(key))}
    assert around <= known
    marked = set(table.loc[table["group"] == "neighbour", "architecture"])
    assert marked == around - set(table.loc[table["group"] == "sample", "architecture"])


def test_values_and_test_accuracies_are_means_of_two_runs(problem: Problem, table: pd.DataFrame):
    assert [rung.name for rung in problem.ladder] == ["proxies", "nst1", "nst3", "kd50"]
    assert problem.oracle is not None and problem.oracle.test is not None
    means = table[table["rung"] == "kd50"].groupby("architecture")[["val_accuracy", "test_accuracy"]].mean()
    assert problem.oracle.optimum == pytest.approx(means["val_accuracy"].max())
    architectures = problem.space.enumerate()
    assert architectures is not None and len(architectures) >= 0.99 * len(means)
    for architecture in architectures[:50]:
        assert problem.oracle.truth(architecture) == pytest.approx(means.loc[architecture.key, "val_accuracy"])
        assert problem.oracle.test(architecture) == pytest.approx(means.loc[architecture.key, "test_accuracy"])


def test_the_rungs_rank_as_the_pilot_said(table: pd.DataFrame):
    """Three epochs with a teacher rank better than one, and than three with labels alone."""
    rows = table[(table["status"] == "ok") & (table["group"] == "sample")]
    loss = rows.pivot_table(index="architecture", columns="rung", values="train_loss")
    target = rows[rows["rung"] == "kd50"].groupby("architecture")["val_accuracy"].mean()
    rho = {rung: -spearmanr(loss[rung], target[loss.index]).statistic for rung in ("ce3", "nst1", "nst3")}
    assert rho["nst3"] > 0.8 > rho["nst1"] > rho["ce3"] > 0.4


def test_the_whole_allocation_beats_chance_on_it(problem: Problem):
    """Five searches of twenty targets' price: their mean regret, against that of as many random searches."""
    ours, chance = parse_methods("cost_aware,random")

    def regret(method: object, seed: int) -> float:
        assert problem.oracle is not None
        last = run(problem, ours if method is ours else chance, seed, 240.0, "predicted").rows[-1].recommended
        assert last is not None
        return problem.oracle.regret(problem.space.parse(last))

    found = [fmean(regret(method, seed) for seed in range(5)) for method in (ours, chance)]
    assert found[0] < 0.6 and found[0] < 0.6 * found[1]


def test_other_rungs_and_signals(home: Path):
    problem = load(home, rungs=["ce3", "ce50"], signals={"ce3": "val_accuracy"})
    assert [rung.name for rung in problem.ladder] == ["ce3", "ce50"]
    both = load(home, rungs=["proxies", "diswot", "dass", "kd50"])
    assert [score.columns for score in both.ladder.scores] == [("params", "flops", "synflow", "nwot"), ("diswot",), ("dass",)]
    with pytest.raises(ConfigError, match="rungs must be some of proxies, diswot, dass, ce1"):
        load(home, rungs=["e12"])


def test_the_teacher_is_paid_for_before_it_is_asked(home: Path, table: pd.DataFrame):
    """DaSS looks at students through their teacher's eyes."""
    problem = load(home, rungs=["dass", "kd50"])
    (dass,) = problem.ladder.scores
    assert [resource.name for resource in dass.resources] == ["teacher"] and dass.trusted == (True,)
    known = table[table["rung"] == "dass"].set_index("architecture")
    some = problem.space.sample(5, np.random.default_rng(0))
    found = dass.score(some, Context(0, math.inf, home)).values
    assert [row[0] for row in found] == [known.loc[a.key, "dass"] for a in some]
    assert dass.expected_cost(some[0]) == pytest.approx(known["seconds"].mean())
    (method,) = parse_methods("cost_aware")
    rows = run(problem, method, 0, 60.0, "predicted").rows
    assert [row.rung for row in rows[:2]] == ["teacher", "dass"]
