"""The rung on tiny digits: seeds, artifacts, limits, and the verdict on what it wrote."""

import math
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mfsearch.distillation.trainer import evaluate, train
from mfsearch.errors import ConfigError, DataError, LimitReachedError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.distillation import Distillation, accuracy_on_test
from mfsearch.fidelities.live import LiveTask
from mfsearch.records import Task
from mfsearch.spaces.nasbench201 import NASBench201Space

TASK = Task(
    "digits",
    (1, 16, 16),
    10,
    {"epochs": 2, "train": 64, "val": 50, "test": 40},
    {"channels": 4, "cells": 1, "reduction": "light"},
    {"channels": 4, "training": {"epochs": 1}, "feature_epochs": 2},
)
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
EMPTY = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory):
    live = LiveTask(NASBench201Space(), TASK, tmp_path_factory.mktemp("home"))
    rung = Distillation("kd", live, 1, "kd", 1.0)
    rung.resources[0].prepare(Context(0, math.inf, live.home))
    return live


def context(path: Path, seed: int = 0, limit: float = math.inf):
    return Context(seed, limit, path)


@pytest.mark.parametrize("loss", ["ce", "kd", "nst"])
def test_measures_and_writes_in_its_folder_only(live, tmp_path: Path, loss):
    before = sorted(live.home.rglob("*"))
    rung = Distillation("rung", live, 3, loss, 1.0)
    cell = live.space.parse(CELL)
    measured = rung.evaluate(cell, context(tmp_path))
    assert set(measured.values) == {"val_accuracy", "train_accuracy", "train_loss"}
    for curve in (measured.extras["train_loss_curve"], measured.extras["train_accuracy_curve"]):
        assert isinstance(curve, list) and len(curve) == 3
    assert list(tmp_path.iterdir()) == [measured.artifacts["weights"]]
    assert sorted(live.home.rglob("*")) == before
    network = live.space.build(cell, TASK)
    network.load_state_dict(load_file(measured.artifacts["weights"]))
    assert evaluate(network, live.data.val_images, live.data.val_labels) == pytest.approx(measured.values["val_accuracy"])


def test_seed_decides(live, tmp_path: Path):
    rung = Distillation("nst", live, 1, "nst", 1.0, signal="-train_loss")
    cell = live.space.parse(CELL)
    torch.manual_seed(1)
    one = rung.evaluate(cell, context(tmp_path, 1)).values
    torch.manual_seed(2)
    assert rung.evaluate(cell, context(tmp_path, 1)).values == one
    assert rung.evaluate(cell, context(tmp_path, 2)).values != one


def test_validates_only_where_it_is_asked_for(live, tmp_path: Path):
    cell = live.space.parse(CELL)
    silent = Distillation("nst", live, 1, "nst", 1.0, signal="-train_loss", keep_weights=False)
    measured = silent.evaluate(cell, context(tmp_path))
    assert set(measured.values) == {"train_accuracy", "train_loss"}
    assert not measured.artifacts and not list(tmp_path.iterdir())
    asked = Distillation("nst", live, 1, "nst", 1.0, signal="-train_loss", validate=True)
    assert "val_accuracy" in asked.evaluate(cell, context(tmp_path)).values


def test_a_batch_that_does_not_fit_is_halved_once(live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a GPU raises is raised here for batches above a size: the run is the one with half the batch and half the rate."""
    most = 16

    def small(model, data, recipe, *rest):
        if recipe.batch > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return train(model, data, recipe, *rest)

    monkeypatch.setattr("mfsearch.fidelities.distillation.train", small)
    cell = live.space.parse(CELL)
    halved = Distillation("kd", live, 2, "kd", 1.0, batch=32, learning_rate=0.1).evaluate(cell, context(tmp_path))
    expected = Distillation("kd", live, 2, "kd", 1.0, batch=16, learning_rate=0.05).evaluate(cell, context(tmp_path))
    assert halved.values == expected.values and halved.extras["batch"] == 16 and "batch" not in expected.extras
    most = 8
    with pytest.raises(torch.OutOfMemoryError):
        Distillation("kd", live, 2, "kd", 1.0, batch=32).evaluate(cell, context(tmp_path))


def test_validation_after_every_epoch_is_kept(live, tmp_path: Path):
    rung = Distillation("ce", live, 3, "ce", 1.0, validate_each=True, precision="float32")
    curve = rung.evaluate(live.space.parse(CELL), context(tmp_path)).extras["val_accuracy_curve"]
    assert isinstance(curve, list) and len(curve) == 3 and rung.training.precision == "float32"


def test_an_empty_cell_is_measured_too(live, tmp_path: Path):
    measured = Distillation("nst", live, 1, "nst", 1.0).evaluate(live.space.parse(EMPTY), context(tmp_path))
    assert all(math.isfinite(value) for value in measured.values.values())


def test_limit_holds(live, tmp_path: Path):
    with pytest.raises(LimitReachedError):
        Distillation("kd", live, 1, "kd", 1.0).evaluate(live.space.parse(CELL), context(tmp_path, limit=0.0))


def test_expected_cost(live):
    cell = live.space.parse(CELL)
    assert Distillation("a", live, 1, "ce", 3.0).expected_cost(cell) == 3.0
    assert Distillation("a", live, 1, "ce", lambda a: float(len(a.key))).expected_cost(cell) == len(CELL)


def test_only_who_learns_from_a_teacher_needs_one(live):
    assert Distillation("a", live, 1, "ce", 1.0).resources == ()
    keys = {Distillation("a", live, 1, loss, 1.0).resources[0].key for loss in ("kd", "nst")}
    assert len(keys) == 1


def test_pickles(live, tmp_path: Path):
    rung = pickle.loads(pickle.dumps(Distillation("kd", live, 1, "kd", 1.0)))
    assert rung.evaluate(live.space.parse(CELL), context(tmp_path)).values["val_accuracy"] >= 0


def test_verdict(live, tmp_path: Path):
    cell = live.space.parse(CELL)
    weights = Distillation("kd", live, 2, "kd", 1.0).evaluate(cell, context(tmp_path)).artifacts["weights"]
    network = live.space.build(cell, TASK)
    network.load_state_dict(load_file(weights))
    data = live.data
    expected = evaluate(network, data.test_images, data.test_labels)
    assert accuracy_on_test(live, cell, weights) == pytest.approx(expected)
    own = evaluate(network, data.val_images, data.val_labels)
    assert accuracy_on_test(live, cell, weights, (data.val_images, data.val_labels)) == pytest.approx(own)


def test_wrong_weights_are_said(live, tmp_path: Path):
    cell = live.space.parse(CELL)
    with pytest.raises(DataError, match="weights must be a safetensors file of .nor_conv_3x3~0.*; .* is not"):
        accuracy_on_test(live, cell, tmp_path / "none.safetensors")
    weights = Distillation("ce", live, 1, "ce", 1.0).evaluate(live.space.parse(EMPTY), context(tmp_path)).artifacts["weights"]
    with pytest.raises(DataError, match="weights must be a safetensors file of"):
        accuracy_on_test(live, cell, weights)


def test_wrong_signals_are_said(live):
    with pytest.raises(ConfigError, match="signal must be one of val_accuracy, train_loss, train_accuracy; got 'loss'"):
        Distillation("a", live, 1, "ce", 1.0, signal="loss")
    with pytest.raises(ConfigError, match="a rung whose signal is val_accuracy must validate; got validate: false"):
        Distillation("a", live, 1, "ce", 1.0, validate=False)


def test_a_higher_rung_goes_on_from_a_lower_one(live, tmp_path: Path):
    """The result is that of the whole run with the lower rung's seed, for the time of what was left."""
    few = Distillation("few", live, 5, "ce", 1.0, schedule="wsd", keep_checkpoint=True, keep_weights=False)
    full = Distillation("full", live, 10, "ce", 1.0, schedule="wsd", continues="few")
    full.check_continues([few, full])
    cell = live.space.parse(CELL)
    (tmp_path / "few").mkdir()
    low = few.evaluate(cell, context(tmp_path / "few", seed=7))
    assert low.artifacts["checkpoint"].parent == tmp_path / "few"
    files = {"few": {"checkpoint": str(low.artifacts["checkpoint"])}}
    steps = []
    going_on = Context(8, math.inf, tmp_path, earlier=files, progress=lambda fraction, text: steps.append(fraction))
    high = full.evaluate(cell, going_on)
    assert high.extras["continued_from_epoch"] == 4 and len(steps) == 6
    assert high.values == full.evaluate(cell, context(tmp_path, seed=7)).values
    # A second seed is a run of its own; so is one whose checkpoint is gone.
    second = full.evaluate(cell, Context(8, math.inf, tmp_path, earlier={**files, "full": {}}))
    halved = Distillation("few", live, 5, "ce", 1.0, batch=16, learning_rate=0.05, schedule="wsd", keep_checkpoint=True)
    (tmp_path / "halved").mkdir()
    other = halved.evaluate(cell, context(tmp_path / "halved", seed=7)).artifacts["checkpoint"]  # as where memory ran out below
    unlike = full.evaluate(cell, Context(8, math.inf, tmp_path, earlier={"few": {"checkpoint": str(other)}}))
    assert "continued_from_epoch" not in unlike.extras
    low.artifacts["checkpoint"].unlink()
    alone = full.evaluate(cell, Context(8, math.inf, tmp_path, earlier=files))
    assert second.values == alone.values == unlike.values == full.evaluate(cell, context(tmp_path, seed=8)).values
    assert "continued_from_epoch" not in second.extras


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ({}, {"continues": "none"}, "must go on from a rung that trains and has keep_checkpoint: true; 'none' is none"),
        ({"keep_checkpoint": False}, {}, "must go on from a rung that trains and has keep_checkpoint: true; 'few' is none"),
        ({"batch": 16}, {"learning_rate": 0.2}, "they differ in batch, learning_rate"),
        ({"warmup": 0.2}, {"warmup": 0.2}, "they differ in warmup_epochs"),
        ({"epochs": 20}, {}, "must be longer than 'few'"),
    ],
)
def test_a_rung_goes_on_from_its_own_beginning_alone(live, low, high, message):
    settings = {"schedule": "wsd", "keep_checkpoint": True}
    few = Distillation("few", live, **{"epochs": 5, "loss": "ce", "expected_seconds": 1.0, **settings, **low})
    full = Distillation(
        "full", live, **{"epochs": 10, "loss": "ce", "expected_seconds": 1.0, "schedule": "wsd", "continues": "few", **high}
    )
    with pytest.raises(ConfigError, match=message):
        full.check_continues([few, full])


def test_a_cosine_says_plainly_that_it_cannot_go_on(live):
    with pytest.raises(
        ConfigError, match="must have schedule 'wsd' .*; 'full' has 'cosine' and 10 epochs. A cosine of another length is"
    ):
        Distillation("full", live, 10, "ce", 1.0, continues="few")


def test_a_presets_weights_and_what_wins_over_them(live):
    mfkd = Distillation("kd", live, 1, "kd", 1.0, preset="mfkd").training.settings
    assert (mfkd.alpha, mfkd.temperature) == (0.1, 4.0)
    mixed = Distillation("kd", live, 1, "kd", 1.0, preset="mfkd", temperature=2.0).training.settings
    assert (mixed.alpha, mixed.temperature) == (0.1, 2.0)
    own = Distillation("kd", live, 1, "kd", 1.0).training.settings
    assert (own.alpha, own.temperature, own.beta) == (0.5, 6.0, None)
    assert Distillation("nst", live, 1, "nst", 1.0, preset="mfkd", kernel="linear").training.settings.kernel == "linear"
