import dataclasses
import pickle
from pathlib import Path

import pytest
import torch

from mfsearch.distillation.teacher import TeacherRecipe
from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.live import LiveTask
from mfsearch.records import Task
from mfsearch.spaces.nasbench201 import NASBench201Space

TASK = Task(
    "digits",
    (1, 16, 16),
    10,
    {"seed": 0, "epochs": 2, "train": 64, "val": 50, "test": 40},
    {"channels": 4, "cells": 1, "reduction": "light"},
    {"channels": 4, "training": {"epochs": 1}, "feature_epochs": 1},
)
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


@pytest.fixture
def live(tmp_path: Path):
    return LiveTask(NASBench201Space(), TASK, tmp_path)


def test_data_is_loaded_once(live):
    assert live.data is live.data
    assert live.data_on("cpu") is live.data, "nothing is copied where it is"
    assert live.data.train_images.shape == (2, 64, 1, 16, 16)
    assert [path.parent.name for path in live.home.rglob("*.safetensors")] == ["data"]


def test_teacher_recipe_fills_what_is_left_out(live):
    assert live.teacher_recipe == dataclasses.replace(
        TeacherRecipe(), channels=4, feature_epochs=1, training=dataclasses.replace(TeacherRecipe().training, epochs=1)
    )
    default = LiveTask(live.space, dataclasses.replace(TASK, teacher={"operations": ["none"] * 6}), live.home)
    assert default.teacher_recipe == dataclasses.replace(TeacherRecipe(), operations=("none",) * 6)


def test_teacher_must_have_been_made(live):
    with pytest.raises(DataError, match="the teacher must be trained before it is used"):
        _ = live.teacher


def test_network_depends_on_the_seed_alone(live):
    cell = live.space.parse(CELL)
    state = torch.get_rng_state()
    one, two, three = (live.network(cell, seed).classifier.weight for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, three)
    assert torch.equal(state, torch.get_rng_state())


def test_threads_are_given_back(live):
    before = torch.get_num_threads()
    with LiveTask(live.space, TASK, live.home, threads=2).limited_threads():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


def test_pickles_without_what_it_loaded(live):
    assert live.data is not None
    text = pickle.dumps(live)
    assert len(text) < 5000
    assert pickle.loads(text).task == TASK


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "mnist"}, "dataset must be one of digits, pictures; got 'mnist'"),
        ({"classes": 5}, r"task must have the data's shape \(1, 16, 16\) and 10 classes; got \(1, 16, 16\) and 5"),
    ],
)
def test_wrong_data(live, changes, message):
    with pytest.raises(ConfigError, match=message):
        _ = LiveTask(live.space, dataclasses.replace(TASK, **changes), live.home).data


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ({"widths": 3}, "settings of the teacher must be among operations, .*; got widths"),
        ({"training": {"lr": 3}}, "settings of the teacher: training must be among epochs, .*; got lr"),
        ({"training": 40}, "'training' of the teacher must be a mapping; got 40"),
    ],
)
def test_wrong_teacher(live, teacher, message):
    with pytest.raises(ConfigError, match=message):
        _ = LiveTask(live.space, dataclasses.replace(TASK, teacher=teacher), live.home).teacher_recipe
