r"""The autoregressive covariance of Kennedy and O'Hagan (2000) over the levels of a ladder.

f_0 = d_0 and f_l = rho_l f_{l-1} + c_l + d_l with independent d_l ~ GP(0, k_l) and c_l ~ N(0, const_l). With C[s, l] the
product of rho over l+1..s (0 where l > s),

    K((x, s), (x', t)) = sum_l C[s, l] C[t, l] (k_l(x, x') + const_l),

so data need not be nested. The level constants are integrated out by their wide prior: a single target observation says where
the level lies, and not that the architecture it was spent on is the best.

Where the inputs hold an outlook o(x), which is what the lowest level is expected to say, the d_l above it grow smaller with it:

    cov(d_l(x), d_l(x')) = exp(-kappa_l (o + o')) k_l(x, x') with (o - o') / m_l as one more coordinate of each part of k_l.

Cells that train well at once are told apart by less later than those that do not. Without the further coordinate, what is
learned of the discrepancy among the good ones would be blown up into one of the bad.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gpytorch.kernels import Kernel
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from mfsearch.errors import DataError
from mfsearch.surrogate.data import InputBlocks

LEVEL_CONSTANT_VARIANCE = 25.0  # in standardised units: five standard deviations either way
OUTLOOK = 2.0  # in standardised units: beyond this, either way, all outlooks are the same
BITS = math.log2(math.e)  # exp(x) is 2^(BITS x), which torch has in a third of the time (AMD EPYC)
_TINY = 1e-300  # squared distances from here on: its inverse root is finite


class _Matern52(torch.autograd.Function):
    """`matern52` with a derivative of its own, which is smooth at 0, where that of the root is not."""

    @staticmethod
    def forward(ctx: Any, form: Tensor, log_variance: Tensor) -> Tensor:
        linear, value = matern52_parts(form.clone(), log_variance)
        ctx.save_for_backward(linear, value)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        linear, value = ctx.saved_tensors
        return (grads[0] * linear).mul_(-1.0 / 6.0), (grads[0] * value).sum()


def matern52_parts(form: Tensor, log_variance: Tensor | float) -> tuple[Tensor, Tensor]:
    """Variance (1 + r) exp(-r), which is -6 times the derivative in r^2, and what `matern52` is; form is overwritten."""
    r, decay = _root_and_decay(form, log_variance)
    linear = torch.addcmul(decay, r, decay)
    return linear, torch.addcmul(linear, r.square_(), decay, value=1.0 / 3.0)


def _root_and_decay(form: Tensor, log_variance: Tensor | float) -> tuple[Tensor, Tensor]:
    """The root of r^2, which is overwritten, and variance exp(-r); an inverse root takes half the time of a root (AMD EPYC)."""
    r = form.mul_(form.clamp_min_(_TINY).rsqrt())
    return r, torch.rsub(r, log_variance * BITS, alpha=BITS).exp2_()


def matern52(form: Tensor, log_variance: Tensor) -> Tensor:
    """Compute variance (1 + r + r^2/3) exp(-r), once differentiable everywhere.

    Args:
        form: r^2, five times the squared distance over the lengths; it may be overwritten.
        log_variance: A scalar.
    """
    if torch.is_grad_enabled():
        value: Tensor = _Matern52.apply(form, log_variance)  # type: ignore[no-untyped-call]
        return value
    r, decay = _root_and_decay(form, log_variance)
    return torch.addcmul(decay, torch.addcmul(r, r, r, value=1.0 / 3.0), decay)


def near_side(a: Sequence[Tensor], factor: float, offset: Tensor | float) -> Tensor:
    """Of the product that makes offset + factor |a_i - b_j|^2 the left factor, ... x n x (d+2), for a: ... x n x d in pieces.

    One matrix product does it all. On a training set that costs less than to read a cached n x n matrix for each column, and
    less than half of what separate sums would.
    """
    left = _squares(a) * factor + offset
    return torch.cat([*(piece * (-2.0 * factor) for piece in a), left, torch.ones_like(left)], -1)


def far_side(b: Sequence[Tensor], factor: float) -> Tensor:
    """The right one, transposed: ... x m x (d+2)."""
    right = _squares(b) * factor
    return torch.cat([*b, torch.ones_like(right), right], -1)


def _squares(a: Sequence[Tensor]) -> Tensor:
    """Squared norms of rows in pieces, ... x n x 1."""
    return functools.reduce(torch.add, [piece.square().sum(-1, keepdim=True) for piece in a])


@dataclass(frozen=True)
class _Part:
    """A part of k_l: a Matern 5/2, or an exponential, of the squared distance of some columns over their scales.

    Attributes:
        columns: Which they are, c.
        scale: c.
        log_variance: Of the part.
        exponential: Of minus half the squared distance.
        multiplies: Whether it is a factor of the part before, and knows of no outlook.
    """

    columns: tuple[int, ...]
    scale: Tensor
    log_variance: Tensor
    exponential: bool = False
    multiplies: bool = False

    @property
    def factor(self) -> float:
        """Of the squared distance. Two one-hot rows that differ are at squared distance 2, hence the half."""
        return -0.5 * BITS if self.exponential else 5.0

    @property
    def offset(self) -> Tensor | float:
        """What is added to that product."""
        return self.log_variance * BITS if self.exponential else 0.0


@dataclass(frozen=True)
class Component:
    """k_l with given hyper-parameters, without spread and constant.

    Attributes:
        parts: Which make it up.
        outlook: The outlook's column.
        outlook_length: Its length; None where it is no coordinate.
    """

    parts: Sequence[_Part]
    outlook: int | None
    outlook_length: Tensor | None

    def near(self, x: Tensor) -> list[Tensor]:
        """What becomes of its first argument, ... x n x (d+1), for more than one call of `between`; a tensor a part."""
        return [near_side(self._scaled(x, part), part.factor, part.offset) for part in self.parts]

    def far(self, x: Tensor) -> list[Tensor]:
        """The same of its second argument, ... x m x (d+1)."""
        return [far_side(self._scaled(x, part), part.factor) for part in self.parts]

    def between(self, near: Sequence[Tensor], far: Sequence[Tensor]) -> Tensor:
        """k_l of what `near` and `far` made of its arguments, ... x n x m."""
        return self._combined([a @ b.mT for a, b in zip(near, far, strict=True)])

    def blocks(self, x1: Tensor, x2: Tensor, size: int) -> Iterator[Tensor]:
        """k_l(x1, x2) of n x d and m x d, so many columns at a time: these stay in the cache."""
        near = self.near(x1)
        for chunk in torch.split(x2, size):
            yield self.between(near, self.far(chunk))

    def paired(self, x1: Tensor, x2: Tensor) -> Tensor:
        """k_l of rows in pairs, ... x n."""
        sides = [zip(self._scaled(x1, part), self._scaled(x2, part), strict=True) for part in self.parts]
        forms = [_squares([a - b for a, b in side]).squeeze(-1) for side in sides]
        return self._combined([part.offset + part.factor * form for part, form in zip(self.parts, forms, strict=True)])

    def _combined(self, forms: Sequence[Tensor]) -> Tensor:
        """The sum of the parts from their squared distances times factor plus offset."""
        found: list[Tensor] = []
        for part, form in zip(self.parts, forms, strict=True):
            value = torch.exp2(form) if part.exponential else matern52(form, part.log_variance)
            found.append(found.pop() * value if part.multiplies else value)
        return functools.reduce(torch.add, found)

    def _scaled(self, x: Tensor, part: _Part) -> list[Tensor]:
        """Columns over their scale, and behind them the outlook over its own."""
        own = take(x, part.columns) / part.scale
        if self.outlook is None or self.outlook_length is None or part.multiplies:
            return [own]
        return [own, _bounded(x, self.outlook) / self.outlook_length]


def _bounded(X: Tensor, column: int | None) -> Tensor:
    """An outlook within its bounds, ... x n x 1."""
    return X[..., column].clamp(-OUTLOOK, OUTLOOK).unsqueeze(-1)


def coupled(rho: list[float]) -> list[list[float]]:
    """C, L x L, from rho_1 to rho_{L-1}: `CokrigingKernel.coupling` in plain numbers."""
    known = [[float(level == place) for place in range(len(rho) + 1)] for level in range(len(rho) + 1)]
    for level, step in enumerate(rho, start=1):
        known[level][:level] = [step * entry for entry in known[level - 1][:level]]
    return known


class CokrigingKernel(Kernel):  # type: ignore[misc]
    """K over inputs ... x (d+1) whose last column is the level.

    k_l = a_l Matern52(scores and missing-indicators, ARD) + b_l Matern52(numeric, ARD) exp(-sum_g w_g [choice g differs])
    and at the lowest level + s Matern52(structure, one length a group): what the levels above differ in is told by the rest.
    A part without columns is left out. All one-hot columns of a group may be 0 (a choice that is not active): it is then
    half as far from every choice as these are from one another.

    Attributes:
        log_score_variance: log a_l, L (0 without score columns).
        log_encoding_variance: log b_l, L (0 without numeric columns and choices).
        log_structure_variance: log s, 1 (0 without structure columns).
        log_score_lengthscale: L x (scores + indicators).
        log_numeric_lengthscale: L x numeric columns.
        log_structure_lengthscale: 1 x groups of structure columns.
        log_choice_weight: log w_g, L x groups.
        rho: rho_1 to rho_{L-1}, L-1.
        fade: kappa_1 to kappa_{L-1}, L-1 (none without an outlook column).
        log_outlook_lengthscale: log m_1 to log m_{L-1}, likewise.
        constants: const_l, L; 0 for the lowest level, whose constant is the mean function's.
        scores: Columns of the scores and missing-indicators.
        choices: One-hot columns of all choices.
        structure: Structure columns of all groups.
    """

    is_stationary = False
    constants: Tensor
    group_of: Tensor
    structure_of: Tensor

    def __init__(self, blocks: InputBlocks, levels: int, constant_variance: float = LEVEL_CONSTANT_VARIANCE) -> None:
        super().__init__()
        if levels < 1:
            raise DataError(f"the number of levels must be at least 1; got {levels}.")
        self.blocks, self.levels = blocks, levels
        self.scores = (*blocks.scores, *blocks.missing)
        self.choices = tuple(column for group in blocks.categorical for column in group)
        self.structure = tuple(column for group in blocks.structure for column in group)
        encoded = bool(blocks.numeric or self.choices)

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(*shape, dtype=torch.float64))

        self.log_score_variance = parameter(levels if self.scores else 0)
        self.log_encoding_variance = parameter(levels if encoded else 0)
        self.log_structure_variance = parameter(1 if self.structure else 0)
        self.log_score_lengthscale = parameter(levels, len(self.scores))
        self.log_numeric_lengthscale = parameter(levels, len(blocks.numeric))
        self.log_structure_lengthscale = parameter(1, len(blocks.structure))
        self.log_choice_weight = parameter(levels, len(blocks.categorical))
        self.rho = parameter(levels - 1)
        above = 0 if blocks.outlook is None else levels - 1
        self.fade, self.log_outlook_lengthscale = parameter(above), parameter(above)
        constants = torch.full((levels,), constant_variance, dtype=torch.float64)
        constants[0] = 0.0
        self.register_buffer("constants", constants)
        for name, groups in (("group_of", blocks.categorical), ("structure_of", blocks.structure)):
            group = [g for g, columns in enumerate(groups) for _ in columns]
            self.register_buffer(name, torch.tensor(group, dtype=torch.long))

    def coupling(self) -> Tensor:
        """C, L x L: C[s, l] is how much of d_l is in f_s."""
        if not (torch.is_grad_enabled() and self.rho.requires_grad):  # a prediction asks often
            return self.rho.new_tensor(coupled(self.rho.tolist()))
        unit = torch.eye(self.levels, dtype=self.rho.dtype, device=self.rho.device)
        rows = [unit[0]]
        for level in range(1, self.levels):
            rows.append(self.rho[level - 1] * rows[-1] + unit[level])
        return torch.stack(rows)

    def signal_variance(self) -> Tensor:
        """a_l + b_l (+ s at the lowest), L: the prior variance of d_l."""
        zero = torch.zeros(self.levels, dtype=self.rho.dtype, device=self.rho.device)
        for part in (self.log_score_variance, self.log_encoding_variance, self.log_structure_variance):
            if len(part):
                zero = zero + pad(part.exp(), (0, self.levels - len(part)))
        return zero

    def outlook(self, X: Tensor) -> Tensor:
        """o(x), within its bounds, of X: ... x n x (d+1), ... x n x 1."""
        return _bounded(X, self.blocks.outlook)

    def spread(self, X: Tensor) -> Tensor | None:
        """exp(-kappa_l o(x)) of X: ... x n x (d+1), ... x n x L; None where there is no outlook."""
        return torch.exp(-self.outlook(X) * pad(self.fade, (1, 0))) if len(self.fade) else None

    def variance(self, X: Tensor) -> Tensor:
        """Prior variance at X: ... x (d+1), the shape without its last axis."""
        return (self.coupling().square()[X[..., -1].round().long()] * self.own_variance(X)).sum(-1)

    def own_variance(self, X: Tensor) -> Tensor:
        """Prior variances of the d_l + c_l at X: ... x (d+1), ... x L, or L where all are the same; the level of X is not looked at."""
        spread, variance = self.spread(X), self.signal_variance()
        return (variance if spread is None else variance * spread.square()) + self.constants

    def component(self, level: int, x1: Tensor, x2: Tensor, diag: bool = False) -> Tensor:
        """k_l(x1, x2), without spread and constant: ... x n x m, or ... x n with diag."""
        component = self.at(level)
        return component.paired(x1, x2) if diag else component.between(component.near(x1), component.far(x2))

    def at(self, level: int) -> Component:
        """k_l with the hyper-parameters that there are now."""
        found = []
        if self.scores:
            found.append(_Part(self.scores, self.log_score_lengthscale[level].exp(), self.log_score_variance[level]))
        if self.choices:
            scale = (-0.5 * self.log_choice_weight[level]).exp()[self.group_of]
            found.append(_Part(self.choices, scale, self.log_encoding_variance[level], exponential=True))
        if self.blocks.numeric:
            scale = self.log_numeric_lengthscale[level].exp()
            if self.choices:
                found.append(_Part(self.blocks.numeric, scale, scale.new_zeros(()), multiplies=True))
            else:
                found.append(_Part(self.blocks.numeric, scale, self.log_encoding_variance[level]))
        if self.structure and not level:
            scale = self.log_structure_lengthscale[0].exp()[self.structure_of]
            found.append(_Part(self.structure, scale, self.log_structure_variance[0]))
        fades = level > 0 and len(self.fade) > 0
        return Component(found, self.blocks.outlook, self.log_outlook_lengthscale[level - 1].exp() if fades else None)

    def marks(self, level: int) -> tuple[bytes, ...]:
        """All hyper-parameters that `component` depends on at a level, to compare with others."""
        values = (self.log_score_variance, self.log_encoding_variance, self.log_score_lengthscale, self.log_numeric_lengthscale)
        own = [value[level] for value in (*values, self.log_choice_weight) if len(value)]
        own += [self.log_outlook_lengthscale] if level else [self.log_structure_variance, self.log_structure_lengthscale]
        return tuple(value.detach().numpy().tobytes() for value in own)

    def forward(
        self,
        x1: Tensor,
        x2: Tensor,
        diag: bool = False,
        last_dim_is_batch: bool = False,
        lowest: Tensor | None = None,
        **params: Any,
    ) -> Tensor:
        """Covariance of x1: ... x n x (d+1) and x2: ... x m x (d+1), ... x n x m; with diag (n = m), ... x n.

        `lowest` is k_0(x1, x2) where the caller has it: n x m.
        """
        if last_dim_is_batch:
            raise NotImplementedError("CokrigingKernel treats the input columns together: last_dim_is_batch has no meaning.")
        s1, s2 = x1[..., -1].round().long(), x2[..., -1].round().long()
        coupling = self.coupling()
        c1, c2 = coupling[s1], coupling[s2]
        spread1, spread2 = self.spread(x1), self.spread(x2)
        if diag:
            shares = c1 * c2
            parts = torch.stack([self.component(level, x1, x2, diag=True) for level in range(self.levels)], -1)
            parts = parts if spread1 is None or spread2 is None else parts * spread1 * spread2
            return (shares * (parts + self.constants)).sum(-1)
        n, m = x1.shape[-2], x2.shape[-2]
        highest1, highest2 = _highest(s1), _highest(s2)
        total: Tensor | None = None
        for level in range(self.levels):
            rows, columns = _span(highest1, level), _span(highest2, level)
            if rows.start == rows.stop or columns.start == columns.stop:
                continue
            known = None if level else lowest
            block = self.component(level, x1[..., rows, :], x2[..., columns, :]) if known is None else known
            if level:
                if spread1 is not None and spread2 is not None:
                    block = block * (spread1[..., rows, level].unsqueeze(-1) * spread2[..., columns, level].unsqueeze(-2))
                block = block + self.constants[level]
            if self.levels > 1:
                block = block * (c1[..., rows, level].unsqueeze(-1) * c2[..., columns, level].unsqueeze(-2))
            margin = (columns.start, m - columns.stop, rows.start, n - rows.stop)
            block = pad(block, margin) if any(margin) else block
            total = block if total is None else total + block
        if total is None:  # no rows, or no columns
            batch = torch.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])  # type: ignore[no-untyped-call]
            total = x1.new_zeros(*batch, n, m)
        return total


def take(x: Tensor, columns: tuple[int, ...]) -> Tensor:
    """Columns of x, as a view where they are contiguous."""
    first, last = columns[0], columns[-1]
    return x[..., first : last + 1] if columns == tuple(range(first, last + 1)) else x[..., list(columns)]


def _highest(levels: Tensor) -> NDArray[np.int64]:
    """The highest level at each place of the last axis; levels: ... x n, n."""
    found: NDArray[np.int64] = levels.reshape(math.prod(levels.shape[:-1]), levels.shape[-1]).cpu().numpy().max(0, initial=-1)
    return found


def _span(highest: NDArray[np.int64], level: int) -> slice:
    """The smallest slice that holds every place of at least this level: nothing is computed for levels that do not meet."""
    where = np.flatnonzero(highest >= level)
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 0)
