from dataclasses import replace

import numpy as np
import pytest
import torch

from mfsearch.errors import DataError
from mfsearch.surrogate.data import InputBlocks
from mfsearch.surrogate.kernel import CokrigingKernel

CASES = {
    "all": None,
    "numeric": InputBlocks(numeric=(0, 1)),
    "choices": InputBlocks(categorical=((0, 1, 2), (3, 4))),
    "scores": InputBlocks(scores=(0, 1), trusted=(0,)),
    "numeric and scores": InputBlocks(numeric=(0,), scores=(1,), missing=(2,)),
    "numeric and outlook": InputBlocks(numeric=(0, 1), outlook=2),
    "structure": InputBlocks(numeric=(0,), structure=((1, 2), (3,))),
    "choices, structure and outlook": InputBlocks(categorical=((0, 1),), structure=((2,), (3, 4)), outlook=5),
    "without outlook": None,
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("levels", [1, 3])
def test_agrees_with_the_definition(case, levels, blocks, draw, hyper, textbook):
    chosen = CASES[case] or (replace(blocks, outlook=None) if case == "without outlook" else blocks)
    full = draw(9, levels)
    columns = {
        "all": range(17),
        "numeric": (0, 1),
        "choices": range(2, 7),
        "scores": (7, 8),
        "numeric and scores": (0, 7, 10),
        "numeric and outlook": (0, 1, 16),
        "structure": (0, 11, 12, 13),
        "choices, structure and outlook": (5, 6, 11, 12, 13, 16),
        "without outlook": range(16),
    }
    X = full[:, [*columns[case], 17]]
    parameters = hyper(chosen, levels)
    book = textbook(parameters.dump(), chosen, levels)
    with torch.no_grad():
        got = parameters.kernel.forward(X, X[:4])
        np.testing.assert_allclose(got.numpy(), book.K(X.numpy(), X[:4].numpy()), atol=1e-11)
        np.testing.assert_allclose(parameters.kernel.forward(X, X, diag=True), np.diag(book.K(X.numpy(), X.numpy())), atol=1e-11)
        np.testing.assert_allclose(parameters.kernel.variance(X), np.diag(book.K(X.numpy(), X.numpy())), atol=1e-11)


def test_gpytorch_calls_and_batches_agree_with_the_plain_matrix(blocks, draw, hyper):
    kernel = hyper(blocks, 3).kernel
    A, B = torch.stack([draw(4, 3, seed) for seed in range(5)]), draw(6, 3, 9)
    with torch.no_grad():
        rows = torch.stack([kernel.forward(a, B) for a in A])
        assert torch.allclose(kernel.forward(A, B), rows, atol=1e-12)
        assert torch.allclose(kernel(A, B).to_dense(), rows, atol=1e-12)
        assert torch.allclose(kernel.forward(B, A), rows.transpose(-1, -2), atol=1e-12)
        assert torch.allclose(kernel(B).diagonal(dim1=-1, dim2=-2), kernel.forward(B, B).diagonal(), atol=1e-12)
        assert kernel.forward(B, B[:0]).shape == (6, 0)
        assert kernel.forward(A, B[:0]).shape == (5, 4, 0)


@pytest.mark.parametrize("seed", range(5))
def test_is_positive_semidefinite_also_with_negative_rho_and_inactive_choices(seed, blocks, draw, hyper):
    kernel = hyper(blocks, 3, seed).kernel
    X = draw(60, 3, seed)
    X[::7, 2:5] = 0.0  # a choice that is not active
    with torch.no_grad():
        kernel.rho[0] = -0.7
        K = kernel.forward(X, X)
        assert torch.allclose(K, K.T, atol=1e-12)
        assert torch.linalg.eigvalsh(K).min() > -1e-10
        assert torch.allclose(K.diagonal(), kernel.variance(X), atol=1e-12)


def test_gradients_in_every_hyperparameter_and_in_the_numeric_inputs(blocks, draw, hyper):
    kernel = hyper(blocks, 2).kernel
    X = draw(5, 2)
    X[1] = X[0]  # at distance 0 as well

    def covariance(numeric, *parameters):  # which are the kernel's own, so that it moves with them
        full = torch.cat([numeric, X[:, 2:]], 1)
        return kernel.forward(full, full)

    assert torch.autograd.gradcheck(covariance, (X[:, :2].clone().requires_grad_(), *kernel.parameters()))


def test_a_level_below_knows_nothing_of_the_constant_above(blocks, draw, hyper):
    wide, none = hyper(blocks, 2, constant_variance=25.0).kernel, hyper(blocks, 2, constant_variance=0.0).kernel
    X = torch.cat([draw(3, 2, level=0), draw(3, 2, level=1)])
    with torch.no_grad():
        extra = wide.forward(X, X) - none.forward(X, X)
    expected = torch.zeros(6, 6, dtype=torch.float64)
    expected[3:, 3:] = 25.0
    assert torch.allclose(extra, expected, atol=1e-12)


def test_no_levels_at_all():
    with pytest.raises(DataError, match="number of levels must be at least 1; got 0"):
        CokrigingKernel(InputBlocks(numeric=(0,)), 0)


def test_last_dim_is_batch_is_refused(blocks, draw, hyper):
    with pytest.raises(NotImplementedError, match="last_dim_is_batch"):
        hyper(blocks, 2).kernel.forward(draw(2, 2), draw(2, 2), last_dim_is_batch=True)


def test_the_coupling_is_the_same_with_and_without_a_gradient():
    kernel = CokrigingKernel(InputBlocks(numeric=(0,)), 4)
    with torch.no_grad():
        kernel.rho.copy_(torch.tensor([0.9, -1.3, 0.7]))
        quick = kernel.coupling()
    assert torch.equal(quick, kernel.coupling()) and kernel.coupling().requires_grad
    expected = [[1, 0, 0, 0], [0.9, 1, 0, 0], [-1.17, -1.3, 1, 0], [-0.819, -0.91, 0.7, 1]]
    torch.testing.assert_close(quick, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-6)
