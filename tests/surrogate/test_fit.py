import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from mfsearch.errors import DataError
from mfsearch.surrogate.cokriging import CokrigingModel, Hyperparameters, LevelNoise, ScoreMean
from mfsearch.surrogate.data import InputBlocks, TrainingData
from mfsearch.surrogate.fit import MapObjective, Prior, fit_cokriging, fit_outlook, usable
from mfsearch.surrogate.kernel import CokrigingKernel

PLANE = InputBlocks(numeric=(0, 1))


def synthetic(rho, seed, low=60, high=25, constant=1.5, discrepancy=0.15, noise=0.02):
    """A draw of a two-level AR(1) process on the unit square: observations, and held-out target points with their truth."""
    rng = np.random.default_rng(seed)
    held_out = 40
    x = rng.uniform(size=(low + high + held_out, 2))
    distance = np.sqrt(5) * np.linalg.norm(x[:, None] - x[None], axis=-1) / 0.4
    correlation = (1 + distance + distance**2 / 3) * np.exp(-distance) + 1e-9 * np.eye(len(x))
    draws = np.linalg.cholesky(correlation) @ rng.standard_normal((len(x), 2))
    f0, delta = draws[:, 0], math.sqrt(discrepancy) * draws[:, 1]
    f1 = rho * f0 + constant + delta
    X = np.c_[x, np.r_[np.zeros(low), np.ones(high + held_out)]]
    f = np.r_[f0[:low], f1[low:]]
    y = f + math.sqrt(noise) * rng.standard_normal(len(f))
    n = low + high
    data = TrainingData(torch.from_numpy(X[:n]), torch.from_numpy(y[:n, None]))
    return data, torch.from_numpy(X[n:]), f[n:]


def log_likelihood(parameters, data):
    """By torch.distributions, not by our own adjoint."""
    covariance = parameters.kernel.forward(data.X, data.X) + torch.diag(parameters.noise(data.X) + 1e-6)
    normal = torch.distributions.MultivariateNormal(parameters.prior_mean(data.X), covariance)
    return normal.log_prob(data.y[:, 0])


def test_objective_and_gradient_agree_with_torch_distributions_and_finite_differences(blocks, draw):
    parameters = Hyperparameters(CokrigingKernel(blocks, 3), ScoreMean(blocks.trusted, blocks.capacity, 3), LevelNoise(3))
    prior = Prior(parameters, blocks, (True, True, False))
    data = TrainingData(draw(20, 3), torch.randn(20, 1, dtype=torch.float64)).by_level()
    objective = MapObjective(parameters, prior, data)
    u = np.random.default_rng(0).normal(size=prior.size)
    value, gradient = objective(u)
    assert objective.value(u) == value
    prior.write(u)
    expected = -log_likelihood(parameters, data).item() - 10 * math.log(2 * math.pi) + 0.5 * u @ u
    assert value == pytest.approx(expected, abs=1e-8)

    steps = 1e-5 * np.eye(prior.size)
    numeric = np.array([(objective(u + step)[0] - objective(u - step)[0]) / 2e-5 for step in steps])
    assert np.abs(gradient - numeric).max() < 1e-4


def test_fit_ends_above_where_it_began_and_is_deterministic():
    data, _, _ = synthetic(1.0, 0)
    fitted, again = fit_cokriging(data, PLANE, 2), fit_cokriging(data, PLANE, 2)
    begun = fit_cokriging(data, PLANE, 2, refit=False)
    assert fitted.hyperparameters == again.hyperparameters
    gain = log_likelihood(fitted.parameters_of, data) - log_likelihood(begun.parameters_of, data)
    assert gain.item() > 5.0


def test_starting_from_the_fitted_ones_stays_there_and_refit_false_takes_them_as_they_are():
    data, Q, _ = synthetic(1.0, 0)
    fitted = fit_cokriging(data, PLANE, 2)
    same = fit_cokriging(data, PLANE, 2, start=fitted.hyperparameters, refit=False)
    torch.testing.assert_close(same.mean_variance(Q), fitted.mean_variance(Q), atol=1e-9, rtol=0)
    warm = fit_cokriging(data, PLANE, 2, start=fitted.hyperparameters)
    torch.testing.assert_close(warm.mean_variance(Q)[0], fitted.mean_variance(Q)[0], atol=0.02, rtol=0)


@pytest.mark.parametrize("rho", [0.4, 1.0, 1.3])
def test_rho_is_recovered(rho):
    found = [fit_cokriging(synthetic(rho, seed)[0], PLANE, 2).parameters_of.kernel.rho.item() for seed in range(4)]
    assert np.mean(found) == pytest.approx(rho, abs=0.15)
    assert np.max(np.abs(np.array(found) - rho)) < 0.4


def test_intervals_cover():
    inside, errors, spread = [], [], []
    for seed in range(16):
        data, Q, truth = synthetic(0.9, seed, low=30, high=8)
        mean, variance = (part.numpy() for part in fit_cokriging(data, PLANE, 2).mean_variance(Q))
        inside.append(np.abs(mean - truth) < 1.96 * np.sqrt(variance))
        errors.append((mean - truth) ** 2)
        spread.append(np.full(40, truth.var()))
    assert 0.9 <= np.mean(inside) <= 0.99
    assert np.mean(errors) < 0.35 * np.mean(spread)


def test_a_level_below_helps():
    errors: dict[str, list[float]] = {"both": [], "target": []}
    for seed in range(6):
        data, Q, truth = synthetic(1.0, seed, low=60, high=6)
        errors["both"].append(np.mean((fit_cokriging(data, PLANE, 2).mean_variance(Q)[0].numpy() - truth) ** 2))
        alone = TrainingData(data.X[60:], data.y[60:])
        errors["target"].append(np.mean((fit_cokriging(alone, PLANE, 2).mean_variance(Q)[0].numpy() - truth) ** 2))
    assert np.mean(errors["both"]) < 0.4 * np.mean(errors["target"])


def test_a_level_that_predicts_nothing_is_noticed():
    data, Q, truth = synthetic(1.0, 3, low=60, high=40, constant=0.0)
    y = data.y.clone()
    y[:60] = torch.randn(60, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    informed, misled = fit_cokriging(data, PLANE, 2), fit_cokriging(TrainingData(data.X, y), PLANE, 2)
    assert informed.correlation(0) > 0.7
    assert abs(misled.correlation(0)) < 0.3
    alone = fit_cokriging(TrainingData(data.X[60:], data.y[60:]), PLANE, 2).mean_variance(Q)[0].numpy()
    error = np.mean((misled.mean_variance(Q)[0].numpy() - truth) ** 2)
    assert error < 1.5 * np.mean((alone - truth) ** 2) + 0.02


@pytest.mark.parametrize("levels_seen", [(), (0,), (1,), (0, 1), (0, 0), (1, 1), (0, 0, 1), (2, 2, 2)])
def test_one_to_three_observations(levels_seen, blocks, draw):
    X = draw(max(1, len(levels_seen)), 3)[: len(levels_seen)]
    X[:, -1] = torch.tensor(levels_seen, dtype=torch.float64)
    y = torch.linspace(-3, 3, len(levels_seen), dtype=torch.float64).unsqueeze(-1)
    model = fit_cokriging(TrainingData(X, y), blocks, 3)
    mean, variance = model.mean_variance(draw(50, 3, seed=2))
    assert torch.isfinite(mean).all() and (variance > 0).all() and torch.isfinite(variance).all()
    assert mean.abs().max() < 12 and math.isfinite(model.correlation(0))


def test_constant_and_repeated_data_do_no_harm(blocks, draw):
    X = draw(1, 2, level=0).repeat(30, 1)
    mean, variance = fit_cokriging(TrainingData(X, torch.zeros(30, 1, dtype=torch.float64)), blocks, 2).mean_variance(X[:1])
    assert abs(mean.item()) < 0.1 and 0 < variance.item() < 0.1


def test_an_outlier_of_a_thousand_standard_deviations_does_no_harm(blocks, draw):
    y = torch.randn(20, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y[3] = 1000.0
    mean, variance = fit_cokriging(TrainingData(draw(20, 2), y), blocks, 2).mean_variance(draw(5, 2, 1))
    assert torch.isfinite(mean).all() and (variance > 0).all()


def test_a_shift_of_a_whole_level_moves_its_predictions_and_no_others():
    data, Q, _ = synthetic(1.0, 0)
    y = data.y.clone()
    y[data.levels == 1] += 3.0
    start = fit_cokriging(data, PLANE, 2).hyperparameters
    plain = fit_cokriging(data, PLANE, 2, start, refit=False)
    moved = fit_cokriging(TrainingData(data.X, y), PLANE, 2, start, refit=False)
    torch.testing.assert_close(moved.mean_variance(Q)[0], plain.mean_variance(Q)[0] + 3.0, atol=0.1, rtol=0)
    Q[:, -1] = 0.0
    torch.testing.assert_close(moved.mean_variance(Q)[0], plain.mean_variance(Q)[0], atol=0.1, rtol=0)


def test_the_order_of_rows_does_not_matter(blocks, draw):
    data = TrainingData(draw(30, 2), torch.randn(30, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    Q = draw(10, 2, 3)
    one = fit_cokriging(data, blocks, 2).mean_variance(Q)[0]
    other = fit_cokriging(TrainingData(data.X[order], data.y[order]), blocks, 2).mean_variance(Q)[0]
    torch.testing.assert_close(one, other, atol=1e-2, rtol=0)


def test_trusted_scores_are_a_head_start(draw, blocks):
    model = fit_cokriging(TrainingData(draw(2, 2), torch.zeros(2, 1, dtype=torch.float64)), blocks, 2)
    Q = draw(2, 2, 3, level=0)
    Q[0, 7:10], Q[1, 7:10] = 2.0, -2.0
    mean = model.mean_variance(Q)[0]
    assert mean[0] > mean[1] + 0.5


def test_start_of_other_inputs_is_left_aside_unless_it_must_be_used(blocks, draw):
    start = fit_cokriging(synthetic(1.0, 0)[0], PLANE, 2).hyperparameters
    data = TrainingData(draw(10, 2), torch.zeros(10, 1, dtype=torch.float64))
    assert isinstance(fit_cokriging(data, blocks, 2, start=start), CokrigingModel)
    with pytest.raises(DataError, match="must be of the same inputs and levels; these are not. Fit again."):
        fit_cokriging(data, blocks, 2, start=start, refit=False)
    known = fit_cokriging(data, blocks, 2).hyperparameters
    assert usable(known, blocks, 2) and not usable(known, blocks, 3) and not usable(start, blocks, 2)
    del known["kernel.log_structure_variance"]  # as an earlier version left them
    assert not usable(known, blocks, 2)
    broken = {**fit_cokriging(data, blocks, 2).hyperparameters, "mean.slope": float("nan")}
    with pytest.raises(DataError, match="must be of the same inputs"):
        fit_cokriging(data, blocks, 2, start=broken, refit=False)


def test_what_does_not_fit_together(draw, blocks):
    data = TrainingData(draw(10, 3), torch.zeros(10, 1, dtype=torch.float64))
    with pytest.raises(DataError, match=r"one column an input and the level last, 2 \+ 1; got 18 columns"):
        fit_cokriging(data, PLANE, 3)
    with pytest.raises(DataError, match=r"levels in X must be below 2; got level 2"):
        fit_cokriging(data, blocks, 2)
    with pytest.raises(DataError, match=r"'shared' must have one entry a level, 3; got 2"):
        fit_cokriging(data, blocks, 3, shared=(True, True))


def test_a_large_cold_start_reaches_the_same_optimum():
    data, _, _ = synthetic(1.0, 1, low=330, high=30)
    cold = fit_cokriging(data, PLANE, 2)
    warm = fit_cokriging(data, PLANE, 2, start=cold.hyperparameters, evaluations=80)
    gap = log_likelihood(warm.parameters_of, data) - log_likelihood(cold.parameters_of, data)
    assert gap.item() < 1.0


def test_fitting_and_predicting_are_fast_enough(draw, blocks):
    """Generous against a busy machine: alone, the fit takes 0.05 s and the prediction 0.05 s."""
    X = draw(100, 2)
    y = (X[:, :1] + X[:, 7:8]).clone()
    fit_cokriging(TrainingData(X, y), blocks, 2)
    began = time.process_time()
    model = fit_cokriging(TrainingData(X, y), blocks, 2)
    model.mean_variance(draw(15_625, 2, 1))
    assert time.process_time() - began < 2.0


def test_accuracies_saturate_and_size_pays_with_longer_training(draw, blocks):
    """Without target data the prior decides: less of the difference is left at the target, and the larger network gains."""
    X = draw(30, 2, level=0)
    y = torch.sin(3 * X[:, :1]) + X[:, 7:8]
    Q = draw(2, 2, seed=5, level=1)
    Q[1] = Q[0]
    Q[1, 14] += 1.0  # one of the two sizes
    for saturating, rho, growth in ((False, 1.0, 0.0), (True, 0.5, 0.12)):
        model = fit_cokriging(TrainingData(X, y), blocks, 2, saturating=saturating)
        assert model.parameters_of.kernel.rho.item() == pytest.approx(rho, abs=1e-6)
        gained = model.parameters_of.prior_mean(Q)[1] - model.parameters_of.prior_mean(Q)[0]
        assert gained.item() == pytest.approx(growth / 2, abs=1e-6)


def test_what_a_figure_of_another_kind_says_of_one_architecture_is_hardly_passed_on():
    """One of eight low runs stands out from all around it: at the target that is expected of a rung that measures the same."""
    x = np.array([(column, row) for column in (0.2, 0.8) for row in (0.2, 0.4, 0.6, 0.8)])
    low = np.array([0.0, 0.1, 2.5, -0.1, 0.1, -0.1, 0.0, 0.1])
    data = TrainingData(torch.from_numpy(np.c_[x, np.zeros(8)]), torch.from_numpy(low)[:, None])
    expected = {}
    for shared in (True, False):
        mean, _ = fit_cokriging(data, PLANE, 2, shared=(shared, True)).mean_variance(torch.from_numpy(np.c_[x, np.ones(8)]))
        expected[shared] = float(mean[2] - np.delete(mean.numpy(), 2).mean())
    assert expected[True] > 1.0
    assert 0.0 < expected[False] < 0.35 * expected[True]
    literal = fit_cokriging(data, PLANE, 2, shared=(False, True), literal=True)
    mean, _ = literal.mean_variance(torch.from_numpy(np.c_[x, np.ones(8)]))
    assert float(mean[2] - np.delete(mean.numpy(), 2).mean()) > 0.5 * expected[True]


@pytest.mark.parametrize("saturating", [False, True])
def test_the_lowest_of_any_number_of_levels_says_as_much_of_the_target(blocks, draw, saturating):
    """More rungs in between are no reason to trust the lowest one less, or to expect more growth with size."""
    nothing = TrainingData(*(torch.empty(0, columns, dtype=torch.float64) for columns in (blocks.width + 1, 1, 1)))
    two, four = (fit_cokriging(nothing, blocks, levels, saturating=saturating) for levels in (2, 4))
    assert four.correlation(0) == pytest.approx(two.correlation(0), abs=0.08 if saturating else 1e-9)
    assert four.parameters_of.kernel.coupling()[-1, 0] == pytest.approx(float(two.parameters_of.kernel.coupling()[-1, 0]))
    assert four.correlation(2) > four.correlation(1) > four.correlation(0)


def test_the_outlook_is_the_lowest_level_alone_with_the_hyperparameters_of_all(blocks, draw):
    plain = replace(blocks, outlook=None)
    X, y = draw(40, 3, 3), torch.randn(40, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    fitted = fit_cokriging(TrainingData(X, y), blocks, 3, saturating=True)
    X = X[:, [*range(16), 17]]
    outlook = fit_outlook(TrainingData(X, y), plain, fitted.hyperparameters)
    below = X[:, -1] == 0
    assert len(outlook.train_X) == int(below.sum())
    own, whole = outlook.parameters_of, fitted.parameters_of
    assert torch.equal(own.kernel.log_score_lengthscale, whole.kernel.log_score_lengthscale[:1])
    assert torch.equal(own.kernel.log_encoding_variance, whole.kernel.log_encoding_variance[:1])
    assert torch.equal(own.noise.log_variance, whole.noise.log_variance[:1])
    assert torch.equal(own.mean.slope, whole.mean.slope)
    Q = X.clone()
    Q[:, -1] = 0.0
    torch.testing.assert_close(outlook.mean(Q), outlook.mean_variance(Q)[0], atol=1e-10, rtol=0)


def test_an_outlook_without_an_earlier_fit_or_with_one_of_other_inputs_is_the_priors(blocks, draw):
    plain = replace(blocks, outlook=None)
    X = draw(9, 2)[:, [*range(16), 17]]
    data = TrainingData(X, torch.randn(9, 1, dtype=torch.float64))
    other = fit_cokriging(TrainingData(X[:, [0, 1, 16]], data.y), PLANE, 2)
    assert fit_outlook(data, plain, other.hyperparameters).hyperparameters == fit_outlook(data, plain).hyperparameters


def test_the_size_of_the_discrepancy_is_learned():
    """Truth: the discrepancy is e times smaller for every unit of the outlook."""
    rng = np.random.default_rng(0)
    x, n = rng.uniform(size=(240, 1)), 120
    low = np.sin(6 * x[:, 0])
    high = low + 0.4 * np.exp(-low) * np.sin(40 * x[:, 0])
    X = np.c_[np.r_[x[:n], x], np.r_[low[:n], low], np.r_[np.zeros(n), np.ones(240)]]
    y = np.r_[low[:n], high]
    data = TrainingData(torch.from_numpy(X), torch.from_numpy(y)[:, None])
    blocks = InputBlocks(numeric=(0,), outlook=1)
    fitted = fit_cokriging(data, blocks, 2, saturating=True, evaluations=200)
    assert fitted.parameters_of.kernel.fade.item() > 0.85
    flat = TrainingData(data.X, torch.from_numpy(np.r_[low[:n], low + 0.4 * np.sin(40 * x[:, 0])])[:, None])
    assert fit_cokriging(flat, blocks, 2, saturating=True, evaluations=200).parameters_of.kernel.fade.item() < 0.5
