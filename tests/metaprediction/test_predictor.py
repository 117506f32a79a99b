"""The step on the teacher, against derivatives written out by hand, and against finite differences."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.kernel_ridge import KernelRidge
from torch.nn import functional as F

from mfsearch.errors import DataError
from mfsearch.metaprediction.predictor import NEAR, RIDGE, Predictor, Students, Support, adapted, error, predicted


def some(n, seed=0, scores=2):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    return Students(normal(n, 3), normal(n, 2, 8, 8), normal(n, scores))


@pytest.fixture
def model():
    torch.manual_seed(3)
    model = Predictor(3, 2, 2, width=3, anchors=2).double()
    model.anchors = torch.randn(2, 5, dtype=torch.float64)
    model.linear.data.normal_()
    model.near.data.normal_()
    return model


@pytest.fixture
def support():
    return Support(some(1, seed=1), torch.tensor(0.8, dtype=torch.float64))


def weights_of(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def gradient_by_hand(w, told, accuracy, anchors):
    """Of the squared error at one architecture that is its own teacher, layer by layer from the last to the first."""

    def convolved(x, weight, bias):
        """3x3 with stride 2 and one zero around; the windows are kept for the way back."""
        padded = F.pad(x, (1, 1, 1, 1))
        rows, columns = (x.shape[1] + 1) // 2, (x.shape[2] + 1) // 2
        windows = [padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] for i, j in product(range(rows), range(columns))]
        out = torch.stack([(weight * window).sum((1, 2, 3)) + bias for window in windows], 1)
        return out.view(-1, rows, columns), windows

    def embedded(part):
        first, windows1 = convolved(told.signatures[0], w[f"{part}.first.weight"], w[f"{part}.first.bias"])
        second, windows2 = convolved(first.clamp_min(0), w[f"{part}.second.weight"], w[f"{part}.second.bias"])
        return first, windows1, second, windows2, second.clamp_min(0).mean((1, 2))

    student, teacher = embedded("of_student"), embedded("of_teacher")
    x = told.encodings[0]
    inner = w["of_encoding.0.weight"] @ x + w["of_encoding.0.bias"]
    encoding = w["of_encoding.2.weight"] @ inner.clamp_min(0) + w["of_encoding.2.bias"]
    together = torch.cat([student[-1], teacher[-1], encoding, told.scores[0]])
    hidden = torch.tanh(w["hidden.weight"] @ together + w["hidden.bias"])
    line = torch.cat([x, told.scores[0]])
    nearness = torch.stack([(-(line - a)[:3].square().sum() - (line - a)[3:].square().sum() / 8).exp() for a in anchors])
    answer = (w["last.weight"] @ hidden + w["last.bias"])[0] + w["linear"] @ line + w["near"] @ nearness

    found = {}
    d_answer = 2 * (answer - accuracy)
    found["linear"], found["near"] = d_answer * line, d_answer * nearness
    found["last.weight"], found["last.bias"] = (d_answer * hidden)[None], d_answer[None]
    d_hidden = d_answer * w["last.weight"][0] * (1 - hidden**2)
    found["hidden.weight"], found["hidden.bias"] = torch.outer(d_hidden, together), d_hidden
    d_student, d_teacher, d_encoding, _ = torch.split(w["hidden.weight"].T @ d_hidden, [3, 3, 3, 2])
    found["of_encoding.2.weight"], found["of_encoding.2.bias"] = torch.outer(d_encoding, inner.clamp_min(0)), d_encoding
    d_inner = (w["of_encoding.2.weight"].T @ d_encoding) * (inner > 0)
    found["of_encoding.0.weight"], found["of_encoding.0.bias"] = torch.outer(d_inner, x), d_inner
    for part, (first, windows1, second, windows2, _), d_mean in (
        ("of_student", student, d_student),
        ("of_teacher", teacher, d_teacher),
    ):
        d_second = (d_mean / second[0].numel())[:, None] * (second.flatten(1) > 0)
        found[f"{part}.second.weight"] = sum(
            d_second[:, place, None, None, None] * window for place, window in enumerate(windows2)
        )
        found[f"{part}.second.bias"] = d_second.sum(1)
        d_padded = torch.zeros_like(F.pad(first, (1, 1, 1, 1)))
        for place, (i, j) in enumerate(product(range(second.shape[1]), range(second.shape[2]))):
            d_padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += torch.einsum(
                "o,oikl->ikl", d_second[:, place], w[f"{part}.second.weight"]
            )
        d_first = (d_padded[:, 1:-1, 1:-1] * (first > 0)).flatten(1)
        found[f"{part}.first.weight"] = sum(d_first[:, place, None, None, None] * window for place, window in enumerate(windows1))
        found[f"{part}.first.bias"] = d_first.sum(1)
    return found


def test_the_step_goes_down_the_gradient_written_by_hand(model, support):
    weights = weights_of(model)
    rates = {name: 0.01 + 0.1 * torch.rand_like(weight) for name, weight in weights.items()}
    by_hand = gradient_by_hand(weights, support.itself, support.accuracy, model.anchors)
    assert set(by_hand) == set(weights) and all(step.any() for step in by_hand.values())
    after = adapted(model, weights, rates, support)
    for name, weight in weights.items():
        torch.testing.assert_close(after[name], weight - rates[name] * by_hand[name], rtol=1e-10, atol=1e-12)


def test_the_step_is_differentiable_as_finite_differences_say(model, support):
    """Of the error at other students after the step: with respect to the weights before it, and to the rates."""
    names = list(weights_of(model))
    students, truth = some(5, seed=2), torch.rand(5, dtype=torch.float64)

    def missed(*tensors):
        weights, rates = (dict(zip(names, half, strict=True)) for half in (tensors[: len(names)], tensors[len(names) :]))
        return (predicted(model, adapted(model, weights, rates, support), students, support) - truth).square().mean()

    weights = [weight.requires_grad_() for weight in weights_of(model).values()]
    rates = [torch.full_like(weight, 0.3).requires_grad_() for weight in weights]
    assert torch.autograd.gradcheck(missed, (*weights, *rates), eps=1e-6, atol=1e-6)
    second_order = torch.autograd.grad(missed(*weights, *rates), weights)
    # What a first-order step would give instead: the gradient after the step.
    before, steps = (dict(zip(names, half, strict=True)) for half in (weights, rates))
    after = {name: weight.detach().requires_grad_() for name, weight in adapted(model, before, steps, support).items()}
    loss = (predicted(model, after, students, support) - truth).square().mean()
    first_order = torch.autograd.grad(loss, list(after.values()))
    assert any(not torch.allclose(a, b, rtol=1e-3) for a, b in zip(second_order, first_order, strict=True))


def test_many_at_once_are_as_one_by_one(model, support):
    students, weights = some(7, seed=3), weights_of(model)
    together = predicted(model, weights, students, support)
    alone = torch.cat([predicted(model, weights, students[i : i + 1], support) for i in range(7)])
    torch.testing.assert_close(together, alone)


def test_scores_and_accuracies_of_any_unit_come_to_the_same(support):
    def answers(scale, shift):
        torch.manual_seed(0)
        model = Predictor(3, 2, 2, width=3, anchors=9).double()
        told = some(9, seed=4)
        told = Students(told.encodings, told.signatures, told.scores * scale)
        truth = torch.linspace(0, 1, 9, dtype=torch.float64) ** 2 * scale + shift
        model.begin([told[:4], told[4:]], [truth[:4], truth[4:]])
        return (predicted(model, weights_of(model), told, support) - shift) / scale

    torch.testing.assert_close(answers(1.0, 0.0), answers(100.0, 7.0))
    model = Predictor(3, 2, 2, width=3, anchors=4)
    model.begin([Students(torch.ones(4, 3), torch.zeros(4, 2, 8, 8), torch.zeros(4, 2))], [torch.full((4,), 0.7)])
    assert torch.equal(model.unit, torch.ones(2))
    assert torch.equal(model.centre, torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]))
    assert [float(model.level), float(model.scale), float(model.reach)] == pytest.approx([0.7, 1.0, 1.0])
    assert not model.linear.any() and not model.near.any()


def test_errors_are_in_units_of_the_spread_within_a_task():
    model = Predictor(3, 2, 2, width=3, anchors=4).double()
    far = [torch.tensor([0.1, 0.3], dtype=torch.float64), torch.tensor([0.7, 0.9], dtype=torch.float64)]
    model.begin([some(2), some(2, seed=5)], far)
    assert [float(model.level), float(model.scale)] == pytest.approx([0.5, 0.1])
    assert float(error(model, far[0], far[0] + 0.2)) == pytest.approx(4.0)
    assert float(error(model, far[0], far[0] + 0.2, level=0.1)) == pytest.approx(0.4)
    apart = far[0] + torch.tensor([0.3, 0.1], dtype=torch.float64)  # .2 for both, and .1 either way
    assert float(error(model, apart, far[0], level=0.1)) == pytest.approx(1.4)


def test_it_begins_as_the_kernel_regression_of_what_differs_within_tasks():
    """Against scikit-learn's, given the centred kernel; levels and spreads of the tasks do not matter."""
    tasks = [some(20, seed=seed) for seed in range(3)]
    truth = [(1 + n) * (t.encodings[:, 0].sin() - 0.5 * t.scores[:, 1]) + 10 * n for n, t in enumerate(tasks)]
    model = Predictor(3, 2, 2, width=3, anchors=60).double()
    model.begin(tasks, truth)
    new, teacher = some(9, seed=7), Support(some(1, seed=8), torch.tensor(0.5, dtype=torch.float64))
    found = predicted(model, weights_of(model), new, teacher).detach().numpy() / float(model.scale)

    e, s = np.concatenate([t.encodings for t in tasks]), np.concatenate([t.scores for t in tasks])
    total, centre, unit = e.var(0).sum(), s.mean(0), s.std(0)
    e, e_new, s, s_new = (
        e - e.mean(0),
        new.encodings.numpy() - e.mean(0),
        (s - centre) / unit,
        (new.scores.numpy() - centre) / unit,
    )

    def kernel(e1, s1):
        near = np.exp(-cdist(e1, e, "sqeuclidean") / total - cdist(s1, s, "sqeuclidean") / 8)
        return e1 @ e.T + s1 @ s.T + NEAR * near

    centred = np.kron(np.eye(3), np.eye(20) - 1 / 20)
    y = np.concatenate([(t - t.mean()) / t.std(correction=0) for t in truth])
    line = KernelRidge(alpha=RIDGE, kernel="precomputed").fit(centred @ kernel(e, s) @ centred, y)
    wanted = kernel(e_new, s_new) @ centred @ line.dual_coef_
    np.testing.assert_allclose(found - found.mean(), wanted - wanted.mean(), rtol=1e-8, atol=1e-10)


def test_a_stray_score_counts_no_further(model, support):
    told = some(2, seed=6)
    scores = torch.zeros(2, 2, dtype=torch.float64)
    scores[:, 0] = torch.tensor([4.0, 400.0])
    told = Students(told.encodings[:1].expand(2, -1), told.signatures[:1].expand(2, -1, -1, -1), scores)
    first, second = predicted(model, weights_of(model), told, support)
    assert float(first) == pytest.approx(float(second))


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(DataError, match="got 3, 2 and 3"):
        Students(torch.zeros(3, 1), torch.zeros(2, 1, 4, 4), torch.zeros(3, 0))
    with pytest.raises(DataError, match="one teacher with one accuracy; got 2 and 1"):
        Support(some(2), torch.tensor(0.5))
