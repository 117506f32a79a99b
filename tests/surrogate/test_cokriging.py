import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.optim.optimize import optimize_acqf_discrete
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.sampling.normal import IIDNormalSampler

from mfsearch.errors import DataError
from mfsearch.surrogate.cokriging import CHUNK, CokrigingModel, Hyperparameters
from mfsearch.surrogate.data import InputBlocks, TrainingData
from mfsearch.surrogate.fit import fit_cokriging


def joint(model, X, **kwargs):
    posterior = model.posterior(X, **kwargs)
    assert isinstance(posterior, GPyTorchPosterior)
    return posterior.distribution


def observations(draw, n, levels, seed=0, yvar=None):
    X = draw(n, levels, seed)
    y = torch.randn(n, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return TrainingData(X, y, yvar)


@pytest.mark.parametrize("constant_variance", [0.0, 25.0])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_posterior_agrees_with_the_textbook_on_data_that_are_not_nested(constant_variance, levels, blocks, draw, hyper, textbook):
    parameters = hyper(blocks, levels, seed=levels, constant_variance=constant_variance)
    data = observations(draw, 25, levels)
    model = CokrigingModel(parameters, data)
    book = textbook(parameters.dump(), blocks, levels, constant_variance)
    Q = draw(12, levels, seed=5)
    X = data.X.numpy()
    mean, covariance = book.posterior(X, data.y[:, 0].numpy(), Q.numpy(), book.noise(X, 1e-6))
    with torch.no_grad():
        posterior = joint(model, Q)
        np.testing.assert_allclose(posterior.mean, mean, atol=1e-8)
        np.testing.assert_allclose(posterior.covariance_matrix, covariance, atol=1e-8)
        np.testing.assert_allclose(model.cross_covariance(Q[:5], Q[3:]), covariance[:5, 3:], atol=1e-8)
    fast_mean, fast_variance = model.mean_variance(Q)
    np.testing.assert_allclose(fast_mean, mean, atol=1e-8)
    np.testing.assert_allclose(fast_variance, np.diag(covariance), atol=1e-8)


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("outlook", [True, False])
def test_one_pass_over_a_list_serves_every_level(levels, outlook, blocks, draw, hyper, textbook):
    """Also with observations that came later, behind those of higher levels; and where a level has none."""
    blocks = blocks if outlook else replace(blocks, outlook=None)
    parameters = hyper(blocks, levels, seed=levels)
    data = observations(draw, 25, levels)
    Q = draw(CHUNK + 40, levels, seed=5)
    book = textbook(parameters.dump(), blocks, levels)
    more = draw(4, levels, seed=7)
    model = CokrigingModel(parameters, data)
    later = model.condition_on_observations(more, torch.zeros(4, 1, dtype=torch.float64))
    few = data.X[:, -1] < max(levels - 1, 1)
    lacking = CokrigingModel(parameters, TrainingData(data.X[few], data.y[few]))
    for held in (model, later, lacking):
        lowest = [parameters.kernel.component(0, held.train_X, chunk).detach() for chunk in torch.split(Q, CHUNK)]
        for known in (None, lowest):
            whitened = held.whiten(Q[:, :-1], known)
            for level in range(levels):
                Q[:, -1] = level
                X, places = held.train_X.numpy(), torch.tensor([3, CHUNK + 5, 0])
                mean, covariance = book.posterior(X, held.train_Y[:, 0].numpy(), Q[-50:].numpy(), book.noise(X, 1e-6))
                found = held.predict(level, whitened)
                np.testing.assert_allclose(found[0][-50:], mean, atol=1e-8)
                np.testing.assert_allclose(found[1][-50:], np.diag(covariance), atol=1e-8)
                V = held.projected(whitened, level, places)
                np.testing.assert_allclose(V, held.project(Q[places]).detach(), atol=1e-9)


def test_known_noise_wins_and_nan_means_learned(blocks, draw, hyper, textbook):
    yvar = torch.rand(10, 1, dtype=torch.float64)
    yvar[3:6] = float("nan")
    data = observations(draw, 10, 2, yvar=yvar)
    parameters = hyper(blocks, 2)
    book = textbook(parameters.dump(), blocks, 2)
    noise = np.where(np.isnan(yvar[:, 0].numpy()), book.noise(data.X.numpy(), 1e-6), yvar[:, 0].numpy() + 1e-6)
    Q = draw(4, 2, seed=5)
    mean, covariance = book.posterior(data.X.numpy(), data.y[:, 0].numpy(), Q.numpy(), noise)
    got = CokrigingModel(parameters, data).mean_variance(Q)
    np.testing.assert_allclose(got[0], mean, atol=1e-8)
    np.testing.assert_allclose(got[1], np.diag(covariance), atol=1e-8)


def test_a_wide_constant_is_an_unknown_constant(blocks, draw, hyper, textbook):
    """Universal kriging: the generalised least squares estimate of the level's constant, with its uncertainty."""
    wide = 1e6
    parameters = hyper(blocks, 2, constant_variance=wide)
    data = observations(draw, 30, 2)
    book = textbook(parameters.dump(), blocks, 2, 0.0)
    X, y, Q = data.X.numpy(), data.y[:, 0].numpy(), draw(6, 2, seed=4).numpy()
    K = book.K(X, X) + np.diag(book.noise(X, 1e-6))
    k, h, g = book.K(X, Q), X[:, -1:], Q[:, -1:]
    inverse = np.linalg.inv(K)
    residual = y - book.mean(X)
    constant = (h.T @ inverse @ residual) / (h.T @ inverse @ h)[0, 0]
    mean = book.mean(Q) + g[:, 0] * constant + k.T @ inverse @ (residual - h[:, 0] * constant)
    u = g - k.T @ inverse @ h
    variance = np.diag(book.K(Q, Q) - k.T @ inverse @ k) + u[:, 0] ** 2 / (h.T @ inverse @ h)[0, 0]
    got = CokrigingModel(parameters, data).mean_variance(torch.from_numpy(Q))
    np.testing.assert_allclose(got[0], mean, atol=1e-4)
    np.testing.assert_allclose(got[1], variance, atol=1e-4)


def test_nested_noise_free_data_give_the_recursive_form(hyper, textbook):
    """Le Gratiet and Garnier (2014): with nested designs and no noise each level is kriged on the residual of the one below."""
    blocks = InputBlocks(numeric=(0, 1))
    parameters = hyper(blocks, 3, constant_variance=0.0)
    book = textbook(parameters.dump(), blocks, 3, 0.0)
    rng = np.random.default_rng(0)
    points, sizes = rng.uniform(size=(14, 2)), (14, 8, 4)
    lowest = np.sin(4 * points[:, 0])
    middle = 0.9 * lowest + points[:, 1]
    truth = [lowest, middle, 1.2 * middle - points[:, 0] ** 2]
    X = np.concatenate([np.c_[points[:n], np.full(n, level)] for level, n in enumerate(sizes)])
    y = np.concatenate([truth[level][:n] for level, n in enumerate(sizes)])
    Q = rng.uniform(size=(7, 2))

    def krige(level, n, residual):
        def part(A, B):
            return np.array([[book.part(level, a, b) for b in B] for a in A])

        k = part(Q, points[:n])
        weights = np.linalg.solve(part(points[:n], points[:n]) + 1e-10 * np.eye(n), k.T).T
        return weights @ residual, np.diag(part(Q, Q) - weights @ k.T)

    constant, rho = parameters.mean.constant.item(), parameters.kernel.rho.tolist()
    mean, variance = krige(0, sizes[0], truth[0] - constant)
    mean = mean + constant
    for level in (1, 2):
        n = sizes[level]
        delta, extra = krige(level, n, truth[level][:n] - rho[level - 1] * truth[level - 1][:n])
        mean, variance = rho[level - 1] * mean + delta, rho[level - 1] ** 2 * variance + extra
    data = TrainingData(torch.from_numpy(X), torch.from_numpy(y[:, None]), torch.zeros(len(y), 1, dtype=torch.float64))
    model = CokrigingModel(parameters, data, jitter=1e-10)
    got = model.mean_variance(torch.from_numpy(np.c_[Q, np.full(len(Q), 2.0)]))
    np.testing.assert_allclose(got[0], mean, atol=1e-6)
    np.testing.assert_allclose(got[1], variance, atol=1e-6)


def test_conditioning_equals_a_new_model_of_all_data(blocks, draw, hyper):
    parameters = hyper(blocks, 3)
    data, more = observations(draw, 20, 3), observations(draw, 5, 3, seed=1)
    together = CokrigingModel(parameters, TrainingData(torch.cat([data.X, more.X]), torch.cat([data.y, more.y])))
    step = CokrigingModel(parameters, data).condition_on_observations(more.X[:2], more.y[:2])
    step = step.condition_on_observations(more.X[2:], more.y[2:])
    Q = draw(8, 3, seed=2)
    for got, wanted in zip(step.mean_variance(Q), together.mean_variance(Q), strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-8, rtol=0)
    torch.testing.assert_close(joint(step, Q).covariance_matrix, joint(together, Q).covariance_matrix, atol=1e-8, rtol=0)
    torch.testing.assert_close(step.train_X, together.train_X)
    torch.testing.assert_close(step.train_Y, together.train_Y)


def test_conditioning_with_given_noise(blocks, draw, hyper):
    parameters = hyper(blocks, 2)
    data, more = observations(draw, 6, 2), observations(draw, 3, 2, seed=1)
    yvar = torch.tensor([float("nan")] * 6 + [0.3] * 3, dtype=torch.float64).unsqueeze(-1)
    together = CokrigingModel(parameters, TrainingData(torch.cat([data.X, more.X]), torch.cat([data.y, more.y]), yvar))
    step = CokrigingModel(parameters, data).condition_on_observations(more.X, more.y, noise=yvar[6:])
    Q = draw(8, 2, seed=2)
    for got, wanted in zip(step.mean_variance(Q), together.mean_variance(Q), strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-8, rtol=0)


def test_fantasies_equal_refitting_for_each_sample_and_batch(blocks, draw, hyper):
    parameters = hyper(blocks, 2)
    data = observations(draw, 12, 2)
    model = CokrigingModel(parameters, data)
    X = torch.stack([draw(2, 2, seed) for seed in (7, 8, 9)])  # 3 x 2 x d
    sampler = IIDNormalSampler(torch.Size([4]), seed=1)
    fantasies = model.fantasize(X, sampler)
    Y = sampler(model.posterior(X, observation_noise=True))
    assert fantasies.batch_shape == (4, 3)
    Q = draw(5, 2, seed=2)
    with torch.no_grad():
        posterior = joint(fantasies, Q.expand(4, 3, 5, -1))
        shared = joint(fantasies, Q)
        mean, variance = fantasies.mean_variance(Q)
    assert posterior.mean.shape == (4, 3, 5)
    for sample in range(4):
        for batch in range(3):
            both = TrainingData(torch.cat([data.X, X[batch]]), torch.cat([data.y, Y[sample, batch].detach()]))
            alone = CokrigingModel(parameters, both)
            torch.testing.assert_close(posterior.mean[sample, batch], joint(alone, Q).mean, atol=1e-8, rtol=0)
            covariance = joint(alone, Q).covariance_matrix
            torch.testing.assert_close(posterior.covariance_matrix[sample, batch], covariance, atol=1e-8, rtol=0)
            torch.testing.assert_close(shared.covariance_matrix[sample, batch], covariance, atol=1e-8, rtol=0)
            torch.testing.assert_close(mean[sample, batch], alone.mean_variance(Q)[0], atol=1e-8, rtol=0)
            torch.testing.assert_close(variance[sample, batch], alone.mean_variance(Q)[1], atol=1e-8, rtol=0)


def test_batches_of_points_are_joint_within_and_independent_between(blocks, draw, hyper):
    model = CokrigingModel(hyper(blocks, 2), observations(draw, 12, 2))
    X = torch.stack([draw(3, 2, seed) for seed in range(6)]).reshape(2, 3, 3, -1)
    posterior = joint(model, X)
    assert posterior.mean.shape == (2, 3, 3)
    assert model.posterior(X).rsample(torch.Size([2])).shape == (2, 2, 3, 3, 1)
    alone = joint(model, X[1, 2])
    torch.testing.assert_close(posterior.mean[1, 2], alone.mean, atol=1e-10, rtol=0)
    torch.testing.assert_close(posterior.covariance_matrix[1, 2], alone.covariance_matrix, atol=1e-10, rtol=0)


def test_observation_noise_is_that_of_the_level_or_what_is_given(blocks, draw, hyper):
    model = CokrigingModel(hyper(blocks, 2), observations(draw, 12, 2))
    X = torch.cat([draw(2, 2, 3, level=0), draw(1, 2, 3, level=1)])
    without = joint(model, X).variance
    extra = joint(model, X, observation_noise=True).variance - without
    torch.testing.assert_close(extra, model.noise[[0, 0, 1]])
    given = joint(model, X, observation_noise=torch.full((3, 1), 0.7, dtype=torch.float64)).variance - without
    torch.testing.assert_close(given, torch.full((3,), 0.7, dtype=torch.float64))


def test_a_posterior_transform_is_applied(blocks, draw, hyper):
    model = CokrigingModel(hyper(blocks, 2), observations(draw, 12, 2))
    X = draw(3, 2, 3)
    doubled = joint(model, X, posterior_transform=ScalarizedPosteriorTransform(torch.tensor([2.0], dtype=torch.float64)))
    torch.testing.assert_close(doubled.mean, 2 * joint(model, X).mean)


def test_gradients_in_the_numeric_inputs(blocks, draw, hyper):
    model = CokrigingModel(hyper(blocks, 2), observations(draw, 12, 2))
    X = draw(2, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda X: joint(model, X).variance, X)


def test_many_candidates_are_predicted_in_chunks(blocks, draw, hyper):
    model = CokrigingModel(hyper(blocks, 2), observations(draw, 12, 2))
    X = draw(9000, 2, 3)
    mean, variance = model.mean_variance(X)
    torch.testing.assert_close(mean[8990:], model.mean_variance(X[8990:])[0])
    assert variance.shape == (9000,) and model.mean_variance(X[:0])[0].shape == (0,)


def test_without_target_data_the_level_below_decides_and_the_interval_is_wide(blocks, draw, hyper):
    X = draw(15, 2, level=0)
    y = torch.randn(15, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parameters = hyper(blocks, 2)
    model = CokrigingModel(parameters, TrainingData(X, y))
    Q = draw(30, 2, 4, level=0)
    low, low_variance = model.mean_variance(Q)
    Q[:, -1] = 1.0
    high, high_variance = model.mean_variance(Q)
    rho = parameters.kernel.rho.detach()[0]
    growth = parameters.mean.growth.detach()[0] * Q[:, list(blocks.capacity)].mean(1)
    torch.testing.assert_close(high, rho * low + growth, atol=1e-10, rtol=0)
    fade = torch.exp(-2 * parameters.kernel.fade.detach()[0] * Q[:, blocks.outlook].clamp(-2, 2))
    discrepancy = parameters.kernel.signal_variance().detach()[1] * fade + 25.0
    torch.testing.assert_close(high_variance, rho**2 * low_variance + discrepancy, atol=1e-10, rtol=0)


def test_one_target_observation_places_the_level_and_does_not_crown_its_architecture(blocks, draw):
    X = draw(40, 2, 6)
    X[:39, -1], X[39, -1] = 0.0, 1.0
    y = torch.zeros(40, 1, dtype=torch.float64)
    y[39] = 4.0
    model = fit_cokriging(TrainingData(X, y), blocks, 2, refit=False)  # the hyper-parameters of the prior
    Q = draw(200, 2, 8, level=1)
    mean = model.mean_variance(Q)[0]
    assert mean.mean() > 3.0
    assert 4.0 - mean.mean() < 3 * mean.std()


def test_correlation_is_that_of_a_noisy_observation_with_the_target_before_any_data(draw, hyper, blocks, textbook):
    parameters = hyper(blocks, 3)
    X = draw(30, 3, 2)
    model = CokrigingModel(parameters, TrainingData(X, torch.zeros(30, 1, dtype=torch.float64)))
    book = textbook(model.hyperparameters, blocks, 3, 0.0)
    everywhere = [[np.r_[x[:-1].numpy(), level] for level in range(3)] for x in X]
    spread = X[:, [7, 9]].mean(1).var(unbiased=False).item() * parameters.mean.slope.item() ** 2
    size = X[:, list(blocks.capacity)].mean(1).var(unbiased=False).item() * parameters.mean.growth.detach().numpy() ** 2
    prior = np.mean([book.K(at, at) for at in everywhere], axis=0) + spread * np.outer(book.C[:, 0], book.C[:, 0])
    prior += sum(size[level - 1] * np.outer(book.C[:, level], book.C[:, level]) for level in (1, 2))
    for level in range(3):
        expected = prior[level, 2] / np.sqrt((prior[level, level] + model.noise[level].item()) * prior[2, 2])
        assert model.correlation(level) == pytest.approx(expected, abs=1e-10)
    with torch.no_grad():
        parameters.kernel.rho[1] = 0.0
    assert model.correlation(0) == model.correlation(1) == 0.0


def test_hyperparameters_are_json(blocks, draw, hyper):
    model = CokrigingModel(hyper(blocks, 2), observations(draw, 5, 2))
    assert json.loads(json.dumps(model.hyperparameters)) == model.hyperparameters
    assert model.num_outputs == 1 and model.batch_shape == () and model.levels == 2


def test_repeated_observations_need_no_more_than_the_jitter(blocks, draw, hyper):
    X = draw(1, 2, level=1).repeat(50, 1)
    data = TrainingData(X, torch.ones(50, 1, dtype=torch.float64), torch.zeros(50, 1, dtype=torch.float64))
    mean, variance = CokrigingModel(hyper(blocks, 2), data).mean_variance(X[:1])
    assert mean.item() == pytest.approx(1.0, abs=1e-4) and 0 < variance.item() < 1e-4


def test_hyperparameters_without_a_covariance(blocks, draw, hyper):
    parameters: Hyperparameters = hyper(blocks, 2)
    with torch.no_grad():
        parameters.kernel.rho[0] = float("nan")
    with pytest.raises(DataError, match="the covariance of 5 observations must be positive definite"):
        CokrigingModel(parameters, observations(draw, 5, 2))


def test_works_with_acquisition_functions_of_botorch(blocks, draw, hyper):
    model = CokrigingModel(hyper(blocks, 2), observations(draw, 12, 2))
    choices = draw(40, 2, 4, level=1)
    improvement = LogExpectedImprovement(model, best_f=0.5)
    best, value = optimize_acqf_discrete(improvement, q=1, choices=choices)
    with torch.no_grad():
        values = improvement(choices.unsqueeze(1))
    torch.testing.assert_close(best[0], choices[values.argmax()])
    assert value.item() == pytest.approx(values.max().item())


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_what_is_left_out_is_predicted_by_a_model_of_the_others(levels, blocks, draw, hyper):
    yvar = torch.full((25, 1), float("nan"), dtype=torch.float64)
    yvar[3] = 0.2
    parameters, data = hyper(blocks, levels, seed=levels), observations(draw, 25, levels, yvar=yvar)
    model = CokrigingModel(parameters, data)
    mean, variance = model.left_out()
    for i in range(0, 25, 3):
        others = [j for j in range(25) if j != i]
        rest = CokrigingModel(parameters, TrainingData(data.X[others], data.y[others], yvar[others]))
        own_mean, own_variance = rest.mean_variance(data.X[i : i + 1])
        noise = 0.2 + model.jitter if i == 3 else model.noise[int(data.X[i, -1])]
        np.testing.assert_allclose(mean[i], own_mean[0], atol=1e-8)
        np.testing.assert_allclose(variance[i], own_variance[0] + noise, atol=1e-8)
