import numpy as np
import torch
from scipy import stats

from mfsearch.acquisition.expected_improvement import TargetExpectedImprovement
from mfsearch.surrogate.data import InputBlocks, TrainingData
from mfsearch.surrogate.fit import fit_cokriging


def test_is_the_closed_form_at_the_target_whatever_level_is_asked():
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(12, 3, generator=generator, dtype=torch.float64)
    X[:, 2] = torch.tensor([0.0] * 8 + [1.0] * 4)
    model = fit_cokriging(TrainingData(X, X[:, :1] + X[:, 2:]), InputBlocks(numeric=(0, 1)), 2)
    Q = torch.rand(6, 3, generator=generator, dtype=torch.float64)
    Q[:, 2] = 1.0
    mean, variance = (part.numpy() for part in model.mean_variance(Q))
    u = (mean - 1.2) / np.sqrt(variance)
    closed = np.sqrt(variance) * (stats.norm.pdf(u) + u * stats.norm.cdf(u))
    improvement = TargetExpectedImprovement(model, best=1.2)
    for level in (0.0, 1.0):
        Q[:, 2] = level
        with torch.no_grad():
            np.testing.assert_allclose(improvement(Q.unsqueeze(1)).exp(), closed, rtol=1e-5)
