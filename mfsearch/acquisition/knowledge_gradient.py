"""The exact discrete knowledge gradient: what an observation is expected to add to the best posterior mean at the target."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from torch import Tensor

from mfsearch.errors import DataError
from mfsearch.surrogate.cokriging import CokrigingModel

HORIZON = 9.0  # standard deviations of the outcome that are looked at: beyond, a gain weighs less than 1e-19


def expected_maximum_gain(intercepts: Tensor, slopes: Tensor) -> Tensor:
    """E[max_j (a_j + b_j Z)] - max_j a_j for a standard normal Z, exact (Frazier, Powell and Dayanik 2009).

    The maximum of lines is piecewise linear and convex; a kink at z where the slope grows by delta adds
    delta (phi(z) - |z| Phi(-|z|)). The kinks are walked from left to right for all rows at once: from the line that is on top,
    the next is the first to cross it from below. A walk has as many steps as the envelope has pieces, usually below twenty.

    Args:
        intercepts: r of the lines, or b x r.
        slopes: b x r.

    Returns:
        b, not negative.
    """
    a, b = intercepts.expand(slopes.shape), slopes
    at = a.new_full((len(b), 1), -HORIZON)
    leader = (a - HORIZON * b).argmax(-1, keepdim=True)
    gain = a.new_zeros(len(b))
    rows = torch.arange(len(b), device=b.device)
    while len(rows):
        a_on, b_on = a.gather(1, leader), b.gather(1, leader)
        rise = b - b_on
        crossing = torch.where(rise > 0, (a_on - a) / torch.where(rise > 0, rise, 1.0), math.inf)
        crossing = torch.maximum(crossing, at)  # round-off may put a crossing a hair before the kink just passed
        kink = crossing.amin(-1, keepdim=True)
        # of lines that cross in one point the steepest is on top beyond it
        leader = torch.where(crossing <= kink, rise, -math.inf).argmax(-1, keepdim=True)
        on = (kink < HORIZON).squeeze(-1)
        if not on.all():
            rows, a, b, kink, leader, rise = rows[on], a[on], b[on], kink[on], leader[on], rise[on]
        z = kink.squeeze(-1).abs()
        loss = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi) - z * torch.special.ndtr(-z)
        gain = gain.index_add(0, rows, rise.gather(1, leader).squeeze(-1) * loss.clamp_min(0.0))
        at = kink
    return gain


class DiscreteKnowledgeGradient(AcquisitionFunction):
    """Expected increase of the best posterior mean over a reference set after one noisy observation at (x, level).

    The posterior mean at the reference points is linear in the one Gaussian outcome, so the expectation is exact. Pending
    queries are conditioned on with their posterior mean as outcome, which leaves every mean where it is and takes away the
    variance that they will.

    Where an observation at the target is itself what is sought (a table's row, `realised`), what is noise elsewhere belongs to
    the value: those observed are known exactly, and observing one tells all of its own.
    """

    def __init__(
        self, model: CokrigingModel, reference: Tensor, X_pending: Tensor | None = None, realised: Tensor | None = None
    ) -> None:
        """Prepare the reference set.

        Args:
            model: The surrogate, without a batch shape.
            reference: r x (d+1), likely optima at the target level (a few hundred).
            X_pending: m x (d+1), queries that run now.
            realised: r values observed at the reference points, NaN where there is none. None: what is sought is the mean of
                repeated observations, which no single one tells.
        """
        super().__init__(model=model)
        self.realised = realised
        self.reference = reference
        self._given = model
        self.set_X_pending(X_pending)

    def set_X_pending(self, X_pending: Tensor | None = None) -> None:
        """Take m x (d+1) queries as being under way; None: none are."""
        super().set_X_pending(X_pending)
        self._model = self._given
        if self.X_pending is not None and len(self.X_pending):
            believed = self._given.mean_variance(self.X_pending)[0].unsqueeze(-1)
            self._model = self._given.condition_on_observations(self.X_pending, believed)
        with torch.no_grad():
            self._projected = self._model.project(self.reference)
            self._means = self._model.mean_of(self.reference, self._projected)
            if self.realised is not None:
                self._means = torch.where(torch.isnan(self.realised), self._means, self.realised)

    def forward(self, X: Tensor) -> Tensor:
        """Gain in standardised units for each query X: b x 1 x (d+1), b.

        Raises:
            DataError: If q is not 1.
        """
        if X.ndim < 3 or X.shape[-2] != 1:
            raise DataError(f"the knowledge gradient takes one query a batch, b x 1 x (d+1); got {tuple(X.shape)}.")
        model, kernel, points = self._model, self._model.parameters_of.kernel, X.reshape(-1, X.shape[-1])
        own = model.project(points)
        level = points[:, -1].round().long()
        variance = (kernel.variance(points) - own.square().sum(-2)).clamp_min(0.0)
        covariance = kernel.forward(points, self.reference) - own.transpose(-1, -2) @ self._projected
        if self.realised is not None:
            at_target = torch.nonzero(level == model.levels - 1)[:, 0]  # a query of a lower level has no value in common
            own_value = (points[at_target].unsqueeze(-2) == self.reference).all(-1)
            covariance[at_target] += own_value * model.noise[-1]
            covariance = torch.where(torch.isnan(self.realised), covariance, 0.0)
        slopes = covariance / (variance + model.noise[level]).sqrt().unsqueeze(-1)
        return expected_maximum_gain(self._means, slopes).reshape(X.shape[:-2])


class PerSecond(AcquisitionFunction):
    """A utility divided by the device seconds of the query."""

    def __init__(self, utility: AcquisitionFunction, seconds: Callable[[Tensor], Tensor]) -> None:
        """Wrap a utility.

        Args:
            utility: b x 1 x (d+1) -> b, not negative.
            seconds: b x 1 x (d+1) -> b, positive.
        """
        super().__init__(model=utility.model)
        self.utility, self.seconds = utility, seconds
        super().set_X_pending(getattr(utility, "X_pending", None))

    def set_X_pending(self, X_pending: Tensor | None = None) -> None:
        """Pass pending queries on to the utility."""
        self.utility.set_X_pending(X_pending)
        super().set_X_pending(X_pending)

    def forward(self, X: Tensor) -> Tensor:
        """Utility per second for each query X: b x 1 x (d+1), b."""
        value: Tensor = self.utility(X) / self.seconds(X)
        return value
