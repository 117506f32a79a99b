"""A run that goes on is the run from its beginning, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mfsearch.datasets.base import ImageData
from mfsearch.distillation.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mfsearch.distillation.feeding import TeacherOutputs
from mfsearch.distillation.losses import LossSettings
from mfsearch.distillation.trainer import TrainingRecipe, TrainingResult, train
from mfsearch.errors import DataError
from mfsearch.networks.nasbench201 import NASBench201Network

CELL = ("nor_conv_3x3", "nor_conv_1x1", "skip_connect", "avg_pool_3x3", "none", "nor_conv_3x3")
SHORT = TrainingRecipe(epochs=5, loss="hints", batch=8, schedule="wsd", warmup=0.2, decay=0.4, settings=LossSettings(beta=0.1))
LONG = replace(SHORT, epochs=10, warmup=0.1, decay=0.2)


@pytest.fixture(scope="module")
def data() -> ImageData:
    draw = torch.Generator().manual_seed(0)
    bank, labels = torch.randn(2, 32, 1, 8, 8, generator=draw), torch.arange(64).view(2, 32) % 3
    return ImageData(bank, labels, bank[0], labels[0], bank[1], labels[1], 3, "noise")


def network(seed: int = 0, channels: int = 4) -> NASBench201Network:
    torch.manual_seed(seed)
    return NASBench201Network(CELL, 1, 3, channels, 1, "light")


def run(
    data: ImageData,
    recipe: TrainingRecipe,
    start: Checkpoint | None = None,
    seed: int = 3,
    model: NASBench201Network | None = None,
) -> tuple[TrainingResult, dict[str, Tensor], list[Checkpoint]]:
    kept: list[Checkpoint] = []
    own = model or network(seed)
    teacher = TeacherOutputs(network=network(9, 8).eval())
    result = train(own, data, recipe, seed, teacher, start=start, keep=kept.append)
    return result, own.state_dict(), kept


def test_going_on_is_training_from_the_beginning(data: ImageData, tmp_path: Path):
    short, _, (checkpoint,) = run(data, SHORT)
    assert checkpoint.epoch == SHORT.stable_epochs == 3 and LONG.stable_epochs == 8
    save_checkpoint(tmp_path / "c.safetensors", checkpoint)
    whole, weights, _ = run(data, LONG)
    # Another initialisation, and whatever the global generator has come to, do not matter.
    continued, same, _ = run(data, LONG, load_checkpoint(tmp_path / "c.safetensors"), model=network(77))
    assert continued == whole and continued.losses[:3] == short.losses[:3]
    assert all(torch.equal(weights[name], same[name]) for name in weights)


@pytest.mark.parametrize(
    ("recipe", "seed"), [(replace(LONG, batch=16), 3), (replace(LONG, warmup=0.2), 3), (replace(LONG, schedule="cosine"), 3), (LONG, 4),
                         (replace(LONG, epochs=2, warmup=0.5), 3)]
)  # fmt: skip
def test_another_run_does_not_go_on(data: ImageData, recipe: TrainingRecipe, seed: int):
    _, _, (checkpoint,) = run(data, SHORT)
    with pytest.raises(DataError, match="must be of a shorter run of the same recipe and seed"):
        run(data, recipe, checkpoint, seed)


def test_another_network_does_not_go_on(data: ImageData):
    _, _, (checkpoint,) = run(data, SHORT)
    with pytest.raises(DataError, match="a checkpoint must be of the network that goes on"):
        run(data, LONG, checkpoint, model=network(3, 8))


def test_a_cosine_has_no_beginning_to_share(data: ImageData):
    assert run(data, replace(SHORT, schedule="cosine"))[2] == []


def test_damage_is_noticed(data: ImageData, tmp_path: Path):
    path = tmp_path / "c.safetensors"
    with pytest.raises(DataError, match="must be a whole safetensors file of ours"):
        load_checkpoint(path)
    save_checkpoint(path, run(data, SHORT)[2][0])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="must be a whole safetensors file of ours"):
        load_checkpoint(path)
