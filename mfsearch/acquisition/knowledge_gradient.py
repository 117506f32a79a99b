"""The exact discrete knowledge gradient: what an observation is expected to add to the best posterior mean at the target."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from numpy.typing import NDArray
from torch import Tensor

from mfsearch.errors import DataError
from mfsearch.surrogate.cokriging import CokrigingModel

_TINY = 1e-300  # in place of a slope of nothing
_CLOSE = 1e-9  # lines this far below the top are kept, in standardised units
HORIZON = 9.0  # standard deviations of the outcome that are looked at: beyond, a gain weighs less than 1e-19


def expected_maximum_gain(intercepts: Tensor, slopes: Tensor) -> Tensor:
    """E[max_j (a_j + b_j Z)] - max_j a_j for a standard normal Z, exact (Frazier, Powell and Dayanik 2009).

    The maximum of lines is piecewise linear and convex; a kink at z where the slope grows by delta adds
    delta (phi(z) - |z| Phi(-|z|)). The kinks are walked from left to right for all rows at once: from the line that is on top,
    the next is the first to cross it from below. A walk has as many steps as the envelope has pieces, usually below twenty.

    Most lines lie below the three that are on top at either end and in the middle, and are left out before.

    Args:
        intercepts: r of the lines, or b x r.
        slopes: b x r.

    Returns:
        b, not negative.
    """
    a, b = intercepts.expand(slopes.shape), slopes
    if slopes.numel():
        near = _near_the_top(a.detach(), b.detach())
        a, b = a.gather(1, near), b.gather(1, near)
    at = a.new_full((len(b), 1), -HORIZON)
    leader = (a - HORIZON * b).argmax(-1, keepdim=True)
    gain = a.new_zeros(len(b))
    rows = torch.arange(len(b), device=b.device)
    while len(rows):
        a_on, b_on = a.gather(1, leader), b.gather(1, leader)
        rise = b - b_on
        never = rise <= 0
        crossing = ((a_on - a) / rise.masked_fill(never, 1.0)).masked_fill_(never, math.inf)
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


@torch.no_grad()
def _near_the_top(a: Tensor, b: Tensor) -> Tensor:
    """Which lines a + b z may be on top somewhere; b x r each, b x s with the most that any row has, other rows filled up.

    With p, o and q on top at the left end, at 0 and at the right end, a line that is below p and o where these cross is so on all
    of the left side, since it is below at 0 and at the end; the same with o and q on the right.
    """
    first, last = (torch.add(a, b, alpha=z).argmax(-1, keepdim=True) for z in (-HORIZON, HORIZON))
    different = a if a.stride(0) else a[:1]  # all rows may have the same intercepts
    middle = different.argmax(-1, keepdim=True).expand(len(a), 1)
    kept = torch.zeros_like(b, dtype=torch.bool)
    for one, other in ((first, middle), (middle, last)):
        rise = (b.gather(1, other) - b.gather(1, one)).clamp_min(_TINY)
        z = ((a.gather(1, one) - a.gather(1, other)) / rise).clamp(-HORIZON, HORIZON)
        kept |= torch.addcmul(a, b, z) >= torch.addcmul(a.gather(1, one), b.gather(1, one), z) - _CLOSE
    counts = kept.sum(-1)
    rows, lines = kept.nonzero(as_tuple=True)
    near = middle.repeat(1, int(counts.max()))
    near[rows, torch.arange(len(rows), device=b.device) - (counts.cumsum(0) - counts)[rows]] = lines
    return near


class DiscreteKnowledgeGradient(AcquisitionFunction):
    """Expected increase of the best posterior mean over a reference set after one noisy observation at (x, level).

    The posterior mean at the reference points is linear in the one Gaussian outcome, so the expectation is exact. Pending
    queries are conditioned on with their posterior mean as outcome, which leaves every mean where it is and takes away the
    variance that they will.

    Where an observation at the target is itself what is sought (a table's row, `realised`), what is noise elsewhere belongs to
    the value: those observed are known exactly, and observing one tells all of its own.
    """

    def __init__(
        self,
        model: CokrigingModel,
        reference: Tensor,
        X_pending: Tensor | None = None,
        realised: Tensor | None = None,
        projected: Tensor | None = None,
    ) -> None:
        """Prepare the reference set.

        Args:
            model: The surrogate, without a batch shape.
            reference: r x (d+1), likely optima at the target level (a few hundred).
            X_pending: m x (d+1), queries that run now.
            realised: r values observed at the reference points, NaN where there is none. None: what is sought is the mean of
                repeated observations, which no single one tells.
            projected: n x r, the model's `project` of the reference points, where the caller has it.
        """
        super().__init__(model=model)
        self.realised = realised
        self.reference = reference
        self._given, self._given_projected = model, projected
        self._rows: dict[int, int] = {}  # where `_lowest` has the k_0 of a query and the reference points
        self._lowest = reference.new_empty(0, len(reference))
        self.set_X_pending(X_pending)

    def set_X_pending(self, X_pending: Tensor | None = None) -> None:
        """Take m x (d+1) queries as being under way; None: none are."""
        super().set_X_pending(X_pending)
        self._model, projected = self._given, self._given_projected
        if self.X_pending is not None and len(self.X_pending):
            believed = self._given.mean_variance(self.X_pending)[0].unsqueeze(-1)
            self._model, projected = self._given.condition_on_observations(self.X_pending, believed), None
        with torch.no_grad():
            self._projected = self._model.project(self.reference) if projected is None else projected
            self._means = self._model.mean_of(self.reference, self._projected)
            if self.realised is not None:
                self._means = torch.where(torch.isnan(self.realised), self._means, self.realised)

    def judges(self, model: CokrigingModel) -> bool:
        """Whether it is that of this very model, and nothing is pending."""
        return self._model is model

    def forward(self, X: Tensor) -> Tensor:
        """Gain in standardised units for each query X: b x 1 x (d+1), b.

        Raises:
            DataError: If q is not 1.
        """
        if X.ndim < 3 or X.shape[-2] != 1:
            raise DataError(f"the knowledge gradient takes one query a batch, b x 1 x (d+1); got {tuple(X.shape)}.")
        points = X.reshape(-1, X.shape[-1])
        return self.gain(points, self._model.project(points)).reshape(X.shape[:-2])

    def gain(self, points: Tensor, projected: Tensor, places: Sequence[int] | NDArray[np.intp] | None = None) -> Tensor:
        """The same for points: b x (d+1) whose V: n x b, what `project` says of them, is known, b.

        `places` number the architectures: what one at any level has in common with the reference points is then computed once.
        """
        model, kernel = self._model, self._model.parameters_of.kernel
        level = points[:, -1].round().long()
        variance = (kernel.variance(points) - projected.square().sum(-2)).clamp_min(0.0)
        lowest = None if places is None else self._in_common(points, [int(place) for place in places])
        covariance = kernel.forward(points, self.reference, lowest=lowest) - projected.mT @ self._projected
        if self.realised is not None:
            at_target = torch.nonzero(level == model.levels - 1)[:, 0]  # a query of a lower level has no value in common
            found, known = points[at_target], self.reference
            own, other = torch.nonzero(found[:, -2, None] == known[:, -2]).unbind(-1)  # pairs that may be the same
            same = (found[own] == known[other]).all(-1)
            covariance[at_target[own[same]], other[same]] += model.noise[-1]
            covariance = torch.where(torch.isnan(self.realised), covariance, 0.0)
        slopes = covariance / (variance + model.noise[level]).sqrt().unsqueeze(-1)
        return expected_maximum_gain(self._means, slopes)

    def _in_common(self, points: Tensor, places: Sequence[int]) -> Tensor:
        """k_0 of points: b x (d+1) and the reference points, b x r; those of all places that were asked for are kept."""
        new = [i for i, place in enumerate(places) if place not in self._rows]
        if new:
            self._rows.update(zip((places[i] for i in new), range(len(self._rows), len(self._rows) + len(new)), strict=True))
            more = self._model.parameters_of.kernel.component(0, points[new], self.reference)
            self._lowest = torch.cat([self._lowest, more])
        return self._lowest[[self._rows[place] for place in places]]


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
