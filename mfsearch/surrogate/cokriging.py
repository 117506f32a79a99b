"""The co-kriging posterior as a BoTorch model with its own dense Cholesky factor.

GPyTorch's exact GP leaves Cholesky for conjugate gradients above n = 800, and computes the covariance of all test points
unless told otherwise. Here the factor L of the training covariance is computed once, and a prediction needs the covariances
between test and training points only. Notation: V = L^-1 K(train, x), w = L^-1 (y - mean), so that the posterior mean at x
is mean(x) + V'w and the posterior covariance K(x, x') - V'V'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from botorch.sampling.base import MCSampler
from gpytorch.distributions import MultivariateNormal
from torch import Tensor, nn

from mfsearch.errors import DataError
from mfsearch.records import Json
from mfsearch.surrogate.data import TrainingData
from mfsearch.surrogate.kernel import CokrigingKernel, take

JITTER = 1e-6  # added to every noise variance, in standardised units: a thousandth of a standard deviation
SMALLEST_VARIANCE = 1e-12
_ROWS = 64  # of a triangular matrix that are multiplied at once
CHUNK = 1024  # candidates predicted at once: their covariances with the training points stay in the cache


class ScoreMean(nn.Module):
    """Means of the d_l: constant + slope * (mean of the trusted scores) at the lowest level, growth_l * (size) above it.

    Size is the mean of the capacity scores: what a short training says of a large network is less than what it is worth.
    """

    def __init__(self, trusted: tuple[int, ...], capacity: tuple[int, ...] = (), levels: int = 1) -> None:
        super().__init__()
        self.trusted, self.capacity, self._levels = trusted, capacity, levels
        self.growth = nn.Parameter(torch.zeros(levels - 1 if capacity else 0, dtype=torch.float64))
        self.constant = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.slope = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def score(self, X: Tensor) -> Tensor:
        """Mean of the trusted columns of X: ... x n x (d+1), ... x n; 0 where there are none."""
        return take(X, self.trusted).mean(-1) if self.trusted else torch.zeros_like(X[..., 0])

    def size(self, X: Tensor) -> Tensor:
        """Mean of the capacity columns of X: ... x n x (d+1), ... x n; 0 where there are none."""
        return take(X, self.capacity).mean(-1) if self.capacity else torch.zeros_like(X[..., 0])

    def own(self, X: Tensor) -> Tensor:
        """Prior means of the d_l at X: n x (d+1), L x n; the level of X is not looked at."""
        size, lowest = self.size(X), self.constant + self.slope * self.score(X)
        above = torch.outer(self.growth, size) if len(self.growth) else size.new_zeros(self._levels - 1, len(X))
        return torch.cat([lowest[None], above])

    def forward(self, X: Tensor, coupling: Tensor) -> Tensor:
        """Prior mean of f_l(x) at X: ... x n x (d+1), ... x n; coupling C: L x L says how much of d_l is in each level."""
        shares = coupling[X[..., -1].round().long()]
        mean = shares[..., 0] * (self.constant + self.slope * self.score(X))
        return mean + (shares[..., 1:] @ self.growth) * self.size(X) if len(self.growth) else mean


class LevelNoise(nn.Module):
    """One learned noise variance a level, used wherever the variance of an observation is not known."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(levels, dtype=torch.float64))

    def forward(self, X: Tensor, yvar: Tensor | None = None) -> Tensor:
        """Noise variance of observations X: ... x n x (d+1), ... x n; known variances (... x n) win, NaN is unknown."""
        learned = self.log_variance.exp()[X[..., -1].round().long()]
        return learned if yvar is None else torch.where(torch.isnan(yvar), learned, yvar)


class Hyperparameters(nn.Module):
    """Kernel, mean and noise together: everything that a fit decides."""

    def __init__(self, kernel: CokrigingKernel, mean: ScoreMean, noise: LevelNoise) -> None:
        super().__init__()
        self.kernel, self.mean, self.noise = kernel, mean, noise

    def prior_mean(self, X: Tensor) -> Tensor:
        """Mean before any data at X: ... x n x (d+1), ... x n. The level constants have mean 0."""
        mean: Tensor = self.mean(X, self.kernel.coupling())
        return mean

    def dump(self) -> dict[str, Json]:
        """All values by name, as nested lists: JSON."""
        return {name: parameter.tolist() for name, parameter in self.named_parameters()}


def _lower_times(lower: Tensor, block: Tensor) -> Tensor:
    """Lower triangular times block, n x n and n x m: half the work of a product, and less time than a solve of that work."""
    out = torch.empty_like(block)
    for first in range(0, len(lower), _ROWS):
        last = min(first + _ROWS, len(lower))
        torch.mm(lower[first:last, :last], block[:last], out=out[first:last])
    return out


@dataclass(frozen=True)
class Whitened:
    """What the training points say of a list of m inputs, level by level: V at any level is a sum of the W_l.

    Attributes:
        parts: W_l = L^-1 of the share of d_l + c_l in K(train, x), (n - first_l) x m each; the rows before are zero.
        first: The first training point of at least each level.
        means: Posterior means of the d_l + c_l, L x m.
        covariances: Their posterior covariances at each x, L x L x m.
    """

    parts: tuple[Tensor, ...]
    first: tuple[int, ...]
    means: Tensor
    covariances: Tensor


class CokrigingModel(Model):
    """Posterior over the levels, given hyper-parameters and data. All tensors are float64, y is in standardised units.

    Attributes:
        parameters_of: Kernel, mean and noise.
        train_X: b x n x (d+1), b the batch shape of the inputs (empty, but for fantasies).
        train_Y: b' x n x 1.

    Raises:
        DataError: If the training covariance is not positive definite even with a noise of 1% of the scale.
    """

    @torch.no_grad()
    def __init__(self, parameters_of: Hyperparameters, data: TrainingData, jitter: float = JITTER) -> None:
        super().__init__()
        self.parameters_of = parameters_of
        X, residual = data.X, data.y[:, 0] - parameters_of.prior_mean(data.X)
        covariance = parameters_of.kernel.forward(X, X)
        noise = parameters_of.noise(X, None if data.yvar is None else data.yvar[:, 0])
        for added in (jitter, 1e-5, 1e-4, 1e-3, 1e-2):
            factor, failed = torch.linalg.cholesky_ex(covariance + torch.diag_embed(noise + added))
            if not failed and torch.isfinite(factor).all():
                break
        else:
            raise DataError(
                f"the covariance of {len(X)} observations must be positive definite; its Cholesky factor failed. "
                "Look for infinite hyper-parameters in the 'start' that was given."
            )
        self.jitter = added
        whitened = torch.linalg.solve_triangular(factor, residual.unsqueeze(-1), upper=False)
        self._hold(X, data.y, factor, whitened)

    def _hold(self, X: Tensor, Y: Tensor, factor: Tensor, whitened: Tensor) -> None:
        self.train_X, self.train_Y = X.detach(), Y.detach()
        self._factor, self._whitened = factor.detach(), whitened.detach()  # L and w

    @property
    def num_outputs(self) -> int:
        """Always 1: the level is an input."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """Empty; for a fantasy model the batch of its observations."""
        return self._whitened.shape[:-2]

    @property
    def levels(self) -> int:
        """Number L of levels; the target is L-1."""
        return self.parameters_of.kernel.levels

    @property
    def noise(self) -> Tensor:
        """Learned noise variance (jitter included) of each level, L."""
        return self.parameters_of.noise.log_variance.detach().exp() + self.jitter

    @property
    def hyperparameters(self) -> dict[str, Json]:
        """All hyper-parameters, JSON: what `fit_cokriging` takes as `start`."""
        return self.parameters_of.dump()

    def correlation(self, level: int) -> float:
        """Correlation over x between an observation at a level, its noise included, and the target f_{L-1}(x).

        0: the level predicts nothing. The level constants do not count (they are the same for all x); the variance of
        the means over the training inputs counts as a part of their levels', and spreads are averaged over them.
        """
        with torch.no_grad():
            kernel, mean = self.parameters_of.kernel, self.parameters_of.mean
            score = mean.score(self.train_X)
            variance, spread = kernel.signal_variance(), kernel.spread(self.train_X)
            if spread is not None and len(self.train_X):
                variance = variance * spread.square().mean(-2)
            if score.shape[-1]:
                variance[0] += mean.slope.square() * score.var(-1, unbiased=False).mean()
                if len(mean.growth):
                    variance[1:] += mean.growth.square() * mean.size(self.train_X).var(-1, unbiased=False).mean()
            coupling = kernel.coupling()
            here, target = coupling[level], coupling[-1]
            total = (here.square() * variance).sum() + self.noise[level]
            return float((here * target * variance).sum() / (total * (target.square() * variance).sum()).sqrt())

    @torch.inference_mode()
    def left_out(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of each training observation, its noise included, given all others: n each; no batch shape.

        The hyper-parameters stay (Rasmussen and Williams 2006, section 5.4.2: both follow from the inverse covariance).
        """
        variance = torch.cholesky_inverse(self._factor).diagonal().reciprocal()
        return self.train_Y[:, 0] - self.weights * variance, variance

    def project(self, X: Tensor) -> Tensor:
        """V = L^-1 K(train, X) for X: b x q x (d+1), b x n x q with b broadcast against the training inputs'."""
        kernel = self.parameters_of.kernel
        if self._factor.ndim > 2:
            whitened: Tensor = torch.linalg.solve_triangular(self._factor, kernel.forward(self.train_X, X), upper=False)
            return whitened
        flat = X.reshape(-1, X.shape[-1])
        V: Tensor = torch.linalg.solve_triangular(self._factor, kernel.forward(self.train_X, flat), upper=False)
        return V.reshape(len(V), *X.shape[:-1]).movedim(0, -2)

    def mean_of(self, X: Tensor, V: Tensor) -> Tensor:
        """Posterior mean at X: ... x q x (d+1) from its V: b x n x q, b x q."""
        return self.parameters_of.prior_mean(X) + (V.transpose(-1, -2) @ self._whitened).squeeze(-1)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """Joint posterior over the q points of each batch of X: b x q x (d+1); differentiable in X.

        Args:
            X: Encodings with the level last.
            output_indices: None or [0]: there is one output.
            observation_noise: True adds the noise of each point's level, a tensor (... x q x 1) adds itself.
            posterior_transform: Applied to the result.
        """
        V = self.project(X)
        mean = self.mean_of(X, V)
        covariance = self.parameters_of.kernel.forward(X, X) - V.transpose(-1, -2) @ V
        if observation_noise is not False:
            extra = self._noise_at(X) if observation_noise is True else torch.as_tensor(observation_noise).squeeze(-1)
            covariance = covariance + torch.diag_embed(extra.expand(X.shape[:-1]))
        covariance = covariance.expand(*mean.shape, mean.shape[-1])
        posterior = GPyTorchPosterior(MultivariateNormal(mean, covariance))
        return posterior if posterior_transform is None else posterior_transform(posterior)

    def _noise_at(self, X: Tensor) -> Tensor:
        learned: Tensor = self.parameters_of.noise(X)
        return learned + self.jitter

    @torch.inference_mode()
    def whiten(self, X: Tensor, lowest: Iterable[Tensor] | None = None) -> Whitened:
        """One pass over X: m x d, inputs without the level, for predictions at every level; the model has no batch shape.

        `lowest` has the kernel's k_0(train, chunk) of every CHUNK of X, one after the other, where the caller knows them.
        """
        kernel, train, m = self.parameters_of.kernel, self.train_X, len(X)
        coupling, spread = kernel.coupling()[train[:, -1].round().long()], kernel.spread(train)
        above = [torch.nonzero(train[:, -1] > level - 0.5)[:, 0] for level in range(self.levels)]
        first = tuple(int(rows[0]) if len(rows) else len(train) for rows in above)
        parts = tuple(X.new_empty(m, len(train) - start).mT for start in first)  # so that a few columns are soon read
        inverse = torch.linalg.solve_triangular(self._factor, torch.eye(len(train), dtype=X.dtype), upper=False)
        chunks = torch.split(X, CHUNK)
        blocks: list[Iterable[Tensor]] = [kernel.at(level).blocks(train[start:], X, CHUNK) for level, start in enumerate(first)]
        if lowest is not None:
            blocks[0] = lowest
        means = self.parameters_of.mean.own(X)
        covariances = X.new_zeros(self.levels, self.levels, m)
        covariances.diagonal()[:] = kernel.own_variance(X)
        for number, (chunk, *of_level) in enumerate(zip(chunks, *blocks, strict=True)):
            columns, far = slice(number * CHUNK, number * CHUNK + len(chunk)), kernel.spread(chunk)
            lower: list[Tensor] = []
            for level, (start, block) in enumerate(zip(first, of_level, strict=True)):
                share = coupling[start:, level, None]
                if not level:  # whose constant is the mean function's
                    block = share * block
                else:
                    if spread is not None and far is not None:
                        block.mul_(spread[start:, level, None] * share).mul_(far[:, level])
                    else:
                        block.mul_(share)
                    block.add_(kernel.constants[level] * share)
                W = _lower_times(inverse[start:, start:], block)
                lower.append(W)
                parts[level][:, columns] = W
                means[level, columns] += self._whitened[start:, 0] @ W
                for other in range(level + 1):
                    told = (W * lower[other][start - first[other] :]).sum(0)
                    covariances[level, other, columns] -= told
                    if other < level:
                        covariances[other, level, columns] -= told
        return Whitened(parts, first, means, covariances)

    @torch.inference_mode()
    def predict(self, level: int, whitened: Whitened) -> tuple[Tensor, Tensor]:
        """Posterior mean and variance of f at a level of a whitened list, m each."""
        shares = self.parameters_of.kernel.coupling()[level]
        variance = torch.outer(shares, shares).flatten() @ whitened.covariances.flatten(0, 1)
        return shares @ whitened.means, variance.clamp_min(SMALLEST_VARIANCE)

    @torch.inference_mode()
    def projected(self, whitened: Whitened, level: int, places: Tensor) -> Tensor:
        """V at a level of some places of a whitened list, n x q; what `project` computes."""
        shares = self.parameters_of.kernel.coupling()[level].tolist()
        V: Tensor = shares[0] * whitened.parts[0][:, places]
        for start, part, share in zip(whitened.first[1 : level + 1], whitened.parts[1:], shares[1:], strict=False):
            V[start:] += share * part[:, places]
        return V

    @torch.inference_mode()
    def mean_variance(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and variance of f at X: m x (d+1), each b x m, b the model's batch shape (usually empty).

        Chunked; takes tens of thousands of candidates.
        """
        if not len(X):
            empty = X.new_empty(*self.batch_shape, 0)
            return empty, empty
        learned, told = [], []  # what the data add to the mean, and take from the variance
        for chunk in torch.split(X, CHUNK):
            V = self.project(chunk)
            learned.append((V.mT @ self._whitened).squeeze(-1))
            told.append(V.square().sum(-2))
        mean = self.parameters_of.prior_mean(X) + torch.cat(learned, -1)
        variance = (self.parameters_of.kernel.variance(X) - torch.cat(told, -1)).clamp_min(SMALLEST_VARIANCE)
        return mean, variance.expand(mean.shape)

    @property
    def weights(self) -> Tensor:
        """K^-1 (y - mean), n: a posterior mean is the prior's plus K(x, train) times these; no batch shape."""
        found: Tensor = torch.linalg.solve_triangular(self._factor.mT, self._whitened, upper=True)
        return found[:, 0]

    @torch.inference_mode()
    def mean(self, X: Tensor) -> Tensor:
        """Posterior mean of f at X: m x (d+1), m; without the variance it costs a product of matrices."""
        weights, kernel = self.weights, self.parameters_of.kernel
        learned = [weights @ kernel.forward(self.train_X, chunk) for chunk in torch.split(X, CHUNK)]
        return self.parameters_of.prior_mean(X) + torch.cat([X.new_empty(0), *learned])

    def cross_covariance(self, A: Tensor, B: Tensor) -> Tensor:
        """Posterior covariance between A: ... x a x (d+1) and B: ... x b x (d+1), ... x a x b."""
        return self.parameters_of.kernel.forward(A, B) - self.project(A).transpose(-1, -2) @ self.project(B)

    def condition_on_observations(self, X: Tensor, Y: Tensor, noise: Tensor | None = None, **kwargs: Any) -> CokrigingModel:
        """The model with more data and the same hyper-parameters; equal to a new model of all the data.

        Args:
            X: b x m x (d+1).
            Y: b' x m x 1 with b' ending in b: several outcomes of the same inputs share one factor.
            noise: Noise variances, broadcast to b x m x 1; None: the learned ones.
            kwargs: Ignored: other models of BoTorch take more.
        """
        parameters = self.parameters_of
        batch = torch.broadcast_shapes(X.shape[:-2], self.train_X.shape[:-2])  # type: ignore[no-untyped-call]
        X = X.expand(*batch, *X.shape[-2:])
        V = self.project(X)
        extra = self._noise_at(X) if noise is None else noise.squeeze(-1).expand(X.shape[:-1]) + self.jitter
        schur = parameters.kernel.forward(X, X) + torch.diag_embed(extra) - V.transpose(-1, -2) @ V
        corner = torch.linalg.cholesky(schur)
        old = self._factor.expand(*batch, *self._factor.shape[-2:])
        right = torch.zeros_like(V)
        factor = torch.cat([torch.cat([old, right], -1), torch.cat([V.transpose(-1, -2), corner], -1)], -2)
        residual = Y - parameters.prior_mean(X).unsqueeze(-1) - V.transpose(-1, -2) @ self._whitened
        outcomes = torch.broadcast_shapes(residual.shape[:-2], self._whitened.shape[:-2])  # type: ignore[no-untyped-call]
        added = torch.linalg.solve_triangular(corner, residual.expand(*outcomes, *residual.shape[-2:]), upper=False)
        child = object.__new__(CokrigingModel)
        Model.__init__(child)
        child.parameters_of, child.jitter = parameters, self.jitter
        child._hold(
            torch.cat([self.train_X.expand(*batch, *self.train_X.shape[-2:]), X], -2),
            torch.cat([self.train_Y.expand(*outcomes, *self.train_Y.shape[-2:]), Y.expand(*outcomes, *Y.shape[-2:])], -2),
            factor,
            torch.cat([self._whitened.expand(*outcomes, *self._whitened.shape[-2:]), added], -2),
        )
        return child

    def fantasize(self, X: Tensor, sampler: MCSampler, observation_noise: Tensor | None = None, **kwargs: Any) -> CokrigingModel:
        """Condition on outcomes drawn from the posterior at X: b x m x (d+1); batch shape is samples x b."""
        posterior = self.posterior(X, observation_noise=True if observation_noise is None else observation_noise)
        return self.condition_on_observations(X, sampler(posterior), noise=observation_noise)
