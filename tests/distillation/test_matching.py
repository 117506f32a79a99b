"""Distances from a teacher against their definitions, picture by picture."""

import math

import numpy as np
import pytest
import torch

from mfsearch.distillation.matching import (
    attention_transfer,
    correlation_congruence,
    hints,
    probabilistic_transfer,
    relational,
    same_size,
    similarity_preserving,
)


def maps(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


A, B = maps((5, 4, 3, 3)), maps((5, 6, 3, 3), 1)  # feature maps
U, V = maps((5, 4)), maps((5, 7), 1)  # pooled vectors


def huber(x):
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def test_attention_by_hand():
    def attention(picture):
        energy = (picture.numpy() ** 2).mean(0).ravel()
        return energy / np.linalg.norm(energy)

    layer = np.mean([np.mean((attention(a) - attention(b)) ** 2) for a, b in zip(A, B, strict=True)])
    assert attention_transfer([A], [B]).item() == pytest.approx(layer)
    assert attention_transfer([A, A], [B, B]).item() == pytest.approx(2 * layer)


def test_hints_by_hand():
    other = maps((5, 4, 3, 3), 2)
    assert hints(A, other).item() == pytest.approx(np.mean((A.numpy() - other.numpy()) ** 2))


def test_similarities_by_hand():
    def similarity(features):
        flat = features.flatten(1).numpy()
        rows = [[float(np.dot(x, y)) for y in flat] for x in flat]
        return np.array([np.array(row) / np.linalg.norm(row) for row in rows])

    expected = np.sum((similarity(A) - similarity(B)) ** 2) / 25
    assert similarity_preserving(A, B).item() == pytest.approx(expected)


def test_neighbours_by_hand():
    def probabilities(vectors):
        v = vectors.numpy()
        kernel = np.array([[(np.dot(x, y) / np.linalg.norm(x) / np.linalg.norm(y) + 1) / 2 for y in v] for x in v])
        return kernel / kernel.sum(1, keepdims=True)

    p, q = probabilities(V), probabilities(U)
    assert probabilistic_transfer(U, V).item() == pytest.approx(np.mean(p * np.log(p / q)), rel=1e-4)


def test_relations_by_hand():
    def relations(vectors):
        v = vectors.numpy()
        n = range(len(v))
        distance = np.array([[np.linalg.norm(v[i] - v[j]) for j in n] for i in n])
        distance /= distance[distance > 0].mean()

        def angle(i, j, k):
            if j in (i, k) or i == k == j:
                return 0.0
            one, two = v[i] - v[j], v[k] - v[j]
            return float(np.dot(one, two) / np.linalg.norm(one) / np.linalg.norm(two))

        return distance, np.array([[[angle(i, j, k) for k in n] for i in n] for j in n])

    (d, a), (e, b) = relations(U), relations(V)
    expected = 25 * np.mean([huber(x) for x in (d - e).ravel()]) + 50 * np.mean([huber(x) for x in (a - b).ravel()])
    assert relational(U, V).item() == pytest.approx(expected)


def test_correlations_come_near_the_gaussian_kernel():
    """The oracle is the kernel itself, of which high orders of the series differ little."""

    def kernel(vectors):
        unit = vectors / vectors.norm(dim=1, keepdim=True)
        return torch.exp(-0.4 * (unit[:, None] - unit).square().sum(-1))

    exact = (kernel(U) - kernel(V)).square().mean().item()
    assert correlation_congruence(U, V, order=12).item() == pytest.approx(exact, rel=1e-8)
    assert correlation_congruence(U, V).item() == pytest.approx(exact, rel=0.1)
    unit = U / U.norm(dim=1, keepdim=True)
    first = math.exp(-0.8) * (1 + 0.8 * (unit[0] @ unit[1]).item())
    others = correlation_congruence(U[:2], torch.ones(2, 3, dtype=torch.float64), order=1).item()
    assert others == pytest.approx((first - math.exp(-0.8) * 1.8) ** 2 / 2)


@pytest.mark.parametrize(
    "loss", [attention_transfer, hints, similarity_preserving, probabilistic_transfer, relational, correlation_congruence]
)
def test_gradients_and_zero_for_equals(loss):
    shape = (5, 4, 3, 3) if loss in (attention_transfer, hints, similarity_preserving) else (5, 4)
    student, teacher = maps(shape).requires_grad_(), maps(shape, 3)

    def value(own, other):
        return loss([own], [other]) if loss is attention_transfer else loss(own, other)

    assert torch.autograd.gradcheck(lambda s: value(s, teacher), student)
    assert value(student, student).item() == pytest.approx(0, abs=1e-12)
    assert value(student, teacher).item() > 0


@pytest.mark.parametrize("loss", [probabilistic_transfer, relational, correlation_congruence])
def test_doubles_and_zeros_have_finite_gradients(loss):
    student = torch.cat([maps((2, 3)), maps((2, 3)), torch.zeros(1, 3, dtype=torch.float64)]).requires_grad_()
    loss(student, V).backward()
    assert student.grad is not None and torch.isfinite(student.grad).all()


def test_the_larger_picture_is_pooled():
    small, large = maps((2, 3, 2, 2)), maps((2, 3, 4, 4), 1)
    own, other = same_size(large, small)
    assert own.shape == other.shape == (2, 3, 2, 2) and other is small
    assert own[0, 0, 0, 0].item() == pytest.approx(large[0, 0, :2, :2].mean().item())
