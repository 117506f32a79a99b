"""Losses as they are trained: cross-entropy, and beside it what is matched of the teacher."""

import pytest
import torch
from torch.nn import functional as F

from mfsearch.distillation import LOSSES
from mfsearch.distillation.losses import LossSettings, Outputs, Regressor, middle, preset
from mfsearch.distillation.matching import hints
from mfsearch.errors import ConfigError


def maps(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def said(seed, channels=4):
    blocks = tuple(
        maps((6, width, side, side), seed + place) for place, (width, side) in enumerate(((channels, 5), (8, 3), (8, 2)))
    )
    return Outputs(maps((6, 5), seed), blocks, maps((6, channels), seed))


LABELS = torch.tensor([0, 4, 2, 1, 3, 3])


def kd(logits, labels, teacher, alpha, temperature):
    settings = LossSettings(alpha=alpha, temperature=temperature)
    return LOSSES["kd"].value(Outputs(logits), Outputs(teacher), labels, settings)


def cross_entropy(logits, labels):
    return LOSSES["ce"].value(Outputs(logits), Outputs(torch.empty(0)), labels, LossSettings())


def test_kd_by_hand():
    logits, teacher, labels = maps((4, 5)), maps((4, 5), 1), torch.tensor([0, 4, 2, 1])
    p, q = F.softmax(teacher / 6, 1), F.softmax(logits / 6, 1)
    kl = (p * (p.log() - q.log())).sum(1).mean()
    ce = -F.softmax(logits, 1)[range(4), labels].log().mean()
    assert kd(logits, labels, teacher, 0.3, 6.0).item() == pytest.approx((0.7 * 36 * kl + 0.3 * ce).item())
    assert cross_entropy(logits, labels).item() == pytest.approx(ce.item())


def test_kd_gradient():
    logits, labels = maps((4, 5)).requires_grad_(), torch.tensor([0, 4, 2, 1])
    assert torch.autograd.gradcheck(lambda x: kd(x, labels, maps((4, 5), 1), 0.5, 6.0), logits)


def test_kd_with_an_equal_teacher_leaves_the_labels():
    logits, labels = maps((4, 5)), torch.tensor([0, 4, 2, 1])
    assert kd(logits, labels, logits, 1.0, 6.0) == cross_entropy(logits, labels)
    assert kd(logits, labels, logits, 0.0, 6.0).item() == pytest.approx(0, abs=1e-12)


INSIDE = [name for name, loss in LOSSES.items() if loss.needs in ("blocks", "pooled")]


@pytest.mark.parametrize("name", INSIDE)
def test_what_is_inside_counts_beside_the_labels(name):
    """Twice the weight, twice the distance; its own weight unless one is given."""
    loss, student, teacher = LOSSES[name], said(0), said(10)
    if loss.connect is not None:
        student = loss.connect(student, teacher).double()(student)
    labels = cross_entropy(student.logits, LABELS)
    own, once, twice = (
        loss.value(student, teacher, LABELS, LossSettings(beta=beta)) - labels for beta in (None, loss.beta, 2 * loss.beta)
    )
    assert own.item() == once.item() and twice.item() == pytest.approx(2 * once.item())


@pytest.mark.parametrize("name", [name for name in INSIDE if name not in ("hints", "nst")])
def test_an_equal_teacher_leaves_the_labels(name):
    student = said(0)
    assert LOSSES[name].value(student, student, LABELS, LossSettings()).item() == pytest.approx(
        cross_entropy(student.logits, LABELS).item()
    )


def test_hints_go_through_a_regressor_that_learns():
    student, teacher = said(0, channels=4), said(10, channels=4)
    teacher = Outputs(teacher.logits, (teacher.blocks[0], maps((6, 5, 3, 3), 7), teacher.blocks[2]))
    torch.manual_seed(0)
    regressor = Regressor(student, teacher).double()
    through = regressor(student)
    assert through.blocks[middle(student)].shape == (6, 5, 3, 3)
    assert through.logits is student.logits and through.blocks[0] is student.blocks[0]
    loss = LOSSES["hints"].value(through, teacher, LABELS, LossSettings())
    assert loss.item() == pytest.approx(
        (cross_entropy(student.logits, LABELS) + 100 * hints(through.blocks[1], teacher.blocks[1])).item()
    )
    loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in regressor.parameters())


def test_weights_are_those_of_the_papers_code():
    weights = {name: loss.beta for name, loss in LOSSES.items() if name in INSIDE and name != "cc"}
    assert weights == {"nst": 50, "at": 1000, "hints": 100, "sp": 3000, "pkt": 30000, "rkd": 1}


def test_presets_are_the_papers():
    assert preset("dass", "kd") == LossSettings(alpha=0.5, temperature=6.0)
    assert (preset("mfkd", "kd").alpha, preset("mfkd", "kd").temperature, preset("mfkd", "nst").beta) == (0.1, 4.0, 25.0)
    assert preset("repdistiller", "nst").beta == LOSSES["nst"].beta == 50.0
    with pytest.raises(ConfigError, match=r"preset must be one of dass \(kd\), mfkd \(kd, nst\), .*; got 'dass' for 'nst'"):
        preset("dass", "nst")
