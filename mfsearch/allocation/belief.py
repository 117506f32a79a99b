"""What the surrogate believes in a given state: architectures in, posterior figures out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from mfsearch.acquisition.knowledge_gradient import DiscreteKnowledgeGradient
from mfsearch.allocation.base import State
from mfsearch.allocation.features import Features
from mfsearch.allocation.kept import LONG, MOST, Kept, Pool
from mfsearch.allocation.subset import scored_level, subset
from mfsearch.records import Architecture, EvaluationQuery, Json, Status
from mfsearch.surrogate.cokriging import CHUNK, SMALLEST_VARIANCE, CokrigingModel, Whitened
from mfsearch.surrogate.data import TrainingData
from mfsearch.surrogate.fit import fit_cokriging, fit_outlook, usable
from mfsearch.surrogate.warp import Scaling, ValueWarp

_ALWAYS = 12  # observations up to which the hyper-parameters are fitted at every step
_GROWTH = 1.15  # after that they are fitted anew whenever the data have grown by this factor
_ENOUGH = 6  # target observations from which a level can be called useless
_OFTEN = 100  # lists from this length on are remembered within a decision, which asks for their figures again
_INTERVAL = 1.959964  # two-sided 95% of a normal

Vector = NDArray[np.float64]
Places = Sequence[int] | NDArray[np.intp]


@dataclass(eq=False)
class _Long:
    """A list of architectures in this decision.

    Attributes:
        architectures: The very list.
        pool: What earlier decisions left of it.
        inputs: n x d, with the outlook.
        figures: Mean and variance at a level, until the model changes.
        whitened: What the observations say of the list, until the model changes; None where that is too much to keep.
    """

    architectures: Sequence[Architecture]
    pool: Pool | None
    inputs: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    figures: dict[int, tuple[Vector, Vector]] = field(default_factory=dict)
    whitened: Whitened | None = None


class Belief:
    """The co-kriging posterior of a state. All figures are in standardised units of the warped value, unless `shown`.

    Args:
        state: What is known; it must hold at least one usable observation.
        kept: What earlier decisions left in this process; it belongs to one space.
        fit: False takes the remembered hyper-parameters where there are any.
        literal: Whether what a rung says that measures another quantity is believed to the last digit, as in what is published.

    Attributes:
        model: The posterior; pending evaluations count as if they had come out as expected.
        memory: What makes the next step start where this one ended; JSON.
        given: The observations that the model was given, in the order of its training points.
        scale: Between figures and standardised units.
    """

    def __init__(self, state: State, kept: Kept | None = None, fit: bool = True, literal: bool = False) -> None:
        self._state = state
        self._features = Features(state, kept)
        self._outlook: CokrigingModel | None = None
        self._outlooks: dict[str, float] = {}
        self._long: list[_Long] = []
        self._correlations: dict[int, float] = {}  # of the levels with the target, until the model changes
        levels = {rung.name: level for level, rung in enumerate(state.ladder.levels)}
        evaluated = [o for o in state.observations if o.status is Status.OK and o.value is not None and o.query.rung in levels]
        done = subset(evaluated, levels) + scored_level(state)
        level = np.array([levels[o.query.rung] for o in done])
        values = np.array([o.value for o in done], dtype=np.float64)
        wanted = state.objective.signal
        shared = [rung.signal.removeprefix("-") == wanted for rung in state.ladder.levels]
        self.scale = _Scale(state, shared, values, level)
        noise = np.array([np.nan if o.noise is None else o.noise for o in done], dtype=np.float64)
        observed = [o.query.architecture for o in done]
        inputs = self._features(observed)
        self._observed, self._by_level = torch.from_numpy(inputs), torch.from_numpy(np.argsort(level, kind="stable"))
        self.given = [done[i] for i in self._by_level.tolist()]
        data = TrainingData(
            torch.from_numpy(np.c_[inputs, level]),
            torch.from_numpy(self.scale.forward(values, level))[:, None],
            torch.from_numpy(self.scale.variance(values, noise, level))[:, None],
        )
        remembered = state.memory.get("hyperparameters")
        start = remembered if isinstance(remembered, dict) else None
        saturating, blocks = state.objective.unit != "none", self._features.blocks
        noisy = state.ladder.target.seeds > 1
        if saturating and len(levels) > 1 and shared[0]:
            self._outlook = fit_outlook(data, blocks, start)
            expected = self._expected(observed, inputs)
            blocks, data = blocks.with_outlook(), replace(data, X=torch.from_numpy(np.c_[inputs, expected, level]))
        fitted_at = state.memory.get("fitted_at", 0)
        fitted_at = fitted_at if isinstance(fitted_at, int) else 0
        due = fit and fitted_at != len(evaluated) and (len(evaluated) <= _ALWAYS or len(evaluated) >= _GROWTH * fitted_at)
        refit = start is None or due or not usable(start, blocks, len(levels))  # what counts as a size may have changed since
        self.model = fit_cokriging(
            data, blocks, len(levels), start, shared=shared, saturating=saturating, noisy=noisy, literal=literal, refit=refit
        )
        self.memory: dict[str, Json] = {
            "hyperparameters": dict(self.model.hyperparameters),
            "fitted_at": len(evaluated) if refit else fitted_at,
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

    def inputs(self, architectures: Sequence[Architecture], level: int, among: Places | None = None) -> Tensor:
        """Model inputs at a level of n architectures, or of those at some places of a list, n x (d+1)."""
        rows = self._encoded(architectures)
        rows = rows if among is None else rows[among]
        found = np.empty((len(rows), rows.shape[1] + 1))
        found[:, :-1], found[:, -1] = rows, level
        return torch.from_numpy(found)

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

    def difference(self, first: Architecture, second: Architecture, level: int) -> tuple[float, float]:
        """Mean and standard deviation of what is sought of one architecture at a level less that of another."""
        mean, variance = self.mean_variance([first, second], level)
        shared = 0.0
        if level < len(self._levels) - 1 or not {first.key, second.key} & set(self._realised or {}):
            X = self.inputs([first, second], level)
            with torch.inference_mode():
                shared = float(self.model.cross_covariance(X[:1], X[1:])[0, 0])
        return float(mean[0] - mean[1]), max(float(variance.sum()) - 2 * shared, 0.0) ** 0.5

    def realised(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Values observed at a deterministic target, n; NaN where there is none."""
        known = self._realised or {}
        if len(architectures) >= LONG and (pool := self._remembered(architectures).pool) is not None:
            figures = np.full(len(architectures), np.nan)
            for key, value in known.items():
                if (place := pool.places.get(key)) is not None:
                    figures[place] = value
            return figures
        return np.array([known.get(a.key, np.nan) for a in architectures], dtype=np.float64)

    def gradient(self, architectures: Sequence[Architecture], among: Places | None = None) -> DiscreteKnowledgeGradient:
        """The knowledge gradient with these architectures, or those at some places of the list, as likely optima."""
        level = len(self._levels) - 1
        likely = architectures if among is None else [architectures[i] for i in among]
        realised = None if self._realised is None else torch.from_numpy(self.realised(likely))
        projected = self._projected(architectures, level, among)
        return DiscreteKnowledgeGradient(
            self.model, self.inputs(architectures, level, among), realised=realised, projected=projected
        )

    def upper(self, architectures: Sequence[Architecture], level: int, among: Places | None = None) -> NDArray[np.float64]:
        """Mean plus one standard deviation at a level, n; what all share in uncertainty is left out."""
        mean, variance = self._posterior(architectures, level, among)
        bound: NDArray[np.float64] = mean + np.sqrt(np.maximum(variance - variance.min(), 0.0) if level else variance)
        return bound

    def promise(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """How good architectures may turn out to be at the target, n."""
        return self.upper(architectures, len(self._levels) - 1)

    def useless(self, level: int, threshold: float) -> bool:
        """Whether a level was found to say next to nothing about the target."""
        if self._seen_at_target < _ENOUGH:
            return False
        if level not in self._correlations:
            self._correlations[level] = self.model.correlation(level)
        return abs(self._correlations[level]) < threshold

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

    def gains(
        self, acquisition: AcquisitionFunction, architectures: Sequence[Architecture], level: int, among: Places | None = None
    ) -> NDArray[np.float64]:
        """An acquisition function's figures at a level for n architectures, or those at some places of the list, n."""
        X = self.inputs(architectures, level, among)
        with torch.inference_mode():
            if isinstance(acquisition, DiscreteKnowledgeGradient) and acquisition.judges(self.model):
                own = self._projected(architectures, level, among)
                if own is not None:
                    return acquisition.gain(X, own, among).numpy()
            gains: NDArray[np.float64] = acquisition(X.unsqueeze(1)).numpy()
        return gains

    def assume(self, queries: Sequence[EvaluationQuery]) -> None:
        """Condition on queries as if they came out as expected: their uncertainty goes, the mean stays."""
        if queries:
            X = torch.cat([self.inputs([q.architecture], self._levels[q.rung]) for q in queries])
            mean, _ = self.model.mean_variance(X)
            self.model = self.model.condition_on_observations(X, mean[:, None])
            self._correlations.clear()
            for long in self._long:
                long.figures.clear()
                long.whitened = None

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
        return np.stack([self.scale.backward(row, np.full(len(row), level)) for row in figures])

    def _encoded(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Inputs without the level."""
        if len(architectures) >= _OFTEN:
            return self._remembered(architectures).inputs
        inputs = self._features(architectures)
        return inputs if self._outlook is None else np.c_[inputs, self._expected(architectures, inputs)]

    def _remembered(self, architectures: Sequence[Architecture]) -> _Long:
        """The very list that was given, which one decision asks for many times."""
        for long in self._long:
            if long.architectures is architectures:
                return long
        long = _Long(architectures, self._features.pool(architectures))
        long.inputs = self._features(architectures) if long.pool is None else long.pool.inputs
        if self._outlook is not None:
            expected = self._expected(architectures, long.inputs) if long.pool is None else self._expected_of(long.pool)
            long.inputs = np.c_[long.inputs, expected]
        self._long.append(long)
        return long

    def _expected(self, architectures: Sequence[Architecture], inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The outlook of n architectures, n. Each is computed once: rounding would make two inputs of what is one."""
        assert self._outlook is not None
        pools = [(long.pool.places, long.inputs[:, -1]) for long in self._long if long.pool is not None]
        for a in architectures:
            for places, column in pools:
                if a.key not in self._outlooks and a.key in places:
                    self._outlooks[a.key] = float(column[places[a.key]])
        new = [i for i, a in enumerate(architectures) if a.key not in self._outlooks]
        if new:
            found = self._outlook.mean(torch.from_numpy(np.c_[inputs[new], np.zeros(len(new))])).tolist()
            self._outlooks.update(zip((architectures[i].key for i in new), found, strict=True))
        return np.array([self._outlooks[a.key] for a in architectures])

    def _expected_of(self, pool: Pool) -> NDArray[np.float64]:
        """The same of a whole pool, n; of those that have one already, theirs."""
        assert self._outlook is not None
        outlook, parameters = self._outlook, self._outlook.parameters_of
        weights = torch.zeros(len(self._observed), dtype=torch.float64)
        weights[self._by_level[: len(outlook.train_X)]] = outlook.weights
        with torch.inference_mode():
            told = pool.product(parameters.kernel, self._observed, weights)
            if told is None:
                found = outlook.mean(torch.from_numpy(np.c_[pool.inputs, np.zeros(len(pool.inputs))])).numpy().copy()
            else:
                found = (parameters.mean.own(torch.from_numpy(pool.inputs))[0] + told).numpy().copy()
        for key, value in self._outlooks.items():
            if (place := pool.places.get(key)) is not None:
                found[place] = value
        return found

    def _posterior(self, architectures: Sequence[Architecture], level: int, among: Places | None = None) -> tuple[Vector, Vector]:
        """Mean and variance of the function without noise; of a whole list remembered likewise, until the model changes."""
        if len(architectures) < _OFTEN:
            for long in self._long:  # of a pool that this decision looked at
                if (
                    among is None
                    and level in long.figures
                    and long.pool
                    and all(a.key in long.pool.places for a in architectures)
                ):
                    there = [long.pool.places[a.key] for a in architectures]
                    return long.figures[level][0][there], long.figures[level][1][there]
            mean, variance = self.model.mean_variance(self.inputs(architectures, level, among))
            return mean.numpy(), variance.numpy()
        long = self._remembered(architectures)
        if level not in long.figures:
            whitened = self._whitened(long)
            if whitened is not None:
                mean, variance = self.model.predict(level, whitened)
            else:
                mean, variance = self.model.mean_variance(self.inputs(architectures, level, among))
                if among is not None:
                    return mean.numpy(), variance.numpy()
            long.figures[level] = mean.numpy(), variance.numpy()
        figures = long.figures[level]
        return figures if among is None else (figures[0][among], figures[1][among])

    def _whitened(self, long: _Long) -> Whitened | None:
        """What the observations say of a remembered list at every level."""
        if long.whitened is None and len(self.model.train_X) * len(long.inputs) <= MOST:
            long.whitened = self.model.whiten(torch.from_numpy(long.inputs), self._lowest(long))
        return long.whitened

    def _projected(self, architectures: Sequence[Architecture], level: int, among: Places | None) -> Tensor | None:
        """The model's V at some places of a list that is remembered, n x q; None where it is to be computed."""
        if among is None or len(architectures) < _OFTEN:
            return None
        whitened = self._whitened(self._remembered(architectures))
        return None if whitened is None else self.model.projected(whitened, level, torch.as_tensor(np.asarray(among)))

    @torch.inference_mode()
    def _lowest(self, long: _Long) -> Iterator[Tensor] | None:
        """The kernel's k_0 of the model's training points and each chunk of a pool, where it is kept."""
        kernel, train = self.model.parameters_of.kernel, self.model.train_X
        shared = None if long.pool is None else long.pool.lowest(kernel, self._observed, self._by_level)
        if long.pool is None or shared is None or len(train) == len(self._observed):
            return shared
        component = kernel.at(0)
        assumed = component.near(train[len(self._observed) :, : self._observed.shape[1]])  # they come behind the others
        chunks = torch.split(torch.from_numpy(long.pool.inputs), CHUNK)
        return (
            torch.cat([known, component.between(assumed, component.far(chunk))])
            for known, chunk in zip(shared, chunks, strict=True)
        )


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
