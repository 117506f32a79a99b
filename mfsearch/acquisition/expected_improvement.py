"""Expected improvement at the target: the alternative that looks at one level only."""

from __future__ import annotations

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import LogExpectedImprovement
from torch import Tensor

from mfsearch.surrogate.cokriging import CokrigingModel


class TargetExpectedImprovement(AcquisitionFunction):
    """Logarithm of the expected improvement of f at the target level, whatever the level of the query says."""

    def __init__(self, model: CokrigingModel, best: float) -> None:
        """Prepare.

        Args:
            model: The surrogate, without a batch shape.
            best: What is to be improved on, in standardised units: the best posterior mean at the target, say.
        """
        super().__init__(model=model)
        self._target = float(model.levels - 1)
        self._improvement = LogExpectedImprovement(model=model, best_f=best)

    def forward(self, X: Tensor) -> Tensor:
        """Log expected improvement for each query X: b x 1 x (d+1), b."""
        at_target = torch.cat([X[..., :-1], torch.full_like(X[..., -1:], self._target)], -1)
        value: Tensor = self._improvement(at_target)
        return value
