"""The marginal likelihood of co-kriging and its gradient in every hyper-parameter, written out.

With a hundred observations, to record the operations of a kernel for autograd takes several times as long as to do them. All
parts of k_l are functions of a squared distance D = sum_c (u_ic - u_jc)^2 of scaled columns u, so that with H = adjoint * dk/dD
what one column has to say is

    sum_ij H_ij (u_ic - u_jc)^2 = 2 sum_i u_ic (u_ic sum_j H_ij - (H u)_ic):

one product of matrices for all columns. The adjoint of the covariance is (K^-1 - alpha alpha') / 2 with alpha = K^-1 (y - mean)
(Rasmussen and Williams 2006, equation 5.9).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfsearch.surrogate.cokriging import JITTER, Hyperparameters
from mfsearch.surrogate.data import TrainingData
from mfsearch.surrogate.kernel import BITS, CokrigingKernel, coupled, matern52_parts

_ROOT = math.sqrt(5.0)  # a Matern 5/2 is a function of five times the squared distance

Values = Mapping[str, NDArray[np.float64]]
"""Hyper-parameters, or what belongs to them, by their names in `Hyperparameters`."""


class MarginalLikelihood:
    """Minus the logarithm of the marginal likelihood, up to a constant, of n observations.

    Args:
        parameters: What the hyper-parameters are of; their values are not looked at.
        data: Sorted by level.
    """

    def __init__(self, parameters: Hyperparameters, data: TrainingData) -> None:
        kernel, mean = parameters.kernel, parameters.mean
        X, level = data.X, data.levels.numpy()
        self._level, self._levels, self._constants = level, kernel.levels, kernel.constants.tolist()
        self._y, self._score, self._size = data.y[:, 0].numpy(), mean.score(X).numpy(), mean.size(X).numpy()
        unknown = np.full(len(data), np.nan) if data.yvar is None else data.yvar[:, 0].numpy()
        self._known, self._learned = np.nan_to_num(unknown), np.isnan(unknown).astype(np.float64)
        self._outlook = kernel.outlook(X)[:, 0].numpy() if len(kernel.fade) else None
        self._grows = len(mean.growth) > 0
        first = [int(np.searchsorted(level, place)) for place in range(kernel.levels)]
        self._parts = [
            (place, start, _Component(kernel, X[start:], place)) for place, start in enumerate(first) if start < len(X)
        ]

    @torch.inference_mode()
    def __call__(self, values: Values, gradient: Mapping[str, NDArray[np.float64]] | None = None) -> float:
        """The value, and its gradient added to what is there by name; infinite where the covariance has no Cholesky factor."""
        coupling = np.array(coupled(values["kernel.rho"].tolist()))
        shares = coupling[self._level]  # of the d_l in each observation, n x L
        constant, slope = float(values["mean.constant"]), float(values["mean.slope"])
        lowest = constant + slope * self._score
        growth = np.zeros(self._levels)
        if self._grows:
            growth[1:] = values["mean.growth"]
        learned = np.exp(values["noise.log_variance"])[self._level] * self._learned
        covariance = torch.empty(0, 0)
        blocks = []
        for level, start, component in self._parts:
            own, far = shares[start:, level], self._spread(values, level, start)
            share = torch.from_numpy(own * far)
            k = component.covariance(values)
            shared = torch.mul(k, share[:, None]).mul_(share)
            if level:
                covariance[start:, start:] += shared
            else:  # of all observations
                covariance = shared
            if self._constants[level]:
                column = torch.from_numpy(own)
                covariance[start:, start:].addr_(column, column, alpha=self._constants[level])
            blocks.append((own, far, share, k))
        covariance.diagonal().add_(torch.from_numpy(self._known + learned + JITTER))
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed:
            return math.inf
        residual = torch.from_numpy(self._y - shares[:, 0] * lowest - shares @ growth * self._size)
        inverse = torch.cholesky_inverse(factor)
        alpha = torch.mv(inverse, residual)
        value = 0.5 * float(residual @ alpha) + float(factor.diagonal().log().sum())
        if not math.isfinite(value):
            return math.inf
        if gradient is None:
            return value

        adjoint = inverse.mul_(0.5).addr_(alpha, alpha, alpha=-0.5)
        gradient["noise.log_variance"][:] += self._by_level(adjoint.diagonal().numpy() * learned, 0)
        told = -alpha.numpy()
        gradient["mean.constant"][...] += told @ shares[:, 0]
        gradient["mean.slope"][...] += told @ (shares[:, 0] * self._score)
        if self._grows:
            gradient["mean.growth"][:] += (told * self._size) @ shares[:, 1:]
        by_share = np.zeros_like(coupling)  # the gradient in C
        by_share[:, 0] += self._by_level(told * lowest, 0)
        for level in range(1, self._levels):
            by_share[:, level] += growth[level] * self._by_level(told * self._size, 0)
        for (level, start, component), (own, far, share, k) in zip(self._parts, blocks, strict=True):
            here = adjoint[start:, start:]
            if self._levels > 1:
                along = torch.mv(here * k, share).numpy()
                by_own = far * along
                if level and self._outlook is not None:
                    gradient["kernel.fade"][level - 1] -= 2 * float(self._outlook[start:] @ (share.numpy() * along))
                if self._constants[level]:
                    by_own = by_own + self._constants[level] * torch.mv(here, torch.from_numpy(own)).numpy()
                by_share[:, level] += 2 * self._by_level(by_own, start)
            component.add_gradient(torch.mul(here, share[:, None]).mul_(share), gradient)
        gradient["kernel.rho"][:] += _chained(values["kernel.rho"], by_share)
        return value

    def _spread(self, values: Values, level: int, start: int) -> NDArray[np.float64]:
        if not level or self._outlook is None:
            return np.ones(len(self._level) - start)
        found: NDArray[np.float64] = np.exp(-values["kernel.fade"][level - 1] * self._outlook[start:])
        return found

    def _by_level(self, figures: NDArray[np.float64], start: int) -> NDArray[np.float64]:
        """Sums of the figures of observations from `start` on over those of each level, L."""
        return np.asarray(np.bincount(self._level[start:], figures, self._levels), dtype=np.float64)


def _chained(rho: NDArray[np.float64], by_share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gradient in rho from that in C, L x L, whose C[s, l] is the product of rho over l+1..s."""
    steps, adjoint, found = rho.tolist(), by_share.tolist(), [0.0] * len(rho)
    for high in range(1, len(adjoint)):
        for low in range(high):
            for step in range(low, high):
                found[step] += adjoint[high][low] * math.prod(steps[low:step]) * math.prod(steps[step + 1 : high])
    return np.array(found)


@dataclass
class _Factor:
    """A function of the squared distances of scaled columns.

    Attributes:
        scaled: n x c.
        value: n x n.
        slope: Its derivative in the squared distance over `weight`, n x n.
        weight: That one.
    """

    scaled: Tensor
    value: Tensor
    slope: Tensor
    weight: float

    @classmethod
    def matern(cls, scaled: Tensor, log_variance: float) -> _Factor:
        linear, value = matern52_parts(_squared(scaled), log_variance)
        return cls(scaled, value, linear, -1.0 / 6.0)

    @classmethod
    def exponential(cls, scaled: Tensor, log_variance: float) -> _Factor:
        value = torch.rsub(_squared(scaled), log_variance * BITS, alpha=0.5 * BITS).exp2_()
        return cls(scaled, value, value, -0.5)

    def told(self, adjoint: Tensor) -> tuple[float, NDArray[np.float64]]:
        """Sums over all pairs of adjoint times value, and times the derivative and the squared difference in a column, c."""
        weights, u = adjoint * self.slope, self.scaled
        rows = weights.sum(1, keepdim=True)
        columns = (u * u.mul(rows).addmm_(weights, u, alpha=-1.0)).sum(0).mul_(2 * self.weight)
        whole = rows.sum() if self.slope is self.value else (adjoint * self.value).sum()
        return float(whole), columns.numpy()


def _squared(a: Tensor) -> Tensor:
    """|a_i - a_j|^2 of a: n x c, n x n."""
    products = a @ a.T
    norms = products.diagonal()
    return torch.add(norms[:, None], norms).sub_(products, alpha=2.0)


class _Component:
    """k_l of the observations that d_l is in; what `CokrigingKernel.component` computes.

    Args:
        kernel: What the columns are.
        X: n x (d+1).
        level: l.
    """

    def __init__(self, kernel: CokrigingKernel, X: Tensor, level: int) -> None:
        self._at = level
        self._scores, self._choices, self._numeric = (
            X[:, list(of)] for of in (kernel.scores, kernel.choices, kernel.blocks.numeric)
        )
        self._structure = X[:, list(kernel.structure if not level else ())]
        self._group, self._structure_group = kernel.group_of.numpy(), kernel.structure_of.numpy()
        self._outlook = kernel.outlook(X) if level and len(kernel.fade) else None
        self._of: dict[str, _Factor] = {}

    def covariance(self, values: Values) -> Tensor:
        """k_l, n x n; it belongs to this object until the next call."""
        at, found = self._at, self._of
        found.clear()
        parts = []
        if self._scores.shape[1]:
            scaled = self._scaled(self._scores, values["kernel.log_score_lengthscale"][at], values)
            found["score"] = _Factor.matern(scaled, float(values["kernel.log_score_variance"][at]))
            parts.append(found["score"].value)
        if self._choices.shape[1]:
            lengths = -0.5 * values["kernel.log_choice_weight"][at][self._group]
            log_variance = float(values["kernel.log_encoding_variance"][at])
            found["choice"] = _Factor.exponential(self._scaled(self._choices, lengths, values, 1.0), log_variance)
            parts.append(found["choice"].value)
        if self._numeric.shape[1]:
            lengths = values["kernel.log_numeric_lengthscale"][at]
            if "choice" in found:
                found["numeric"] = _Factor.matern(self._numeric * torch.from_numpy(_ROOT * np.exp(-lengths)), 0.0)
                parts[-1] = parts[-1] * found["numeric"].value
            else:
                scaled = self._scaled(self._numeric, lengths, values)
                found["numeric"] = _Factor.matern(scaled, float(values["kernel.log_encoding_variance"][at]))
                parts.append(found["numeric"].value)
        if self._structure.shape[1]:
            lengths = values["kernel.log_structure_lengthscale"][0][self._structure_group]
            scaled = self._structure * torch.from_numpy(_ROOT * np.exp(-lengths))
            found["structure"] = _Factor.matern(scaled, float(values["kernel.log_structure_variance"][0]))
            parts.append(found["structure"].value)
        total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        return total.add_(parts[2]) if len(parts) > 2 else total

    def add_gradient(self, adjoint: Tensor, gradient: Mapping[str, NDArray[np.float64]]) -> None:
        """What k_l passes on from its own adjoint, n x n, at the values of the last call."""
        at = self._at
        if (score := self._of.get("score")) is not None:
            whole, by_column = score.told(adjoint)
            gradient["kernel.log_score_variance"][at] += whole
            gradient["kernel.log_score_lengthscale"][at] -= 2 * self._own(by_column, gradient)
        choice, numeric = self._of.get("choice"), self._of.get("numeric")
        if choice is not None:
            whole, by_column = choice.told(adjoint if numeric is None else adjoint * numeric.value)
            gradient["kernel.log_encoding_variance"][at] += whole
            gradient["kernel.log_choice_weight"][at] += np.bincount(self._group, self._own(by_column, gradient))
        if numeric is not None:
            whole, by_column = numeric.told(adjoint if choice is None else adjoint * choice.value)
            if choice is None:
                gradient["kernel.log_encoding_variance"][at] += whole
                by_column = self._own(by_column, gradient)
            gradient["kernel.log_numeric_lengthscale"][at] -= 2 * by_column
        if (structure := self._of.get("structure")) is not None:
            whole, by_column = structure.told(adjoint)
            gradient["kernel.log_structure_variance"][0] += whole
            gradient["kernel.log_structure_lengthscale"][0] -= 2 * np.bincount(self._structure_group, by_column)

    def _scaled(self, columns: Tensor, log_lengths: NDArray[np.float64], values: Values, factor: float = _ROOT) -> Tensor:
        """Columns over their lengths, and behind them the outlook over its own; times a factor."""
        own = columns * torch.from_numpy(factor * np.exp(-log_lengths))
        if self._outlook is None:
            return own
        length = math.exp(values["kernel.log_outlook_lengthscale"][self._at - 1])
        return torch.cat([own, self._outlook * (factor / length)], -1)

    def _own(self, by_column: NDArray[np.float64], gradient: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Without the outlook's column, whose own goes into the gradient."""
        if self._outlook is None:
            return by_column
        gradient["kernel.log_outlook_lengthscale"][self._at - 1] -= 2 * by_column[-1]
        return by_column[:-1]
