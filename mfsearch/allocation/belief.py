"""What the surrogate believes in a given state: architectures in, posterior figures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from mfsearch.acquisition.knowledge_gradient import DiscreteKnowledgeGradient
from mfsearch.allocation.base import State
from mfsearch.allocation.features import Features
from mfsearch.records import Architecture, EvaluationQuery, Json, Status
from mfsearch.surrogate.cokriging import SMALLEST_VARIANCE, CokrigingModel
from mfsearch.surrogate.data import TrainingData
from mfsearch.surrogate.fit import fit_cokriging, fit_outlook, usable
from mfsearch.surrogate.warp import Scaling, ValueWarp

_ALWAYS = 12  # observations up to which the hyper-parameters are fitted at every step
_GROWTH = 1.15  # after that they are fitted anew whenever the data have grown by this factor
_ENOUGH = 6  # target observations from which a level can be called useless
_POOL = 100  # lists from this length on are taken for pools, whose figures are asked for again
_INTERVAL = 1.959964  # two-sided 95% of a normal

Vector = NDArray[np.float64]


class Belief:
    """The co-kriging posterior of a state. All figures are in standardised units of the warped value, unless `shown`.

    Args:
        state: What is known; it must hold at least one usable observation.
        cache: Encodings by key, kept by the caller.
        fit: False takes the remembered hyper-parameters where there are any.

    Attributes:
        model: The posterior; pending evaluations count as if they had come out as expected.
        memory: What makes the next step start where this one ended; JSON.
    """

    def __init__(self, state: State, cache: dict[str, NDArray[np.float64]], fit: bool = True) -> None:
        self._state = state
        self._features = Features(state, cache)
        self._outlook: CokrigingModel | None = None
        self._outlooks: dict[str, float] = {}
        self._stacked: list[tuple[Sequence[Architecture], NDArray[np.float64]]] = []
        self._predicted: list[tuple[Sequence[Architecture], int, Vector, Vector]] = []
        levels = {rung.name: level for level, rung in enumerate(state.ladder.levels)}
        done = [o for o in state.observations if o.status is Status.OK and o.value is not None and o.query.rung in levels]
        level = np.array([levels[o.query.rung] for o in done])
        values = np.array([o.value for o in done], dtype=np.float64)
        wanted = state.objective.signal
        shared = [rung.signal.removeprefix("-") == wanted for rung in state.ladder.levels]
        self._scale = _Scale(state, shared, values, level)
        noise = np.array([np.nan if o.noise is None else o.noise for o in done], dtype=np.float64)
        observed = [o.query.architecture for o in done]
        inputs = self._features(observed)
        data = TrainingData(
            torch.from_numpy(np.c_[inputs, level]),
            torch.from_numpy(self._scale.forward(values, level))[:, None],
            torch.from_numpy(self._scale.variance(values, noise, level))[:, None],
        )
        remembered = state.memory.get("hyperparameters")
        start = remembered if isinstance(remembered, dict) else None
        saturating, blocks = state.objective.unit != "none", self._features.blocks
        noisy = state.ladder.target.seeds > 1
        if saturating and len(levels) > 1 and shared[0]:
            self._outlook = fit_outlook(data, blocks, start)
            expected = self._expected(observed, inputs, self._outlook)
            blocks, data = blocks.with_outlook(), replace(data, X=torch.from_numpy(np.c_[inputs, expected, level]))
        fitted_at = state.memory.get("fitted_at", 0)
        fitted_at = fitted_at if isinstance(fitted_at, int) else 0
        due = fit and fitted_at != len(done) and (len(done) <= _ALWAYS or len(done) >= _GROWTH * fitted_at)
        refit = start is None or due or not usable(start, blocks, len(levels))  # what counts as a size may have changed since
        self.model = fit_cokriging(
            data, blocks, len(levels), start, shared=shared, saturating=saturating, noisy=noisy, refit=refit
        )
        self.memory: dict[str, Json] = {
            "hyperparameters": dict(self.model.hyperparameters),
            "fitted_at": len(done) if refit else fitted_at,
        }
        self._levels = levels
        self._seen_at_target = int((level == len(levels) - 1).sum())
        seen = [o.query.architecture for o, place in zip(done, level, strict=True) if place == len(levels) - 1]
        self._at_target = list({a.key: a for a in seen}.values())
        exact = state.ladder.target.deterministic
        standard = data.y[:, 0].tolist()
        self._realised = (
            {o.query.architecture.key: y for o, y, place in zip(done, standard, level, strict=True) if place == len(levels) - 1}
            if exact
            else None
        )
        self.assume(state.pending)

    def inputs(self, architectures: Sequence[Architecture], level: int) -> Tensor:
        """Model inputs of n architectures at a level, n x (d+1)."""
        return self._stack(architectures, np.full(len(architectures), level))

    def mean_variance(self, architectures: Sequence[Architecture], level: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Posterior mean and variance of what is sought at a level, n each.

        That is the function without noise; at a deterministic target the value itself, known where it was observed.
        """
        mean, variance = self._posterior(architectures, level)
        if self._realised is None or level < len(self._levels) - 1:
            return mean, variance
        known = self.realised(architectures)
        observed = ~np.isnan(known)
        return np.where(observed, known, mean), np.where(observed, SMALLEST_VARIANCE, variance + float(self.model.noise[level]))

    def realised(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Values observed at a deterministic target, n; NaN where there is none."""
        known = self._realised or {}
        return np.array([known.get(a.key, np.nan) for a in architectures], dtype=np.float64)

    def gradient(self, architectures: Sequence[Architecture]) -> DiscreteKnowledgeGradient:
        """The knowledge gradient with these architectures as likely optima."""
        level = len(self._levels) - 1
        realised = None if self._realised is None else torch.from_numpy(self.realised(architectures))
        return DiscreteKnowledgeGradient(self.model, self.inputs(architectures, level), realised=realised)

    def upper(self, architectures: Sequence[Architecture], level: int) -> NDArray[np.float64]:
        """Mean plus one standard deviation at a level, n; what all share in uncertainty is left out."""
        mean, variance = self._posterior(architectures, level)
        bound: NDArray[np.float64] = mean + np.sqrt(np.maximum(variance - variance.min(), 0.0) if level else variance)
        return bound

    def promise(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """How good architectures may turn out to be at the target, n."""
        return self.upper(architectures, len(self._levels) - 1)

    def useless(self, level: int, threshold: float) -> bool:
        """Whether a level was found to say next to nothing about the target."""
        return self._seen_at_target >= _ENOUGH and abs(self.model.correlation(level)) < threshold

    def improvement(self, architectures: Sequence[Architecture], places: Sequence[int]) -> NDArray[np.float64]:
        """Expected gain of the best posterior mean among those evaluated at the target, from one more evaluation there.

        With noise: the gain counts the change of the posterior mean, not the observation itself. The best of them gains where a
        second look may put it behind the next best.

        Args:
            architectures: A pool.
            places: Those of the pool to judge, m.

        Returns:
            m figures, not negative; an infinite advantage is never claimed: before the first one, the posterior mean ranks.
        """
        last = len(self._levels) - 1
        chosen = [architectures[i] for i in places]
        X = self.inputs(chosen, last)
        mean, variance = self.model.mean_variance(X)
        if not self._at_target:
            return (mean - mean.min() + 1e-9).numpy()
        seen = self.inputs(self._at_target, last)
        seen_mean, _ = self.model.mean_variance(seen)
        order = torch.argsort(seen_mean, descending=True, stable=True)
        best = self._at_target[int(order[0])].key
        rival = torch.stack([order[min(int(a.key == best), len(order) - 1)] for a in chosen])
        between = self.model.cross_covariance(X, seen)[torch.arange(len(chosen)), rival]
        spread = ((variance - between).abs() / (variance + self.model.noise[last]).sqrt()).clamp_min(1e-9).detach().numpy()
        distance = (mean - seen_mean[rival]).numpy()
        own = np.array([a.key == best for a in chosen])
        distance = np.where(own, -np.abs(distance), distance)
        z = distance / spread
        return np.asarray(distance * ndtr(z) + spread * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))

    def gains(self, acquisition: AcquisitionFunction, architectures: Sequence[Architecture], level: int) -> NDArray[np.float64]:
        """An acquisition function's figures for n architectures at a level, n."""
        with torch.no_grad():
            gains: NDArray[np.float64] = acquisition(self.inputs(architectures, level).unsqueeze(1)).numpy()
        return gains

    def assume(self, queries: Sequence[EvaluationQuery]) -> None:
        """Condition on queries as if they came out as expected: their uncertainty goes, the mean stays."""
        if queries:
            X = self._stack([q.architecture for q in queries], np.array([self._levels[q.rung] for q in queries]))
            mean, _ = self.model.mean_variance(X)
            self.model = self.model.condition_on_observations(X, mean[:, None])
            self._predicted.clear()

    def shown(self, architecture: Architecture, level: int) -> tuple[float, tuple[float, float]]:
        """Posterior median and 95% interval in the objective's unit and the user's orientation."""
        centre, low, high = (float(figure[0]) for figure in self.intervals([architecture], level))
        ends = sorted(self._state.objective.shown(end) for end in (low, high))
        return self._state.objective.shown(centre), (ends[0], ends[1])

    def intervals(self, architectures: Sequence[Architecture], level: int) -> NDArray[np.float64]:
        """Posterior medians and ends of the 95% intervals, 3 x n, in the objective's unit, oriented so that more is better."""
        mean, variance = self.mean_variance(architectures, level)
        spread = _INTERVAL * np.sqrt(variance)
        figures = np.stack([mean, mean - spread, mean + spread])
        return np.stack([self._scale.backward(row, np.full(len(row), level)) for row in figures])

    def _stack(self, architectures: Sequence[Architecture], levels: NDArray[np.int_]) -> Tensor:
        return torch.from_numpy(np.c_[self._encoded(architectures), levels.astype(np.float64)])

    def _encoded(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Inputs without the level; remembered for the very list that was given, which one decision asks for many times."""
        for known, inputs in self._stacked:
            if known is architectures:
                return inputs
        inputs = self._features(architectures)
        if self._outlook is not None:
            inputs = np.c_[inputs, self._expected(architectures, inputs, self._outlook)]
        if len(architectures) >= _POOL:
            self._stacked.append((architectures, inputs))
        return inputs

    def _expected(
        self, architectures: Sequence[Architecture], inputs: NDArray[np.float64], outlook: CokrigingModel
    ) -> NDArray[np.float64]:
        """The outlook of n architectures, n. Each is computed once: rounding would make two inputs of what is one."""
        new = [i for i, a in enumerate(architectures) if a.key not in self._outlooks]
        if new:
            lowest = torch.from_numpy(np.c_[inputs[new], np.zeros(len(new))])
            self._outlooks.update(zip((architectures[i].key for i in new), outlook.mean(lowest).tolist(), strict=True))
        return np.array([self._outlooks[a.key] for a in architectures])

    def _posterior(self, architectures: Sequence[Architecture], level: int) -> tuple[Vector, Vector]:
        """Mean and variance of the function without noise; remembered likewise, until the model changes."""
        for known, at, mean, variance in self._predicted:
            if known is architectures and at == level:
                return mean, variance
        mean, variance = (figure.numpy() for figure in self.model.mean_variance(self.inputs(architectures, level)))
        if len(architectures) >= _POOL:
            self._predicted.append((architectures, level, mean, variance))
        return mean, variance


class _Scale:
    """Values to standardised units and back: accuracies at the levels that measure the objective are warped, others are not."""

    def __init__(self, state: State, shared: list[bool], values: NDArray[np.float64], level: NDArray[np.int_]) -> None:
        self._warp = ValueWarp(state.objective)
        self._warped = np.array(shared)
        groups = [len(shared) if same else number for number, same in enumerate(shared)]
        prior = [self._warp.prior_sd if same else None for same in shared]
        self._scaling = Scaling.fit(self._choose(self._warp(values), values, level), level, groups, prior)

    def forward(self, values: NDArray[np.float64], level: NDArray[np.int_]) -> NDArray[np.float64]:
        return self._scaling(self._choose(self._warp(values), values, level), level)

    def backward(self, standard: NDArray[np.float64], level: NDArray[np.int_]) -> NDArray[np.float64]:
        warped = self._scaling.inverse(standard, level)
        return self._choose(self._warp.inverse(warped), warped, level)

    def variance(self, values: NDArray[np.float64], sd: NDArray[np.float64], level: NDArray[np.int_]) -> NDArray[np.float64]:
        return self._scaling.variance(self._choose(self._warp.noise_variance(values, sd), np.square(sd), level), level)

    def _choose(self, warped: NDArray[np.float64], plain: NDArray[np.float64], level: NDArray[np.int_]) -> NDArray[np.float64]:
        return np.where(self._warped[level], warped, plain)
