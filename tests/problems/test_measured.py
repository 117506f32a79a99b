from __future__ import annotations

import math
from pathlib import Path

import pytest

from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig
from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore, Context
from mfsearch.problems.base import Problem
from mfsearch.records import Json, Objective
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.measured import Measured, MeasuredAbout, MeasuredRow, MeasuredRung, to_rows, write_measured

CELLS = [a.key for a in NASBench201Space().enumerate()[100:104]]
RUNGS = (
    MeasuredRung(
        "scores", "score", "nwot", columns=("flops", "nwot", "zen"), trusted=(False, True, False), capacity=(True, False, False)
    ),
    MeasuredRung("few", "evaluation", "-train_loss", resource=3.0, shared=("teacher",)),
    MeasuredRung("full", "evaluation", "val_accuracy", seeds=2, resource=50.0, shared=("teacher",)),
)
ABOUT = MeasuredAbout({"space": "nasbench201"}, RUNGS, Objective(), {"teacher": 10.0}, ("a machine",), "cpu")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = []
    for i, key in enumerate(CELLS):
        rows.append(
            MeasuredRow(
                key, "sample", "scores", None, "ok", 0.4, None, {"flops": i, "nwot": None if i == 1 else 2.0 * i, "zen": -i}
            )
        )
        low = {"train_loss": 1.0 - 0.1 * i, "train_accuracy": 10.0 * i, "val_accuracy": 20.0 * i, "validation_seconds": 0.5}
        rows.append(MeasuredRow(key, "sample", "few", 1, "ok", 2.0, None, low))
        for seed in (2, 3):
            full = {"val_accuracy": 60.0 + 5 * i + seed, "test_accuracy": 50.0 + 5 * i + seed, "validation_seconds": 0.5}
            failed = (i, seed) in ((3, 2), (3, 3), (2, 3))
            rows.append(
                MeasuredRow(key, "sample", "full", seed, "failed" if failed else "ok", 20.0, None, {} if failed else full)
            )
    write_measured(tmp_path / "t.parquet", Measured(ABOUT, to_rows(rows)))
    return tmp_path / "t.parquet"


def load(path: Path, home: Path, **options: Json) -> Problem:
    return build_problem(StudyConfig(problem=Component(use="measured", options={"path": str(path), **options})), home)


def test_a_table_is_a_problem_in_simulated_seconds(path: Path, home: Path, tmp_path: Path):
    problem = load(path, home)
    context = Context(0, math.inf, tmp_path)
    space, (scores, few, full) = problem.space, problem.ladder
    assert isinstance(scores, AbstractScore) and isinstance(few, AbstractEvaluation) and isinstance(full, AbstractEvaluation)
    members = space.enumerate()
    assert members is not None and [a.key for a in members] == CELLS[:3], "the one that failed at the target is not in it"
    # Means over the seeds that came to something, at the price of those; the time of validation only where it is needed.
    assert [full.evaluate(a, context).values["val_accuracy"] for a in members] == [62.5, 67.5, 72.0]
    assert [full.evaluate(a, context).seconds for a in members] == [40.0, 40.0, 20.0]
    assert [few.evaluate(a, context).values for a in members][1] == {"train_loss": 0.9}
    assert few.expected_cost(members[0]) == 1.5 and (few.resource, full.resource) == (3.0, 50.0)
    assert scores.score(members[:2], context).values == ((0.0, 0.0, 0.0), (1.0, None, -1.0))
    assert scores.expected_cost(members[0]) == pytest.approx(0.4) and scores.trusted == (False, True, False)
    assert [resource.expected_cost() for resource in problem.ladder.resources] == [10.0]
    oracle = problem.oracle
    assert oracle is not None and oracle.test is not None
    assert (oracle.optimum, oracle.span, oracle.truth(members[1]), oracle.test(members[1])) == (72.0, 9.5, 67.5, 57.5)
    assert problem.virtual and problem.recommend == "predicted"
    assert problem.description.startswith("3 architectures, every rung measured on a machine (cpu seconds). 1 of 4 lack a figure")


def test_rungs_scores_and_signals_may_be_chosen(path: Path, home: Path, tmp_path: Path):
    problem = load(path, home, rungs=["scores", "few", "full"], proxies=["flops", "zen"], signals={"few": "val_accuracy"})
    scores, few, _ = problem.ladder
    assert isinstance(scores, AbstractScore) and scores.columns == ("flops", "zen")
    cell = problem.space.parse(CELLS[0])
    assert scores.expected_cost(cell) == pytest.approx(0.2), "one of the two that are not free"
    assert few.signal == "val_accuracy" and few.expected_cost(cell) == 2.0
    assert [rung.name for rung in load(path, home, rungs=["full"]).ladder] == ["full"]
    assert [rung.name for rung in load(path, home, proxies=[]).ladder] == ["few", "full"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rungs": ["other"]}, "rungs must be some of scores, few, full, each once; got other"),
        ({"rungs": ["full", "scores"]}, "must end with an evaluation that measures val_accuracy; got scores"),
        ({"proxies": ["nope"]}, "proxies must be some of flops, nwot, zen"),
        ({"signals": {"few": "test"}}, "few has no 'test'"),
        ({"signals": {"nope": "val_accuracy"}}, "signals must be of rungs in use, scores, few, full; got nope"),
    ],
)
def test_what_the_table_has_not_is_refused(options: dict[str, Json], message: str, path: Path, home: Path):
    with pytest.raises(ConfigError, match=message):
        load(path, home, **options)


def test_a_table_without_a_whole_row_is_refused(path: Path, home: Path, tmp_path: Path):
    half = [MeasuredRow(CELLS[0], "sample", "few", 1, "ok", 1.0, None, {"train_loss": 1.0})]
    write_measured(path, Measured(ABOUT, to_rows(half)))
    with pytest.raises(DataError, match="must have some architecture with figures on few, full"):
        load(path, home)
