"""Meta-training from nothing to a file: students really distilled, a predictor that learned from them, a rung that uses it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig, read_section
from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.dass import DaSS
from mfsearch.metaprediction.learning import Learned, MetaTask
from mfsearch.metaprediction.predictor import Predictor, Students, Support
from mfsearch.metaprediction.storage import read_predictor
from mfsearch.tables.measured import read_measured
from mfsearch.tabulate.lessons import Lesson, MetaConfig
from mfsearch.tabulate.meta import Lecture, compare, meta_training

TEXT = """
base:
  space: nasbench201
  task: {use: pictures, train: 48, val: 40, test: 20, epochs: 1, network: {channels: 4, cells: 1, reduction: light},
         teacher: {training: {epochs: 1}, feature_epochs: 0}}
  ladder:
  - {use: zero_cost, name: proxies, proxies: [params, synflow]}
  - {use: distillation, name: full, epochs: 1, batch: 16, loss: kd, expected_seconds: 1, keep_weights: false}
classes: {total: 5, each: [3], held_out: [0, 1]}
teachers: {channels: [4, 6, 8], seed: [0, 1, 2]}
tasks: {learn: 1, validate: 1, test: 1}
recipe: {episodes: 3, width: 4}
students: 4
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    rng, labels = np.random.default_rng(0), np.arange(400) % 5
    images = rng.integers(0, 256, (400, 8, 8, 3), dtype=np.uint8)
    images[np.arange(400), labels] //= 4  # a dark row says the class
    np.savez(path, x_train=images[:300], y_train=labels[:300], x_test=images[300:], y_test=labels[300:])
    return path


@pytest.fixture
def config(tmp_path: Path, data: Path) -> MetaConfig:
    path = tmp_path / "meta.yaml"
    path.write_text(TEXT)
    return read_section(MetaConfig, path, [f"base.data={data}"])[1]


def test_from_tasks_to_a_rung(config: MetaConfig, data: Path, tmp_path: Path):
    said: list[str] = []
    out, home = tmp_path / "out", tmp_path / "home"
    path, verdict = meta_training(config, home, out, 1, False, said.append)
    assert verdict.tasks == ("test-00",)
    assert set(verdict.of) == {"dass", "dass without adaptation", "least squares of the scores", "params", "synflow"}
    table = read_measured(out / "tasks" / "test-00" / "table.parquet")
    assert len(table.architectures) == 4

    # What was judged is what the table holds.
    values = [table.figures("full", "val_accuracy")[key][0] for key in table.architectures]
    scores = [table.figures("proxies", "params")[key][0] for key in table.architectures]
    expected = np.corrcoef(rankdata(values), rankdata(scores))[0, 1]
    assert verdict.of["params"][0] == pytest.approx(0.0 if math.isnan(expected) else expected)

    # What is labelled is not labelled again, and the same seed learns the same.
    before = path.read_bytes()
    said.clear()
    assert meta_training(config, home, out, 1, False, said.append)[1] == verdict
    assert path.read_bytes() == before
    assert said.count("4 of 4 architectures (sample) are measured already.") == 3

    _, about = read_predictor(path)
    assert (about.space, about.scores, about.channels) == ("nasbench201", ("params", "flops"), 32)
    assert about.card["spearman"]["dass"] == list(verdict.of["dass"]) and str(tmp_path) not in str(about.card)

    # A search uses it on data of another kind.
    dass = Component(use="dass", options={"predictor": str(path)})
    task: dict[str, Any] = {
        "train": 32,
        "epochs": 1,
        "val": 20,
        "test": 20,
        "network": {"channels": 4, "cells": 1, "reduction": "light"},
    }
    task["teacher"] = {"channels": 4, "training": {"epochs": 1}}
    full = Component(use="distillation", options={"epochs": 1, "loss": "kd", "expected_seconds": 1.0, "name": "full"})
    search = StudyConfig(space=Component(use="nasbench201"), task=Component(use="digits", options=task), ladder=(dass, full))
    problem = build_problem(search, home)
    rung = problem.ladder["dass"]
    assert isinstance(rung, DaSS)
    context = Context(0, math.inf, tmp_path)
    rung.resources[0].prepare(context)
    found = rung.score(problem.space.sample(3, np.random.default_rng(0)), context)
    assert all(row[0] is not None and math.isfinite(row[0]) for row in found.values)


def test_what_cannot_work_is_refused_before_anything_is_trained(config: MetaConfig, tmp_path: Path):
    rung = Component(use="training", options={"name": "full", "epochs": 1, "batch": 16, "expected_seconds": 1.0})
    plain = config.model_copy(update={"base": config.base.model_copy(update={"ladder": (rung,)})})
    with pytest.raises(DataError, match="the last rung must train students with a teacher"):
        meta_training(plain, tmp_path / "home", tmp_path / "out", 1, False, lambda line: None)
    with pytest.raises(ConfigError, match="proxies must be some of .*; got beauty"):
        meta_training(
            config.model_copy(update={"scores": ("beauty",)}), tmp_path / "home", tmp_path / "out", 1, False, lambda line: None
        )
    assert not (tmp_path / "out").exists(), "nothing was trained"


def test_the_comparison_is_fair():
    """A combination of scores that is exact is found from the tasks to learn from, whatever the scores' units; None ranks last."""
    draw = np.random.default_rng(0)

    def lecture(group, scale):
        x = draw.normal(size=(30, 2))
        accuracies = torch.tensor(0.5 + 0.01 * scale * (x[:, 0] - 2 * x[:, 1]))
        told = Students(torch.zeros(30, 1), torch.zeros(30, 1, 4, 4), torch.zeros(30, 0))
        task = MetaTask(group, told, accuracies, Support(told[:1], torch.tensor(0.5)))
        scores = {
            "first": np.expm1(np.abs(x[:, 0] * scale)) * np.sign(x[:, 0]),
            "second": np.expm1(np.abs(x[:, 1])) * np.sign(x[:, 1]),
        }
        return Lecture(Lesson(group, group, StudyConfig(problem=Component(use="digits"))), task, scores)

    lectures = [lecture("learn", 1.0), lecture("learn", 3.0), lecture("test", 2.0)]
    model = Predictor(1, 1, 0, 2)
    blind = Learned(model, {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}, None, 1, math.nan)
    found = compare(blind, blind, lectures)
    assert found.of["dass"] == (0.0,) and found.tasks == ("test",)
    assert found.of["least squares of the scores"][0] > 0.95 > abs(found.of["first"][0])
    assert found.of["second"][0] < 0
    worst = int(lectures[2].task.accuracies.argmin())
    for one in lectures[2].scores.values():
        one[worst] = np.nan
    assert compare(blind, blind, lectures).of["second"][0] > found.of["second"][0]  # it stood first there, and is last now
