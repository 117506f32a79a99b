"""The step on the teacher, against derivatives written out by hand, and against finite differences."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from mfsearch.errors import DataError
from mfsearch.metaprediction.predictor import Predictor, Students, Support, adapted, error, predicted


def some(n, seed=0, scores=2):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    return Students(normal(n, 3), normal(n, 2, 8, 8), normal(n, scores))


@pytest.fixture
def model():
    torch.manual_seed(3)
    return Predictor(3, 2, 2, width=3).double()


@pytest.fixture
def support():
    return Support(some(1, seed=1), torch.tensor(0.8, dtype=torch.float64))


def weights_of(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def gradient_by_hand(w, told, accuracy):
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
    answer = (w["last.weight"] @ hidden + w["last.bias"])[0]

    found = {}
    d_answer = 2 * (answer - accuracy)
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
    by_hand = gradient_by_hand(weights, support.itself, support.accuracy)
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
        model = Predictor(3, 2, 2, width=3).double()
        told = some(9, seed=4)
        told = Students(told.encodings, told.signatures, told.scores * scale)
        truth = torch.linspace(0, 1, 9, dtype=torch.float64) * scale + shift
        model.standardise([told.scores[:4], told.scores[4:]], [truth[:4], truth[4:]])
        return (predicted(model, weights_of(model), told, support) - shift) / scale

    torch.testing.assert_close(answers(1.0, 0.0), answers(100.0, 7.0))
    model = Predictor(3, 2, 2, width=3)
    model.standardise([torch.zeros(4, 2)], [torch.full((4,), 0.7)])
    assert torch.equal(model.unit, torch.ones(2))
    assert [float(model.level), float(model.scale)] == pytest.approx([0.7, 1.0])


def test_errors_are_in_units_of_the_spread_within_a_task(model):
    far = [torch.tensor([0.1, 0.3], dtype=torch.float64), torch.tensor([0.7, 0.9], dtype=torch.float64)]
    model.standardise([some(2).scores, some(2, seed=5).scores], far)
    assert [float(model.level), float(model.scale)] == pytest.approx([0.5, 0.1])
    assert float(error(model, far[0], far[0] + 0.2)) == pytest.approx(4.0)


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(DataError, match="got 3, 2 and 3"):
        Students(torch.zeros(3, 1), torch.zeros(2, 1, 4, 4), torch.zeros(3, 0))
    with pytest.raises(DataError, match="one teacher with one accuracy; got 2 and 1"):
        Support(some(2), torch.tensor(0.5))
