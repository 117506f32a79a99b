import itertools
import math
import time

import numpy as np
import pytest
import torch
from botorch.optim.optimize import optimize_acqf_discrete
from botorch.sampling.normal import IIDNormalSampler
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from mfsearch.acquisition.knowledge_gradient import DiscreteKnowledgeGradient, PerSecond, expected_maximum_gain
from mfsearch.errors import DataError
from mfsearch.surrogate.data import InputBlocks, TrainingData
from mfsearch.surrogate.fit import fit_cokriging

BLOCKS = InputBlocks(numeric=(0, 1))


def points(n, level, seed=0):
    x = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.cat([x, torch.full((n, 1), float(level), dtype=torch.float64)], 1)


@pytest.fixture(scope="module")
def model():
    X = torch.cat([points(12, 0), points(4, 1, seed=1)])
    y = torch.sin(6 * X[:, :1]) + X[:, 1:2] + X[:, 2:]
    return fit_cokriging(TrainingData(X, y), BLOCKS, 2)


def by_quadrature(a, b):
    kinks = [(a[i] - a[j]) / (b[j] - b[i]) for i in range(len(a)) for j in range(i) if b[i] != b[j]]
    cuts = np.unique([-12.0, 12.0, *(z for z in kinks if abs(z) < 12)])

    def density(z):
        return (a[:, None] + b[:, None] * z).max(0) * stats.norm.pdf(z)

    return sum(integrate.fixed_quad(density, *ends, n=40)[0] for ends in itertools.pairwise(cuts)) - a.max()


@pytest.mark.parametrize("seed", range(20))
def test_gain_equals_quadrature_between_the_kinks(seed):
    rng = np.random.default_rng(seed)
    r = rng.integers(1, 9)
    a, b = rng.standard_normal(r), rng.standard_normal(r) * 10 ** rng.uniform(-1, 1)
    got = expected_maximum_gain(torch.from_numpy(a), torch.from_numpy(b[None]))
    assert got.item() == pytest.approx(by_quadrature(a, b), abs=1e-9)


@pytest.mark.parametrize("spread", [0.01, 0.3, 3.0])
def test_lines_that_are_left_out_are_never_on_top(spread):
    """Many lines, few of them on top, another number in every row; one row has all on top: tangents of a parabola."""
    rng = np.random.default_rng(int(100 * spread))
    a, b = rng.standard_normal(60), spread * rng.standard_normal((8, 60))
    b[0] = np.linspace(-3, 3, 60)
    for intercepts in (a, -0.5 * b[0] ** 2):
        got = expected_maximum_gain(torch.from_numpy(intercepts), torch.from_numpy(b))
        np.testing.assert_allclose(got, [by_quadrature(intercepts, row) for row in b], atol=1e-9)


@given(st.floats(-3, 3), st.floats(0.01, 5))
def test_two_lines_are_expected_improvement(gap, slope):
    """One line is known, the other is normal around gap with standard deviation slope."""
    got = expected_maximum_gain(torch.tensor([0.0, gap], dtype=torch.float64), torch.tensor([[0.0, slope]], dtype=torch.float64))
    u = -abs(gap) / slope
    assert got.item() == pytest.approx(slope * (stats.norm.pdf(u) + u * stats.norm.cdf(u)), abs=1e-12)


@pytest.mark.parametrize(
    ("intercepts", "slopes", "expected"),
    [
        ([1.0], [3.0], 0.0),  # one line: its mean
        ([1.0, 2.0, 0.0], [3.0, 3.0, 3.0], 0.0),  # parallel lines never change places
        ([1.0, 1.0], [0.0, 0.0], 0.0),
        ([0.0, 0.0], [-1.0, 1.0], math.sqrt(2 / math.pi)),  # E|Z|
        ([0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], math.sqrt(2 / math.pi)),  # three lines through one point
        ([0.0, 0.0, -5.0], [-1.0, 1.0, 0.0], math.sqrt(2 / math.pi)),  # one that is never on top
        ([0.0, 1e3], [1.0, 1.0 + 1e-9], 0.0),
    ],
)
def test_lines_with_a_known_answer(intercepts, slopes, expected):
    got = expected_maximum_gain(torch.tensor(intercepts, dtype=torch.float64), torch.tensor([slopes], dtype=torch.float64))
    assert got.item() == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(-5, 5))
def test_gain_scales_with_the_lines_and_does_not_see_their_height(seed, factor, height):
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    one = expected_maximum_gain(a, b.unsqueeze(0))
    other = expected_maximum_gain(a.flip(0) * factor + height, b.flip(0).unsqueeze(0) * -factor)
    torch.testing.assert_close(other, factor * one, atol=1e-10, rtol=1e-9)
    assert one >= 0


def test_rows_do_not_see_one_another():
    a = torch.randn(7, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    b = torch.randn(7, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = expected_maximum_gain(a, b)
    torch.testing.assert_close(together, torch.cat([expected_maximum_gain(a[i : i + 1], b[i : i + 1]) for i in range(7)]))


@pytest.mark.parametrize("level", [0, 1])
def test_equals_brute_force_over_fantasies(level, model):
    reference, query = points(15, 1, seed=3), points(1, level, seed=4)
    exact = DiscreteKnowledgeGradient(model, reference)(query.unsqueeze(0)).item()
    with torch.no_grad():
        fantasies = model.fantasize(query, IIDNormalSampler(torch.Size([4096]), seed=0))
        best = fantasies.mean_variance(reference)[0].amax(-1)
    sampled = best - model.mean_variance(reference)[0].max()
    assert exact > 0
    assert exact == pytest.approx(sampled.mean().item(), abs=4 * sampled.std().item() / 64)


def test_equals_expected_improvement_when_nothing_else_moves(model):
    """Two far points, one of them measured at the target without noise: the gain is that of the better of the two."""
    X = torch.tensor([[0.0, 0.0, 1.0], [1e3, 1e3, 1.0]], dtype=torch.float64)
    known = model.condition_on_observations(
        X[:1], torch.tensor([[0.7]], dtype=torch.float64), noise=torch.zeros(1, 1, dtype=torch.float64)
    )
    known.parameters_of.noise.requires_grad_(False)
    mean, variance = known.mean_variance(X)
    informative = variance[1] / (variance[1] + known.noise[1]).sqrt()
    u = -(mean[1] - mean[0]).abs() / informative
    closed = informative * (torch.exp(-u.square() / 2) / math.sqrt(2 * math.pi) + u * torch.special.ndtr(u))
    moved = known.cross_covariance(X[1:], X[:1]).abs().item() / (variance[1] + known.noise[1]).sqrt().item()
    got = DiscreteKnowledgeGradient(known, X)(X[1:].unsqueeze(1))
    assert got.item() == pytest.approx(closed.item(), abs=2 * moved + 1e-9)
    assert moved < 1e-4


def test_argmax_is_that_of_botorch(model):
    reference, choices = points(50, 1, seed=3), torch.cat([points(40, 0, seed=4), points(40, 1, seed=5)])
    gradient = DiscreteKnowledgeGradient(model, reference)
    with torch.no_grad():
        values = gradient(choices.unsqueeze(1))
    best, value = optimize_acqf_discrete(gradient, q=1, choices=choices, max_batch_size=7)
    torch.testing.assert_close(best[0], choices[values.argmax()])
    assert value.item() == pytest.approx(values.max().item())


def test_argmax_per_second_is_that_of_botorch(model):
    reference, choices = points(50, 1, seed=3), torch.cat([points(40, 0, seed=4), points(40, 1, seed=5)])
    utility = DiscreteKnowledgeGradient(model, reference)
    per_second = PerSecond(utility, lambda X: 10.0 + 90.0 * X[..., 0, -1])
    with torch.no_grad():
        values = utility(choices.unsqueeze(1)) / torch.tensor([10.0] * 40 + [100.0] * 40)
    best, value = optimize_acqf_discrete(per_second, q=1, choices=choices)
    torch.testing.assert_close(best[0], choices[values.argmax()])
    assert value.item() == pytest.approx(values.max().item())


def test_pending_queries_take_away_the_variance_and_leave_the_means(model):
    reference, query = points(30, 1, seed=3), points(1, 1, seed=4)
    gradient = DiscreteKnowledgeGradient(model, reference)
    before = gradient(query.unsqueeze(0)).item()
    gradient.set_X_pending(query)
    after = gradient(query.unsqueeze(0)).item()
    assert after < 0.3 * before
    believed = model.condition_on_observations(query, model.mean_variance(query)[0].unsqueeze(-1))
    assert after == pytest.approx(DiscreteKnowledgeGradient(believed, reference)(query.unsqueeze(0)).item(), abs=1e-12)
    gradient.set_X_pending(None)
    assert gradient(query.unsqueeze(0)).item() == before


def test_several_at_once_differ(model):
    reference, choices = points(30, 1, seed=3), points(25, 0, seed=4)
    per_second = PerSecond(DiscreteKnowledgeGradient(model, reference), lambda X: torch.ones_like(X[..., 0, 0]))
    chosen, values = optimize_acqf_discrete(per_second, q=3, choices=choices, unique=False)
    assert len(torch.unique(chosen, dim=0)) == 3
    assert (values.diff() <= 1e-12).all()


def test_gradient_in_the_numeric_inputs(model):
    gradient = DiscreteKnowledgeGradient(model, points(20, 1, seed=3))
    X = points(3, 1, seed=4).unsqueeze(1)
    x = X[..., :2].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: gradient(torch.cat([x, X[..., 2:]], -1)), x, atol=1e-6)


def test_batches_of_any_shape_and_one_query_each(model):
    gradient = DiscreteKnowledgeGradient(model, points(20, 1, seed=3))
    X = points(12, 0, seed=4)
    torch.testing.assert_close(gradient(X.reshape(3, 4, 1, 3)), gradient(X.unsqueeze(1)).reshape(3, 4))
    with pytest.raises(DataError, match=r"takes one query a batch, b x 1 x \(d\+1\); got \(6, 2, 3\)"):
        gradient(X.reshape(6, 2, 3))


def test_five_hundred_queries_against_four_hundred_points_are_quick(model):
    """Alone it takes 15 to 50 ms."""
    gradient = DiscreteKnowledgeGradient(model, points(400, 1, seed=3))
    X = points(500, 0, seed=4).unsqueeze(1)
    with torch.no_grad():
        gradient(X)
        began = time.process_time()
        gradient(X)
    assert time.process_time() - began < 0.5
