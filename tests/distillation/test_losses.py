"""Losses against their definitions, written out as sums."""

import pytest
import torch
from torch.nn import functional as F

from mfsearch.distillation.losses import cross_entropy, knowledge_distillation, neuron_selectivity

SHAPES = [((3, 4, 5, 5), (3, 6, 5, 5)), ((3, 9, 2, 2), (3, 12, 2, 2))]  # channel Gram matrices, then pixel ones


def maps(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def explicit(student, teacher):
    """The squared maximum mean discrepancy as a sum over all pairs of channels."""
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        s = [f.flatten() / f.norm() for f in s]
        t = [f.flatten() / f.norm() for f in t]
        kernel = lambda x, y: (x @ y).item() ** 2  # noqa: E731
        total += sum(kernel(a, b) for a in s for b in s) / len(s) ** 2
        total += sum(kernel(a, b) for a in t for b in t) / len(t) ** 2
        total -= 2 * sum(kernel(a, b) for a in s for b in t) / (len(s) * len(t))
    return total / len(student)


@pytest.mark.parametrize(("ours", "theirs"), SHAPES)
def test_nst_is_the_kernel_sum(ours, theirs):
    student, teacher = maps(ours), maps(theirs, 1)
    assert neuron_selectivity([student], [teacher]).item() == pytest.approx(explicit(student, teacher))


@pytest.mark.parametrize(("ours", "theirs"), SHAPES)
def test_nst_without_the_teachers_term_differs_by_a_constant(ours, theirs):
    teacher = maps(theirs, 1)
    gaps = [
        neuron_selectivity([s], [teacher]) - neuron_selectivity([s], [teacher], teacher_term=False)
        for s in (maps(ours), maps(ours, 2))
    ]
    assert gaps[0].item() == pytest.approx(gaps[1].item())
    assert gaps[0].item() > 0


def test_nst_of_equals_is_zero():
    assert neuron_selectivity([maps((3, 4, 5, 5))], [maps((3, 4, 5, 5))]).item() == pytest.approx(0, abs=1e-12)


def test_nst_ignores_the_order_and_scale_of_channels():
    student, teacher = maps((3, 4, 5, 5)), maps((3, 6, 5, 5), 1)
    other = student[:, [2, 0, 3, 1]] * torch.tensor([0.1, 2.0, 30.0, 1.0], dtype=torch.float64).view(-1, 1, 1)
    assert neuron_selectivity([other], [teacher]).item() == pytest.approx(neuron_selectivity([student], [teacher]).item())


def test_nst_adds_layers():
    pairs = [(maps(a), maps(b, 1)) for a, b in SHAPES]
    whole = neuron_selectivity([s for s, _ in pairs], [t for _, t in pairs])
    assert whole.item() == pytest.approx(sum(neuron_selectivity([s], [t]).item() for s, t in pairs))


def test_nst_pools_the_larger_picture():
    student, teacher = maps((2, 3, 4, 4)), maps((2, 5, 8, 8), 1)
    pooled = neuron_selectivity([student], [F.avg_pool2d(teacher, 2)])
    assert neuron_selectivity([student], [teacher]).item() == pytest.approx(pooled.item())


@pytest.mark.parametrize(("ours", "theirs"), SHAPES)
def test_nst_gradient(ours, theirs):
    student = maps(ours).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: neuron_selectivity([s], [maps(theirs, 1)], teacher_term=False), student)


def test_nst_of_dead_channels_is_finite():
    student = torch.zeros(2, 3, 4, 4, requires_grad=True)
    loss = neuron_selectivity([student], [torch.randn(2, 5, 4, 4)])
    loss.backward()
    assert torch.isfinite(loss) and student.grad is not None and not student.grad.any()


def test_kd_by_hand():
    logits, teacher, labels = maps((4, 5)), maps((4, 5), 1), torch.tensor([0, 4, 2, 1])
    p, q = F.softmax(teacher / 6, 1), F.softmax(logits / 6, 1)
    kl = (p * (p.log() - q.log())).sum(1).mean()
    ce = -F.softmax(logits, 1)[range(4), labels].log().mean()
    assert knowledge_distillation(logits, labels, teacher, 0.3, 6.0).item() == pytest.approx((0.7 * 36 * kl + 0.3 * ce).item())
    assert cross_entropy(logits, labels).item() == pytest.approx(ce.item())


def test_kd_gradient():
    logits, labels = maps((4, 5)).requires_grad_(), torch.tensor([0, 4, 2, 1])
    assert torch.autograd.gradcheck(lambda x: knowledge_distillation(x, labels, maps((4, 5), 1)), logits)


def test_kd_with_an_equal_teacher_leaves_the_labels():
    logits, labels = maps((4, 5)), torch.tensor([0, 4, 2, 1])
    assert knowledge_distillation(logits, labels, logits, 1.0) == cross_entropy(logits, labels)
    assert knowledge_distillation(logits, labels, logits, 0.0).item() == pytest.approx(0, abs=1e-12)
