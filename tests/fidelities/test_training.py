"""The rung without a teacher is the one with the loss that needs none."""

import math
from pathlib import Path

import numpy as np
import pytest

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.build import build_problem
from mfsearch.config import StudyConfig
from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.distillation import Distillation
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.training import Training
from mfsearch.records import EvaluationQuery, Task
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
TASK = Task("digits", (1, 16, 16), 10, {"epochs": 2, "train": 64, "val": 50, "test": 40}, {"channels": 4, "cells": 1}, {})


def test_is_distillation_from_the_labels_alone(tmp_path: Path):
    live = LiveTask(NASBench201Space(), TASK, tmp_path)
    cell = live.space.parse(CELL)
    one = Training("full", live, 2, 1.5, schedule="wsd", warmup=0.1, clip=1.0, seeds=2)
    other = Distillation("full", live, 2, "ce", 1.5, schedule="wsd", warmup=0.1, clip=1.0, seeds=2)
    assert one.training == other.training and one.seeds == 2 and one.resources == () and one.resource == 2.0
    assert (one.training.schedule, one.training.warmup, one.training.clip) == ("wsd", 0.1, 1.0)
    assert one.expected_cost(cell) == 1.5
    values = [rung.evaluate(cell, Context(0, math.inf, tmp_path)).values for rung in (one, other)]
    assert values[0] == values[1] and set(values[0]) == {"val_accuracy", "train_accuracy", "train_loss"}
    with pytest.raises(ConfigError, match="signal must be one of"):
        Training("full", live, 2, 1.0, signal="accuracy")


def test_a_ladder_on_pictures_of_ones_own(tmp_path: Path):
    """From a config alone: scores (one of them compares with the teacher), few epochs, more epochs, on an .npz."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.integers(0, 100, (60, 8, 8, 3)).astype(np.uint8)
    images[np.arange(60), labels * 2] += 150
    np.savez(tmp_path / "rows.npz", x_train=images[:48], y_train=labels[:48], x_test=images[48:], y_test=labels[48:])
    config = StudyConfig.model_validate(
        {
            "space": "nasbench201",
            "task": {
                "use": "pictures",
                "path": str(tmp_path / "rows.npz"),
                "val": 12,
                "epochs": 2,
                "crop": 1,
                "network": {"channels": 4, "cells": 1, "reduction": "light"},
                "teacher": {"channels": 4, "training": {"epochs": 1}},
            },
            "ladder": [
                {"use": "zero_cost", "name": "proxies", "proxies": ["params", "synflow", "diswot"]},
                {"use": "distillation", "name": "few", "epochs": 1, "loss": "at", "beta": 1.0, "expected_seconds": 0.1},
                {"use": "training", "name": "full", "epochs": 3, "batch": 12, "schedule": "wsd", "expected_seconds": 0.3},
            ],
        }
    )
    problem = build_problem(config, tmp_path / "home")
    cell = problem.space.parse(CELL)
    context = Context(0, math.inf, tmp_path)
    (scores,) = problem.ladder.scores
    few, full = problem.ladder.evaluations
    found = scores.score([cell], context)
    assert found.columns == ("params", "synflow", "diswot") and None not in found.values[0]
    few.resources[0].prepare(context)
    assert 0 <= few.evaluate(cell, context).values["val_accuracy"] <= 100
    assert full.evaluate(cell, context).values["train_accuracy"] > 40


class FewThenFull(AbstractPolicy):
    """One architecture on both rungs."""

    name = "few_then_full"

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        rung = ("few", "full")[min(1, len(state.observations))]
        return Proposal(
            [EvaluationQuery(state.space.parse(CELL), rung)] if len(state.observations) < 2 else [], reason="both done"
        )


def test_a_study_hands_a_rung_what_the_lower_one_left(tmp_path: Path):
    common = {"use": "training", "batch": 16, "schedule": "wsd", "expected_seconds": 0.5}
    config = StudyConfig.model_validate(
        {
            "space": "nasbench201",
            "task": {"use": "digits", **TASK.options, "network": TASK.network},
            "ladder": [
                {**common, "name": "few", "epochs": 5, "keep_checkpoint": True},
                {**common, "name": "full", "epochs": 10, "continues": "few"},
            ],
        }
    )
    problem = build_problem(config, tmp_path / "home")
    study = Study(problem.space, problem.ladder, 60.0, policy=FewThenFull(), workdir=tmp_path / "work")
    study.run()
    few, full = study.state.observations
    assert "continued_from_epoch" not in few.extras and full.extras["continued_from_epoch"] == 4
    wrong = config.model_dump(mode="json")
    wrong["ladder"][1]["batch"] = 8
    with pytest.raises(ConfigError, match="they differ in batch"):
        build_problem(StudyConfig.model_validate(wrong), tmp_path / "home")
