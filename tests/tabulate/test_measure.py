from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mfsearch.config import Component, StudyConfig
from mfsearch.errors import ConfigError
from mfsearch.execution.purchases import evaluation_seed
from mfsearch.fidelities.base import Context
from mfsearch.tabulate.measure import Setting, Task, describe, load, measure
from mfsearch.tabulate.plan import Planned

CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


@pytest.fixture
def setting(config: StudyConfig, home: Path) -> Setting:
    made = Setting(config, home)
    for resource in load(made).ladder.resources:
        resource.prepare(Context(0, math.inf, home))
    return made


def test_one_architecture_on_every_rung(setting: Setting, tmp_path: Path):
    problem = load(setting)
    cell = problem.space.parse(CELL)
    rows = measure(Task(setting, Planned(cell, "sample")))
    assert not isinstance(rows, str)
    assert [(row.rung, row.status, row.group) for row in rows] == [
        ("proxies", "ok", "sample"),
        ("few", "ok", "sample"),
        ("full", "ok", "sample"),
        ("full", "ok", "sample"),
    ]
    assert {row.architecture for row in rows} == {cell.key} and all(row.seconds > 0 for row in rows)
    scores, few, one, other = rows
    assert scores.seed is None and set(scores.figures) == {"params", "synflow"}
    # What is in the table is what the rung itself measures with that seed.
    rung = problem.ladder["full"]
    assert [row.seed for row in (one, other)] == [evaluation_seed(0, cell.key, "full", k) for k in (0, 1)]
    again = rung.evaluate(cell, Context(int(str(one.seed)), math.inf, tmp_path))  # type: ignore[attr-defined]
    assert {name: one.figures[name] for name in again.values} == again.values
    assert list(one.curves["train_loss_curve"]) == again.extras["train_loss_curve"]
    assert one.figures["val_accuracy"] != other.figures["val_accuracy"] or one.curves != other.curves
    # Test accuracy where weights are kept; the time of validation apart, so that it can be left out.
    assert 0 <= float(str(one.figures["test_accuracy"])) <= 100 and "test_accuracy" not in few.figures
    assert 0 < float(str(few.figures["validation_seconds"])) < few.seconds


def test_seeds_may_be_more_than_the_rung_says(setting: Setting):
    cell = load(setting).space.parse(CELL)
    rows = measure(Task(Setting(setting.config, setting.home, 3), Planned(cell, "sample")))
    assert not isinstance(rows, str)
    assert [row.rung for row in rows] == ["proxies", *["few"] * 3, *["full"] * 3]


def test_a_table_says_what_it_was_measured_with(setting: Setting):
    about = describe(setting)
    assert [(rung.name, rung.kind, rung.signal, rung.seeds, rung.resource, rung.shared) for rung in about.rungs] == [
        ("proxies", "score", "params", 1, None, ()),
        ("few", "evaluation", "-train_loss", 1, 1.0, ()),
        ("full", "evaluation", "val_accuracy", 2, 2.0, ("teacher",)),
    ]
    assert about.rungs[0].columns == ("params", "synflow") and about.rungs[0].capacity == (True, False)
    assert about.shared["teacher"] > 0 and about.clock == "cpu" and about.objective.signal == "val_accuracy"
    assert about.config["space"] == {"use": "nasbench201"} and "execution" not in about.config
    assert "torch" in about.machines[0] and str(setting.home) not in repr(about)


def test_what_fails_is_a_row(setting: Setting, config: StudyConfig):
    wrong = config.model_dump(mode="json")
    wrong["ladder"][1] |= {"learning_rate": 1e30}
    rows = measure(
        Task(Setting(StudyConfig.model_validate(wrong), setting.home), Planned(load(setting).space.parse(CELL), "sample"))
    )
    assert not isinstance(rows, str)
    assert [row.status for row in rows] == ["ok", "failed", "ok", "ok"]
    assert "training loss must be finite" in str(rows[1].message) and not rows[1].figures


def test_a_ready_made_problems_table_names_its_space(home: Path):
    small = {"train": 32, "epochs": 1, "val": 40, "test": 40}
    about = describe(Setting(StudyConfig(problem=Component(use="digits", options=small)), home))
    assert about.config["space"] == {"use": "nasbench201"}
    with pytest.raises(
        ConfigError, match="must be of a space that a config can name, one of nasbench201, resnet; 'branin' has 'branin'"
    ):
        describe(Setting(StudyConfig(problem=Component(use="branin")), home))


def test_a_table_does_not_say_where_its_pictures_lay(tmp_path: Path, home: Path):
    rng, labels = np.random.default_rng(0), np.arange(60) % 3
    images = rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "rows.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    config = StudyConfig.model_validate(
        {
            "space": "nasbench201",
            "task": {"use": "pictures", "path": str(tmp_path / "rows.npz"), "network": {"channels": 4, "cells": 1}},
            "ladder": [{"use": "training", "name": "full", "epochs": 1, "expected_seconds": 1.0}],
        }
    )
    about = describe(Setting(config, home))
    assert about.config["task"]["path"] == "rows.npz" and str(tmp_path) not in repr(about)
