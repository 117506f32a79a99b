from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mfsearch.networks.base import AbstractFeatureNetwork
from mfsearch.networks.nasbench201 import NASBench201Network
from mfsearch.proxies.diswot import DISWOT, semantic
from mfsearch.proxies.gaussian import redrawn
from mfsearch.proxies.probe import Probe
from mfsearch.proxies.reference import SEEDS, Reference


def outer(gradient: np.ndarray) -> np.ndarray:
    """E of every class, K x C x C: the outer product of its gradient with itself, each row of unit length."""
    found = []
    for g in gradient:
        e = np.outer(g, g)
        norms = np.linalg.norm(e, axis=1, keepdims=True)
        found.append(np.divide(e, norms, out=np.zeros_like(e), where=norms > 0))
    return np.stack(found)


def slow(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """E, and the similarities of the images in the map that the network pools."""
    model = redrawn(network, torch.Generator().manual_seed(seed))
    assert isinstance(model, AbstractFeatureNetwork) and isinstance(model.classifier, nn.Linear)
    *_, block, _, logits = model.forward_features(images)
    nn.functional.cross_entropy(logits, labels).backward()
    assert model.classifier.weight.grad is not None
    if isinstance(model, NASBench201Network):  # norms and rectifies once more behind its last cell
        block = torch.relu(nn.functional.batch_norm(block, None, None, training=True))
    flat = block.detach().flatten(1).double().numpy()
    similar = flat @ flat.T
    return outer(model.classifier.weight.grad.double().numpy()), similar / np.linalg.norm(similar, axis=1, keepdims=True)


def test_equals_the_definition(case: Any) -> None:
    teacher = NASBench201Network(("nor_conv_3x3",) * 6, case.in_channels, case.classes, case.channels, case.cells)
    total = 0.0
    for seed in range(SEEDS):
        (own, relations), (other, others) = (slow(net, case.images, case.labels, seed) for net in (case.network(), teacher))
        total += np.sum((own - other) ** 2) / (own.shape[0] * own.shape[1])
        total += np.sum((relations - others) ** 2) / len(relations) ** 2
    assert DISWOT.compute(case.probe()) == pytest.approx(-total / SEEDS, rel=1e-4, abs=1e-9)


def test_nobody_resembles_a_teacher_more_than_itself(case: Any) -> None:
    same = Probe(case.network(), case.images, case.labels, teacher=Reference(case.network(), case.images, case.labels))
    assert DISWOT.compute(same) == pytest.approx(0.0, abs=1e-9)
    assert DISWOT.compute(case.probe()) <= 1e-9


def test_the_closed_form_holds_for_zeros() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(4, 6, generator=generator), torch.randn(4, 6, generator=generator)
    student[0] = 0
    student[1, 2] = teacher[1, 3] = teacher[2, 2] = 0
    expected = np.mean(np.sum((outer(student.double().numpy()) - outer(teacher.double().numpy())) ** 2, axis=2))
    assert semantic(student, teacher) == pytest.approx(expected)


def test_undefined_without_a_teacher_a_path_or_a_common_width(case: Any, disconnected: Any) -> None:
    assert math.isnan(DISWOT.compute(Probe(case.network(), case.images, case.labels)))
    assert math.isnan(DISWOT.compute(disconnected.probe()))
    wide = NASBench201Network(("nor_conv_3x3",) * 6, case.in_channels, case.classes, 2 * case.channels, case.cells)
    other = Reference(wide, case.images, case.labels)
    assert math.isnan(DISWOT.compute(Probe(case.network(), case.images, case.labels, teacher=other)))
