"""Hyper-parameters by maximum a posteriori: the priors, and L-BFGS on the exact marginal likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from mfsearch.errors import DataError
from mfsearch.records import Json
from mfsearch.surrogate.cokriging import CokrigingModel, Hyperparameters, LevelNoise, ScoreMean
from mfsearch.surrogate.data import InputBlocks, TrainingData
from mfsearch.surrogate.kernel import CokrigingKernel
from mfsearch.surrogate.likelihood import MarginalLikelihood

BOUND = 6.0  # prior standard deviations that a hyper-parameter may go either way
ABOVE = ("kernel.rho", "kernel.fade", "kernel.log_outlook_lengthscale", "mean.growth")  # one entry a level but the lowest
OWN = (2.0, 0.5)  # noise where a figure is of another kind than the target's, and the SD of its logarithm, before any data
COARSE = 150  # observations that a cold start begins with
INVALID = 1e10  # objective where the covariance has no Cholesky factor


def fit_cokriging(
    data: TrainingData,
    blocks: InputBlocks,
    levels: int,
    start: Mapping[str, Json] | None = None,
    *,
    shared: Sequence[bool] | None = None,
    saturating: bool = False,
    noisy: bool = False,
    literal: bool = False,
    refit: bool = True,
    evaluations: int = 40,
) -> CokrigingModel:
    """Fit the co-kriging model; deterministic.

    Args:
        data: Observations, standardised (see `warp.Scaling`); may be empty, and need not touch every level.
        blocks: What the d input columns are.
        levels: Number L of levels; the target is L-1.
        start: `CokrigingModel.hyperparameters` of an earlier fit, to begin from. Begins from the prior instead where that is
            better, or where its shapes are of other inputs.
        shared: For each level, whether it measures the same quantity as the target: its rho is then near 1. None: all do. What a
            figure of another kind (the loss of a short distillation) says of an architecture is mostly its own: it counts as noise,
            though a repeat gives the same, and what many of them have in common is passed on.
        saturating: Whether values are accuracies: of what a lower level tells apart, less is left at the target, and size tells
            more than it does there. rho then begins below 1, and the growth with size above 0.
        noisy: Whether values at the target differ by seed nearly as much as those of good architectures do, as where a network is
            really trained: the noise then begins at .06 of the variance instead of .02.
        literal: Whether figures of another kind are believed to the last digit all the same, as in co-kriging of simulations.
        refit: False takes `start` as it is (the prior without `start`) and only conditions on the data.
        evaluations: Most evaluations of the marginal likelihood.

    Raises:
        DataError: If data, blocks and levels do not fit together, or `refit=False` and `start` is of other inputs.
    """
    if data.X.shape[1] != blocks.width + 1:
        raise DataError(f"X must have one column an input and the level last, {blocks.width} + 1; got {data.X.shape[1]} columns.")
    if len(data) and int(data.levels.max()) >= levels:
        raise DataError(f"levels in X must be below {levels}; got level {int(data.levels.max())}.")
    data = data.by_level()
    parameters = _parameters(blocks, levels)
    if not refit and start is not None:
        if not _fits(start, parameters):
            raise DataError("hyper-parameters taken as they are must be of the same inputs and levels; these are not. Fit again.")
        return CokrigingModel(_taken(start, parameters), data)
    prior = Prior(parameters, blocks, shared or (True,) * levels, saturating, noisy, literal)
    given = None if start is None else prior.read(start)
    origin = np.zeros(prior.size)
    if not refit or not len(data):
        prior.write(origin if given is None else given)
        return CokrigingModel(parameters.requires_grad_(False), data)
    if given is None and len(data) > 2 * COARSE:  # a cold start: most of the way is as well gone on a part of the data
        given = _descend(parameters, prior, data.every(len(data) // COARSE), None, evaluations)
        evaluations //= 2
    prior.write(_descend(parameters, prior, data, given, evaluations))
    return CokrigingModel(parameters.requires_grad_(False), data)


def usable(start: Mapping[str, Json], blocks: InputBlocks, levels: int) -> bool:
    """Whether hyper-parameters are of these inputs, so that `fit_cokriging` can take them as they are."""
    return _fits(start, _parameters(blocks, levels))


def fit_outlook(data: TrainingData, blocks: InputBlocks, start: Mapping[str, Json] | None = None) -> CokrigingModel:
    """What the observations of the lowest level say of that level alone, with hyper-parameters that are not fitted again.

    Args:
        data: Observations of all levels; those above the lowest are left out.
        blocks: What the d input columns are, without an outlook.
        start: `CokrigingModel.hyperparameters` of an earlier fit of all levels, with or without an outlook. None, or of other
            inputs: the prior.
    """
    parameters = _parameters(blocks, 1)
    known = start or {}
    names = [name for name, _ in parameters.named_parameters()]
    lowest = {name: [] if name in ABOVE else _first(known[name]) for name in names if name in ABOVE or name in known}
    if _fits(lowest, parameters):
        return CokrigingModel(_taken(lowest, parameters), data.lowest())
    prior = Prior(parameters, blocks, (True,))
    prior.write(np.zeros(prior.size))
    return CokrigingModel(parameters.requires_grad_(False), data.lowest())


def _fits(values: Mapping[str, Json], parameters: Hyperparameters) -> bool:
    """Whether values by name are finite, and as many as these hyper-parameters."""
    wanted = {name: parameter.numel() for name, parameter in parameters.named_parameters()}
    if set(values) != set(wanted):
        return False
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
    return all(array.size == wanted[name] and np.isfinite(array).all() for name, array in arrays.items())


def _taken(values: Mapping[str, Json], parameters: Hyperparameters) -> Hyperparameters:
    """The hyper-parameters as they are written, to the last bit."""
    with torch.no_grad():
        for name, parameter in parameters.named_parameters():
            parameter.copy_(torch.as_tensor(values[name], dtype=torch.float64).reshape(parameter.shape))
    return parameters.requires_grad_(False)


def _first(value: Json) -> Json:
    return value[:1] if isinstance(value, list) else value


def _parameters(blocks: InputBlocks, levels: int) -> Hyperparameters:
    mean = ScoreMean(blocks.trusted, blocks.capacity, levels)
    return Hyperparameters(CokrigingKernel(blocks, levels), mean, LevelNoise(levels))


def _descend(
    parameters: Hyperparameters, prior: Prior, data: TrainingData, given: NDArray[np.float64] | None, evaluations: int
) -> NDArray[np.float64]:
    """L-BFGS from the prior, or from what is given where that is better; the best whitened hyper-parameters seen on the way."""
    objective = MapObjective(parameters, prior, data)
    first = np.zeros(prior.size)
    if given is not None and objective(given)[0] < objective.value(first):
        first = given
    minimize(
        objective,
        first,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-BOUND, BOUND)] * prior.size,
        options={"maxfun": evaluations, "maxiter": evaluations, "ftol": 1e-4, "gtol": 1e-3},
    )
    return objective.best


class Prior:
    """Independent normal priors on all hyper-parameters (log for positive ones), and the whitened vector they define.

    Starting points are those that did well on NAS-Bench-201 (two rungs, 6 scores, 6 choices), spread over other numbers of
    columns such that the typical distance stays what it is there. The variances above the lowest level are what 95% intervals
    needed there to hold 90 to 98% of the cells after 6 to 30 target runs; smaller ones trust a lower level too much. With an
    outlook they are those of an average cell, and a sixth. What lies between two levels there, more levels share: the lowest
    of any ladder says as much of its target, before any data.
    """

    def __init__(
        self,
        parameters: Hyperparameters,
        blocks: InputBlocks,
        shared: Sequence[bool],
        saturating: bool = False,
        noisy: bool = False,
        literal: bool = False,
    ) -> None:
        self._of = parameters
        self.parameters = list(parameters.parameters())
        self.names = [name for name, _ in parameters.named_parameters()]
        self.shapes = [parameter.shape for parameter in self.parameters]
        ends = np.cumsum([shape.numel() for shape in self.shapes]).tolist()
        parts = [slice(end - shape.numel(), end) for end, shape in zip(ends, self.shapes, strict=True)]
        self._places = list(zip(self.names, parts, map(tuple, self.shapes), strict=True))
        levels = parameters.kernel.levels
        steps = max(1, levels - 1)
        if len(shared) != levels:
            raise DataError(f"'shared' must have one entry a level, {levels}; got {len(shared)}.")
        both = bool(blocks.scores or blocks.missing) and bool(blocks.numeric or blocks.categorical)
        score, encoding = ((0.5, 0.25), (0.3, 0.2)) if both else ((0.8, 0.4), (0.8, 0.4))
        doubt = torch.ones(levels, dtype=torch.float64)
        if blocks.outlook is not None:  # the prior variance is then that of a cell of average outlook
            score, encoding = (score[0], 0.16 * score[1]), (encoding[0], 0.16 * encoding[1])
            doubt[1:] = 0.5
        columns = max(1, len(blocks.scores) + len(blocks.missing))
        structure = encoding[0]
        if blocks.structure and (blocks.numeric or blocks.categorical):  # what the encoding explains, by halves
            structure, encoding = 0.5 * structure, (0.5 * encoding[0], encoding[1])

        def rising(lowest: float, above: float) -> Tensor:
            return torch.tensor([lowest] + [above / steps] * (levels - 1), dtype=torch.float64).log()

        same = [bool(shared[level] and shared[level - 1]) for level in range(1, levels)]
        near = (0.5 ** (1 / steps), 0.4) if saturating else (1.0, 0.4)
        rho = torch.tensor([near if alike else (0.7 ** (1 / steps), 0.5) for alike in same], dtype=torch.float64).reshape(-1, 2)
        own = [(0.05, 1.0) if alike or literal else OWN for alike in shared[:-1]]
        noise = torch.tensor([*own, (0.06 if noisy else 0.02, 1.0)], dtype=torch.float64)
        table: dict[str, tuple[Tensor | float, Tensor | float]] = {
            "kernel.log_score_variance": (rising(*score), doubt),
            "kernel.log_encoding_variance": (rising(*encoding), doubt),
            "kernel.log_structure_variance": (math.log(structure), 1.0),
            "kernel.log_score_lengthscale": (math.log(2.0 * math.sqrt(columns / 6)), 1.0),
            "kernel.log_numeric_lengthscale": (math.log(0.3 * math.sqrt(max(1, len(blocks.numeric)))), 0.6),
            "kernel.log_structure_lengthscale": (math.log(2.0), 0.7),
            "kernel.log_choice_weight": (math.log(3.0 / max(1, len(blocks.categorical))), 0.7),
            "kernel.rho": (rho[:, 0], rho[:, 1]),
            "kernel.fade": (0.8, 0.2),
            "kernel.log_outlook_lengthscale": (0.0, 0.5),
            "mean.constant": (0.0, 0.5),
            "mean.slope": (0.4, 0.2),
            "mean.growth": (0.12 / steps if saturating else 0.0, 0.06 / steps),
            "noise.log_variance": (noise[:, 0].log(), noise[:, 1]),
        }
        self._mean, self._sd = (self._flat([table[name][part] for name in self.names]) for part in (0, 1))

    @property
    def size(self) -> int:
        """Number of hyper-parameters."""
        return len(self._mean)

    def _flat(self, entries: Sequence[Tensor | float]) -> NDArray[np.float64]:
        rows = [
            torch.as_tensor(entry, dtype=torch.float64).expand(shape).reshape(-1)
            for entry, shape in zip(entries, self.shapes, strict=True)
            if shape.numel()  # a part of the kernel that has no columns
        ]
        return torch.cat(rows).numpy().copy()

    def read(self, values: Mapping[str, Json]) -> NDArray[np.float64] | None:
        """Hyper-parameters as a whitened vector; None if they are of other inputs, or not finite."""
        if not _fits(values, self._of):
            return None
        flat = np.concatenate([np.asarray(values[name], dtype=np.float64).reshape(-1) for name in self.names])
        return np.clip((flat - self._mean) / self._sd, -BOUND, BOUND)

    def write(self, whitened: NDArray[np.float64]) -> None:
        """Set the hyper-parameters from a whitened vector."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, self.named(self.values(whitened)).values(), strict=True):
                parameter.copy_(torch.from_numpy(value))

    def values(self, whitened: NDArray[np.float64]) -> NDArray[np.float64]:
        """Hyper-parameters of a whitened vector, one behind the other."""
        return self._mean + self._sd * whitened

    def named(self, flat: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Views of a vector with one entry a hyper-parameter, by name and in their shapes."""
        return {name: flat[part].reshape(shape) for name, part, shape in self._places}

    def whitened(self, gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """The gradient in the whitened vector from that in the hyper-parameters."""
        return gradient * self._sd


class MapObjective:
    """Minus log posterior density of the whitened hyper-parameters, with its gradient; remembers the best it has seen."""

    def __init__(self, parameters: Hyperparameters, prior: Prior, data: TrainingData) -> None:
        self.prior = prior
        self.best = np.zeros(prior.size)
        self._likelihood = MarginalLikelihood(parameters, data)
        self._lowest: tuple[float, NDArray[np.float64]] = (math.inf, self.best)

    def value(self, whitened: NDArray[np.float64]) -> float:
        """The value alone, in half the time; it is not remembered."""
        value = self._likelihood(self.prior.named(self.prior.values(whitened)))
        return value + 0.5 * float(whitened @ whitened) if math.isfinite(value) else INVALID

    def __call__(self, whitened: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Value and gradient."""
        if math.isfinite(self._lowest[0]) and np.array_equal(whitened, self.best):  # the start, which was compared with others
            return self._lowest
        gradient = np.zeros_like(whitened)
        value = self._likelihood(self.prior.named(self.prior.values(whitened)), self.prior.named(gradient))
        if not math.isfinite(value):
            return INVALID, np.zeros_like(whitened)
        value += 0.5 * float(whitened @ whitened)
        gradient = self.prior.whitened(gradient) + whitened
        if value < self._lowest[0]:
            self._lowest, self.best = (value, gradient), whitened.copy()
        return value, gradient
