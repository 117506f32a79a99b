"""Neuron selectivity transfer against its definition, written out as sums."""

import math
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from mfsearch.distillation.selectivity import KERNELS, neuron_selectivity

SHAPES = [((3, 4, 5, 5), (3, 6, 5, 5)), ((3, 9, 2, 2), (3, 12, 2, 2))]  # channel Gram matrices, then pixel ones


def maps(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def explicit(student, teacher, name="polynomial"):
    """The squared maximum mean discrepancy as a sum over all pairs of channels."""
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        s = [f.flatten() / f.norm() for f in s]
        t = [f.flatten() / f.norm() for f in t]
        width = sum((a - b).square().sum().item() for a in s for b in t) / (len(s) * len(t))

        def kernel(x, y, width=width):
            product = (x @ y).item()
            gaussian = math.exp(-(x - y).square().sum().item() / (2 * width))
            return {"polynomial": product**2, "linear": product, "gaussian": gaussian}[name]

        total += sum(kernel(a, b) for a in s for b in s) / len(s) ** 2
        total += sum(kernel(a, b) for a in t for b in t) / len(t) ** 2
        total -= 2 * sum(kernel(a, b) for a in s for b in t) / (len(s) * len(t))
    return total / len(student)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("ours", "theirs"), SHAPES)
def test_is_the_kernel_sum(ours, theirs, kernel):
    student, teacher = maps(ours), maps(theirs, 1)
    found = neuron_selectivity([student], [teacher], kernel=kernel).item()
    assert found == pytest.approx(explicit(student, teacher, kernel), abs=1e-9)


@pytest.mark.parametrize(("ours", "theirs"), SHAPES)
def test_the_polynomial_kernel_compares_gram_matrices(ours, theirs):
    """|G_s / C_S - G_t / C_T|^2 with G the pixels' Gram matrix of the normalised maps, averaged over the pictures."""
    student, teacher = maps(ours), maps(theirs, 1)
    grams = []
    for features in (student, teacher):
        unit = features.flatten(2) / features.flatten(2).norm(dim=2, keepdim=True)
        grams.append(torch.einsum("ncp,ncq->npq", unit, unit) / features.shape[1])
    expected = (grams[0] - grams[1]).square().sum((1, 2)).mean().item()
    assert neuron_selectivity([student], [teacher]).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), SHAPES)
def test_nst_without_the_teachers_term_differs_by_a_constant(ours, theirs):
    teacher = maps(theirs, 1)
    gaps = [
        neuron_selectivity([s], [teacher]) - neuron_selectivity([s], [teacher], teacher_term=False)
        for s in (maps(ours), maps(ours, 2))
    ]
    assert gaps[0].item() == pytest.approx(gaps[1].item())
    assert gaps[0].item() > 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_nst_of_equals_is_zero(kernel):
    assert neuron_selectivity([maps((3, 4, 5, 5))], [maps((3, 4, 5, 5))], kernel=kernel).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_nst_ignores_the_order_and_scale_of_channels(kernel):
    student, teacher = maps((3, 4, 5, 5)), maps((3, 6, 5, 5), 1)
    other = student[:, [2, 0, 3, 1]] * torch.tensor([0.1, 2.0, 30.0, 1.0], dtype=torch.float64).view(-1, 1, 1)
    found, expected = (neuron_selectivity([own], [teacher], kernel=kernel).item() for own in (other, student))
    assert found == pytest.approx(expected)


def test_nst_adds_layers():
    pairs = [(maps(a), maps(b, 1)) for a, b in SHAPES]
    whole = neuron_selectivity([s for s, _ in pairs], [t for _, t in pairs])
    assert whole.item() == pytest.approx(sum(neuron_selectivity([s], [t]).item() for s, t in pairs))


def test_nst_pools_the_larger_picture():
    student, teacher = maps((2, 3, 4, 4)), maps((2, 5, 8, 8), 1)
    pooled = neuron_selectivity([student], [F.avg_pool2d(teacher, 2)])
    assert neuron_selectivity([student], [teacher]).item() == pytest.approx(pooled.item())


@pytest.mark.parametrize("kernel", ["polynomial", "linear"])
@pytest.mark.parametrize(("ours", "theirs"), SHAPES)
def test_nst_gradient(ours, theirs, kernel):
    student = maps(ours).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: neuron_selectivity([s], [maps(theirs, 1)], teacher_term=False, kernel=kernel), student
    )


def test_nst_gradient_with_the_gaussian_kernel():
    """Its width is a constant for the gradient: differences must hold it still."""
    student, teacher = maps((2, 3, 3, 3)), maps((2, 4, 3, 3), 1)

    def with_width_of(s):
        own, fixed, other = (F.normalize(m.flatten(2), dim=2) for m in (s, student, teacher))
        apart = lambda a, b: (a.unsqueeze(2) - b.unsqueeze(1)).square().sum(-1)  # noqa: E731
        width = 2 * apart(other, fixed).mean((1, 2), keepdim=True)
        same, across = (torch.exp(-apart(a, own) / width).mean((1, 2)) for a in (own, other))
        return (same - 2 * across).mean()

    assert torch.autograd.gradcheck(with_width_of, student.clone().requires_grad_())
    one, two = student.clone().requires_grad_(), student.clone().requires_grad_()
    neuron_selectivity([one], [teacher], teacher_term=False, kernel="gaussian").backward()
    with_width_of(two).backward()
    torch.testing.assert_close(one.grad, two.grad)


def test_nst_of_dead_channels_is_finite():
    student = torch.zeros(2, 3, 4, 4, requires_grad=True)
    loss = neuron_selectivity([student], [torch.randn(2, 5, 4, 4)])
    loss.backward()
    assert torch.isfinite(loss) and student.grad is not None and not student.grad.any()


MEMORY = """
import re, sys
import torch
from torch import nn
from mfsearch.distillation.selectivity import neuron_selectivity

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])  # kilobytes, this program's alone

torch.set_num_threads(1)
torch.manual_seed(0)
block = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
images, teacher = torch.randn(256, 64, 32, 32), torch.randn(256, 64, 32, 32)
block(images[:2]).mean().backward()
before = peak()
maps = block(images)
forward = peak() - before
loss = maps.mean()
if sys.argv[1] != "none":
    loss = loss + neuron_selectivity([maps], [teacher], teacher_term=False, kernel=sys.argv[1])
loss.backward()
print(forward, peak() - before)
"""


@pytest.mark.parametrize("kernel", KERNELS)
def test_takes_less_memory_than_one_and_a_half_forward_passes(kernel):
    """256 maps of 64 channels, 32 x 32, in a process of its own: what the loss adds to a step, over what the forward pass takes."""

    def measured(name):
        done = subprocess.run([sys.executable, "-c", MEMORY, name], capture_output=True, text=True, check=True)
        return map(int, done.stdout.split())

    forward, without = measured("none")
    _, with_loss = measured(kernel)
    assert forward > 100_000  # kilobytes
    assert with_loss - without < 1.5 * forward
