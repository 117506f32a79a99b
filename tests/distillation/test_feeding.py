from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mfsearch.datasets.base import ImageData
from mfsearch.datasets.distortion import Distortion
from mfsearch.distillation.feeding import TeacherOutputs, batches, check, outputs
from mfsearch.errors import EvaluationError
from mfsearch.networks.nasbench201 import NASBench201Network

CELL = ("nor_conv_3x3", "nor_conv_1x1", "skip_connect", "avg_pool_3x3", "none", "nor_conv_3x3")


@pytest.fixture
def data() -> ImageData:
    draw = torch.Generator().manual_seed(0)
    bank, labels = torch.randn(2, 10, 1, 8, 8, generator=draw), torch.arange(20).view(2, 10) % 3
    return ImageData(bank, labels, bank[0], labels[0], bank[1], labels[1], 3, "noise")


@pytest.fixture
def network() -> NASBench201Network:
    torch.manual_seed(0)
    return NASBench201Network(CELL, 1, 3, 4, 1, "light").eval().requires_grad_(False)


def order(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_batches_are_the_banks_in_the_order_that_was_drawn(data: ImageData):
    chosen = torch.randperm(10, generator=order())
    for epoch in (0, 1, 2):
        fed = list(batches(data, None, "ce", 4, epoch, order(), 0, "cpu"))
        assert len(fed) == 2, "what does not fill a batch is left out"
        for step, batch in enumerate(fed):
            rows = chosen[4 * step : 4 * step + 4]
            assert torch.equal(batch.images, data.train_images[epoch % 2][rows])
            assert torch.equal(batch.labels, data.train_labels[epoch % 2][rows])


@pytest.mark.parametrize(("loss", "needs"), [("kd", "logits"), ("nst", "blocks"), ("rkd", "pooled")])
def test_a_teacher_that_is_asked_says_what_was_kept_of_it(data: ImageData, network: NASBench201Network, loss: str, needs: str):
    said = outputs(network, data.train_images.flatten(0, 1))
    assert said.pooled is not None
    blocks = tuple(maps.unflatten(0, (2, 10)) for maps in said.blocks)
    kept = TeacherOutputs(said.logits.unflatten(0, (2, 10)), blocks, said.pooled.unflatten(0, (2, 10)))
    for epoch in (0, 1):
        cached = batches(data, kept, loss, 5, epoch, order(), 0, "cpu")
        asked = batches(data, TeacherOutputs(network=network), loss, 5, epoch, order(), 0, "cpu")
        for one, other in zip(cached, asked, strict=True):
            for a, b in zip(*(_of(batch.teacher, needs) for batch in (one, other)), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def _of(said: object, needs: str) -> tuple[torch.Tensor, ...]:
    found = getattr(said, needs)
    return found if isinstance(found, tuple) else (found,)


def test_features_of_some_epochs_are_asked_for_in_the_others(data: ImageData, network: NASBench201Network):
    first = tuple(maps.unsqueeze(0) for maps in outputs(network, data.train_images[0]).blocks)
    teacher = TeacherOutputs(features=first, network=network)
    assert teacher.kept("blocks", 0) and not teacher.kept("blocks", 1)
    (batch,) = batches(data, teacher, "nst", 10, 1, order(), 0, "cpu")
    torch.testing.assert_close(batch.teacher.blocks[0], outputs(network, batch.images).blocks[0])


def test_distorted_pictures_are_new_in_every_epoch_and_so_is_what_the_teacher_says(data: ImageData, network: NASBench201Network):
    moving = replace(data, distortion=Distortion(2, True, torch.zeros(1, 1, 1)))
    wrong = TeacherOutputs(torch.zeros(2, 10, 3), network=network)  # of pictures that are not seen
    fed = [next(iter(batches(moving, wrong, "kd", 10, epoch, order(), 3, "cpu"))) for epoch in (0, 2, 0)]
    assert torch.equal(fed[0].images, fed[2].images) and not torch.equal(fed[0].images, fed[1].images)
    assert torch.equal(fed[0].labels, fed[1].labels)
    assert moving.distortion is not None
    rows = torch.randperm(10, generator=order())
    expected = moving.distortion(data.train_images[0][rows], np.random.default_rng([3, 3, 0]))
    assert torch.equal(fed[0].images, expected)
    torch.testing.assert_close(fed[0].teacher.logits, network(expected), rtol=1e-4, atol=1e-5)
    with pytest.raises(EvaluationError, match="must have the teacher's network where pictures are distorted anew"):
        check(network, moving, "kd", 5, 1, TeacherOutputs(torch.zeros(2, 10, 3)))


def test_shapes_come_from_what_was_kept_or_from_the_network(data: ImageData, network: NASBench201Network):
    two = data.train_images[0, :2]
    kept = TeacherOutputs(features=tuple(maps[None] for maps in outputs(network, data.train_images[0]).blocks))
    for teacher in (kept, TeacherOutputs(network=network)):
        assert [maps.shape for maps in teacher.sample(two).blocks] == [maps.shape for maps in outputs(network, two).blocks]
