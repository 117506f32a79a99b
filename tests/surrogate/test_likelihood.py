import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from mfsearch.surrogate.data import InputBlocks, TrainingData
from mfsearch.surrogate.likelihood import MarginalLikelihood

CASES = {
    "all": None,
    "without outlook": None,
    "numeric": InputBlocks(numeric=(0, 1)),
    "choices": InputBlocks(categorical=((0, 1, 2), (3, 4))),
    "scores": InputBlocks(scores=(0, 1), trusted=(0,)),
    "numeric, scores and outlook": InputBlocks(numeric=(0,), scores=(1,), missing=(2,), outlook=3),
    "choices, structure, sizes and outlook": InputBlocks(
        categorical=((0, 1, 2), (3, 4)), structure=((5, 6), (7,)), capacity=(8,), outlook=9
    ),
}


def by_autograd(parameters, data):
    """Value and gradient by the kernel, torch.distributions and autograd."""
    parameters.zero_grad()
    yvar = None if data.yvar is None else data.yvar[:, 0]
    covariance = parameters.kernel.forward(data.X, data.X) + torch.diag(parameters.noise(data.X, yvar) + 1e-6)
    normal = torch.distributions.MultivariateNormal(parameters.prior_mean(data.X), covariance)
    value = -normal.log_prob(data.y[:, 0]) - 0.5 * len(data) * math.log(2 * math.pi)
    value.backward()
    return value.item(), {
        name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in parameters.named_parameters()
    }


def written_out(parameters, data):
    values = {name: p.detach().numpy() for name, p in parameters.named_parameters()}
    gradient = {name: np.zeros_like(value) for name, value in values.items()}
    return MarginalLikelihood(parameters, data)(values, gradient), gradient


def draws(blocks, levels, hyper, n=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, blocks.width, dtype=torch.float64, generator=generator)
    level = torch.randint(0, levels, (n, 1), generator=generator).double()
    yvar = torch.full((n, 1), math.nan, dtype=torch.float64)
    yvar[::5] = 0.1
    y = torch.randn(n, 1, dtype=torch.float64, generator=generator)
    return hyper(blocks, levels, seed), TrainingData(torch.cat([X, level], 1), y, yvar).by_level()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("levels", [1, 2, 4])
def test_value_and_gradient_agree_with_torch_distributions_and_autograd(case, levels, blocks, hyper):
    chosen = CASES[case] or (replace(blocks, outlook=None) if case == "without outlook" else blocks)
    parameters, data = draws(chosen, levels, hyper)
    expected, slopes = by_autograd(parameters, data)
    value, gradient = written_out(parameters, data)
    assert value == pytest.approx(expected, abs=1e-9)
    assert gradient.keys() == slopes.keys()
    for name, found in gradient.items():
        np.testing.assert_allclose(found, slopes[name].numpy(), atol=1e-9, rtol=1e-9, err_msg=name)


def test_levels_without_data_rho_of_nothing_and_learned_noise_alone(blocks, hyper):
    parameters, data = draws(blocks, 4, hyper)
    keep = (data.levels == 0) | (data.levels == 2)
    data = TrainingData(data.X[keep], data.y[keep])
    with torch.no_grad():
        parameters.kernel.rho[0] = 0.0
    expected, slopes = by_autograd(parameters, data)
    value, gradient = written_out(parameters, data)
    assert value == pytest.approx(expected, abs=1e-9)
    for name, found in gradient.items():
        np.testing.assert_allclose(found, slopes[name].numpy(), atol=1e-9, rtol=1e-9, err_msg=name)
    assert gradient["kernel.log_score_variance"][3] == 0.0 and gradient["noise.log_variance"][1] == 0.0


def test_the_gradient_is_added_to_what_is_there(blocks, hyper):
    parameters, data = draws(blocks, 2, hyper)
    values = {name: p.detach().numpy() for name, p in parameters.named_parameters()}
    likelihood = MarginalLikelihood(parameters, data)
    once, twice = ({name: np.zeros_like(value) for name, value in values.items()} for _ in range(2))
    first = likelihood(values, once)
    assert [likelihood(values, twice) for _ in range(2)] == [first, first]
    for name in once:
        np.testing.assert_allclose(twice[name], 2 * once[name], rtol=1e-12)


def test_a_covariance_without_a_cholesky_factor_has_an_infinite_value(blocks, hyper):
    parameters, data = draws(blocks, 2, hyper)
    with torch.no_grad():
        parameters.kernel.log_score_variance[0] = 800.0  # whose exponential is infinite
    assert written_out(parameters, data)[0] == math.inf


def test_takes_less_time_than_autograd(blocks, hyper):
    parameters, data = draws(blocks, 3, hyper, n=100)
    values = {name: p.detach().numpy() for name, p in parameters.named_parameters()}
    likelihood = MarginalLikelihood(parameters, data)

    def fastest(call):
        seconds = []
        for _ in range(20):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    gradient = {name: np.zeros_like(value) for name, value in values.items()}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, theirs = fastest(lambda: likelihood(values, gradient)), fastest(lambda: by_autograd(parameters, data))
    finally:
        torch.set_num_threads(before)
    assert ours < 0.7 * theirs
