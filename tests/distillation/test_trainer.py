"""Training runs on tiny pictures: against a plain PyTorch loop, and at the edges."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mfsearch.datasets.base import ImageData
from mfsearch.distillation import LOSSES
from mfsearch.distillation.feeding import TeacherOutputs
from mfsearch.distillation.losses import LossSettings, Outputs, softened
from mfsearch.distillation.selectivity import neuron_selectivity
from mfsearch.distillation.trainer import TrainingRecipe, estimate_statistics, evaluate, predict, train
from mfsearch.errors import ConfigError, EvaluationError, LimitReachedError
from mfsearch.networks.nasbench201 import NASBench201Network

CELL = ("nor_conv_3x3", "nor_conv_1x1", "skip_connect", "avg_pool_3x3", "none", "nor_conv_3x3")


def network(seed=0, channels=4):
    torch.manual_seed(seed)
    return NASBench201Network(CELL, 1, 3, channels, 1, "light")


@pytest.fixture(scope="module")
def data():
    """Three classes: a bright row at the top, in the middle, at the bottom."""
    draw = torch.Generator().manual_seed(0)

    def pictures(*shape):
        labels = torch.randint(3, shape, generator=draw)
        images = torch.randn(*shape, 1, 8, 8, generator=draw) * 0.5
        images += 2 * F.one_hot(labels * 3, 8).float().view(*shape, 1, 8, 1)
        return images, labels

    tensors = [*pictures(2, 70), *pictures(90), *pictures(90)]
    names = [f"{split}_{what}" for split in ("train", "val", "test") for what in ("images", "labels")]
    return ImageData(**dict(zip(names, tensors, strict=True)), classes=3, key="rows")


@pytest.fixture(scope="module")
def teacher(data):
    model = network(9, channels=8).eval()
    with torch.no_grad():
        _, *blocks, pooled, logits = model.forward_features(data.train_images.flatten(0, 1))
    blocks = tuple(b.reshape(2, 70, *b.shape[1:]) for b in blocks)
    return TeacherOutputs(logits.view(2, 70, 3), blocks, pooled.view(2, 70, -1))


def test_learns(data):
    model = network()
    result = train(model, data, TrainingRecipe(epochs=6, batch=16), seed=0)
    assert len(result.losses) == len(result.accuracies) == 6
    assert result.train_loss == result.losses[-1] < result.losses[0]
    assert result.train_accuracy == result.accuracies[-1] > 90
    assert evaluate(model, data.val_images, data.val_labels) > 90


@pytest.mark.parametrize("loss", ["ce", "kd", "nst"])
def test_is_the_plain_loop(data, teacher, loss):
    """Same weights as a textbook loop with torch's own scheduler and loader order."""
    recipe = TrainingRecipe(epochs=3, loss=loss, batch=16, weight_decay=1e-3, settings=LossSettings(0.3, 4.0, 2.0), statistics=0)
    ours, theirs = network(), network()
    result = train(ours, data, recipe, seed=5, teacher=teacher)
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=3 * 4)
    order = torch.Generator().manual_seed(5)
    for epoch in range(3):
        total = 0.0
        for chosen in torch.randperm(70, generator=order)[:64].split(16):
            e = epoch % 2
            images, labels = data.train_images[e, chosen], data.train_labels[e, chosen]
            *features, logits = theirs.forward_features(images)
            value = F.cross_entropy(logits, labels)
            if loss == "kd":
                value = 0.3 * value + 0.7 * softened(logits, teacher.logits[e, chosen], 4.0)
            if loss == "nst":
                value = value + 2.0 * neuron_selectivity(features[1:-1], [b[e, chosen] for b in teacher.features], False)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += value.item()
        assert result.losses[epoch] == pytest.approx(total / 4, rel=1e-3)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b.contiguous(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.needs in ("blocks", "pooled")])
def test_matches_what_is_inside_of_the_teacher(data, teacher, loss):
    """Along with the labels: the distance falls below what learning the labels alone leaves of it."""

    def trained(settings):
        model = network()
        recipe = TrainingRecipe(epochs=6, loss=loss, batch=16, settings=settings)
        train(model, data, recipe, 0, teacher)
        return model

    match = LOSSES[loss].match
    assert match is not None

    def distance(model):
        with torch.no_grad():
            _, *blocks, pooled, logits = model.forward_features(data.train_images[1, :40])
            said = Outputs(torch.empty(0), tuple(b[1, :40] for b in teacher.features), teacher.pooled[1, :40])
            own = Outputs(logits, tuple(blocks), pooled)
            return match(own, said, LossSettings()).item()

    weight = {"at": 20.0, "sp": 20.0, "pkt": 3000.0, "rkd": 0.2, "nst": 10.0, "cc": 10.0, "hints": 1.0}[loss]
    with_teacher, labels_alone = trained(LossSettings(beta=weight)), trained(LossSettings(beta=0.0))
    assert evaluate(with_teacher, data.val_images, data.val_labels) > 85
    if loss != "hints":  # the regressor that its distance is measured through is gone with the training
        assert distance(with_teacher) < 0.9 * distance(labels_alone)


def test_the_hints_regressor_is_the_students_companion(data, teacher):
    """The same as a textbook loop in which it is one more module of the optimiser."""
    recipe = TrainingRecipe(epochs=2, loss="hints", batch=16, settings=LossSettings(beta=0.5), statistics=0)
    ours, theirs = network(), network()
    result = train(ours, data, recipe, seed=5, teacher=teacher)
    _, *shapes, _, _ = network().eval().forward_features(data.train_images[0, :2])
    place = len(shapes) // 2
    torch.manual_seed(5)
    regressor = nn.Sequential(
        nn.Conv2d(shapes[place].shape[1], teacher.features[place].shape[2], 1, bias=False),
        nn.BatchNorm2d(teacher.features[place].shape[2]),
    )
    weights = [*theirs.parameters(), *regressor.parameters()]
    optimiser = torch.optim.SGD(weights, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=2 * 4)
    order = torch.Generator().manual_seed(5)
    theirs.train()
    for epoch in range(2):
        total = 0.0
        chosen = torch.randperm(70, generator=order)[:64].split(16)
        for batch in chosen:
            _, *blocks, _, logits = theirs.forward_features(data.train_images[epoch, batch])
            hint = (regressor(blocks[place]) - teacher.features[place][epoch, batch]).square().mean()
            value = F.cross_entropy(logits, data.train_labels[epoch, batch]) + 0.5 * hint
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += value.item()
        assert result.losses[epoch] == pytest.approx(total / 4, rel=1e-3)


def test_long_gradients_are_shortened(data):
    """One step with a large rate: the weights move by no more than rate times the largest norm."""
    start = network()
    recipe = TrainingRecipe(epochs=1, batch=70, learning_rate=1.0, momentum=0.0, weight_decay=0.0, statistics=0, clip=1e-3)
    clipped, free = network(), network()
    train(clipped, data, recipe, 0)
    train(free, data, replace(recipe, clip=None), 0)

    def moved(model):
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        return math.sqrt(sum((a - b).square().sum().item() for a, b in pairs))

    assert moved(clipped) == pytest.approx(1e-3, rel=1e-3)
    assert moved(free) > 0.1


def test_the_schedule_is_the_recipes(data):
    """The oracle: one step of plain SGD with the rate written out, half of the learning rate in the first of two warm-up steps."""
    recipe = TrainingRecipe(
        epochs=4, batch=70, momentum=0.0, weight_decay=0.0, statistics=0, schedule="wsd", warmup=0.5, decay=0.0, learning_rate=0.2
    )
    ours, theirs = network(), network().train()
    train(ours, data, recipe, seed=5)
    order = torch.Generator().manual_seed(5)
    for step, factor in enumerate((0.5, 1.0, 1.0, 1.0)):
        chosen = torch.randperm(70, generator=order)
        theirs.zero_grad()
        F.cross_entropy(theirs(data.train_images[step % 2, chosen]), data.train_labels[step % 2, chosen]).backward()
        with torch.no_grad():
            for weight in theirs.parameters():
                if weight.grad is not None:
                    weight -= 0.2 * factor * weight.grad
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b.contiguous(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("loss", ["ce", "kd", "nst", "rkd"])
def test_mixed_precision_is_a_rounding(data, teacher, loss):
    """bfloat16 has eight bits: the first epoch's loss agrees to about a percent, weights stay float32, and it learns as well."""
    settings = LossSettings(beta=0.1)
    recipe = TrainingRecipe(epochs=8, loss=loss, batch=16, learning_rate=0.02, settings=settings, precision="float32")
    plain, mixed = network(), network()
    exact = train(plain, data, recipe, 0, teacher)
    rounded = train(mixed, data, replace(recipe, precision="bfloat16"), 0, teacher)
    assert exact.losses != rounded.losses
    assert rounded.losses[0] == pytest.approx(exact.losses[0], rel=0.03, abs=0.03)
    assert {p.dtype for p in mixed.parameters()} == {torch.float32}
    assert evaluate(mixed, data.val_images, data.val_labels) > 85
    assert train(network(), data, replace(recipe, precision="auto"), 0, teacher) == exact, "a processor computes in float32"


def test_validation_after_every_epoch_changes_nothing_else(data):
    recipe = TrainingRecipe(epochs=3, batch=16, statistics=0)
    plain, watched = network(), network()
    result, seen = train(plain, data, recipe, 0), train(watched, data, recipe, 0, validate_each=True)
    assert (seen.losses, seen.accuracies) == (result.losses, result.accuracies) and result.val_accuracies == ()
    assert len(seen.val_accuracies) == 3
    assert seen.val_accuracies[-1] == evaluate(plain, data.val_images, data.val_labels)


def test_same_seed_same_figures(data):
    recipe = TrainingRecipe(epochs=2, batch=16)
    runs = [train(network(), data, recipe, seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_statistics_are_those_of_the_pictures(data):
    norm = nn.BatchNorm2d(1)
    model = nn.Sequential(norm, nn.Flatten(), nn.Linear(64, 3))
    images = data.val_images
    estimate_statistics(model, images)
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.running_mean.item() == pytest.approx(images.mean().item(), rel=1e-5)
    assert norm.running_var.item() == pytest.approx(images.var().item(), rel=1e-3)
    assert norm.momentum == 0.1


def test_running_averages_are_kept_on_request(data):
    fresh, kept = network(), network()
    train(fresh, data, TrainingRecipe(epochs=1, batch=16), 0)
    train(kept, data, TrainingRecipe(epochs=1, batch=16, statistics=0), 0)
    assert torch.equal(fresh.classifier.weight, kept.classifier.weight)
    assert not torch.equal(fresh.stem[1].running_mean, kept.stem[1].running_mean)
    assert not fresh.training and not kept.training


def test_evaluate_is_a_percentage(data):
    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(1))

        def forward(self, images):
            return F.one_hot(torch.zeros(len(images), dtype=torch.int64), 3).float()

    share = (data.val_labels == 0).double().mean().item()
    assert evaluate(First(), data.val_images, data.val_labels, batch=7) == pytest.approx(100 * share)
    assert predict(First(), data.val_images, batch=7).shape == (90, 3)


def test_check_is_called_at_every_step_and_stops(data):
    calls = [0]

    def check():
        calls[0] += 1
        if calls[0] > 5:
            raise LimitReachedError("stopped")

    with pytest.raises(LimitReachedError):
        train(network(), data, TrainingRecipe(epochs=2, batch=16), 0, check=check)
    calls[0] = 4
    with pytest.raises(LimitReachedError):
        evaluate(network(), data.val_images, data.val_labels, batch=40, check=check)


def test_progress(data):
    seen = []
    train(network(), data, TrainingRecipe(epochs=2, batch=16), 0, progress=lambda share, text: seen.append((share, text)))
    assert [share for share, _ in seen] == [0.5, 1.0]
    assert seen[0][1].startswith("epoch 1/2: loss ")


def test_divergence_is_said(data):
    with pytest.raises(EvaluationError, match="training loss must be finite; got (nan|inf) in epoch"):
        train(network(), data, TrainingRecipe(epochs=3, batch=16, learning_rate=math.inf), 0)


def test_missing_outputs_are_said(data, teacher):
    kd, nst = (TrainingRecipe(epochs=2, loss=loss, batch=16) for loss in ("kd", "nst"))
    with pytest.raises(EvaluationError, match="loss 'kd' must have a teacher's outputs; got none"):
        train(network(), data, kd, 0)
    with pytest.raises(EvaluationError, match=r"must cover the training bank of \(2, 70\) pictures; got \(1, 70\)"):
        train(network(), data, kd, 0, TeacherOutputs(teacher.logits[:1]))
    with pytest.raises(
        EvaluationError, match="loss 'nst' must have the teacher's blocks of 2 epochs; this teacher was kept without"
    ):
        train(network(), data, nst, 0, TeacherOutputs(teacher.logits, tuple(f[:1] for f in teacher.features)))
    with pytest.raises(EvaluationError, match="loss 'nst' must have a network that hands out its feature maps; got Linear"):
        train(nn.Linear(2, 2), data, nst, 0, teacher)
    with pytest.raises(EvaluationError, match="the teacher must have feature maps for 5 blocks, as the student; got 2"):
        train(network(), data, nst, 0, TeacherOutputs(teacher.logits, teacher.features[:2]))
    rkd = TrainingRecipe(epochs=2, loss="rkd", batch=16)
    with pytest.raises(
        EvaluationError, match="loss 'rkd' must have the teacher's pooled of 2 epochs; this teacher was kept without"
    ):
        train(network(), data, rkd, 0, TeacherOutputs(teacher.logits, teacher.features))
    with pytest.raises(EvaluationError, match="an epoch must hold one batch of 71 at least; got 70 pictures"):
        train(network(), data, TrainingRecipe(epochs=1, batch=71), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "attention"}, "loss must be one of ce, kd, nst, at, hints, sp, pkt, rkd, cc; got 'attention'"),
        ({"settings": LossSettings(kernel="rbf")}, "kernel must be one of polynomial, linear, gaussian; got 'rbf'"),  # type: ignore[arg-type]
        ({"epochs": 0}, "epochs and batch must be 1 or more; got 0 and 32"),
        ({"schedule": "linear"}, "schedule must be one of cosine, wsd; got 'linear'"),
        (
            {"schedule": "wsd", "warmup": 0.9},
            "warmup and decay must be shares of the training, together at most 1; got 0.9 and 0.2",
        ),
        ({"clip": 0.0}, "clip must be positive, or left out; got 0.0"),
        ({"settings": LossSettings(alpha=1.5)}, "alpha must be 0 to 1 and temperature positive; got 1.5 and 6.0"),
    ],
)
def test_impossible_recipes(settings, message):
    with pytest.raises(ConfigError, match=message):
        TrainingRecipe(**({"epochs": 1} | settings))
