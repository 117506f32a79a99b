"""Architectures as inputs of the surrogate: the space's encoding, and the scores as normal scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mfsearch.allocation.base import State
from mfsearch.allocation.kept import LONG, Kept, Pool
from mfsearch.fidelities.base import AbstractScore
from mfsearch.records import Architecture
from mfsearch.surrogate.data import InputBlocks

REFERENCE = 100
"""Architectures scored first, at random: the reference of the normal scores, frozen for the whole study."""

_TAIL = 4.0
"""Normal scores are clipped here: a proxy that explodes must not leave the range in which the kernel was fitted."""

_EXPLAINED = 0.5  # of a size's variance, out of sample: what a network is made of decides how large it is
_ENOUGH = 40  # scores from which that can be told
_AGREE = 0.2  # mean correlation of a score with the others; of 100 that agree by chance alone it is 0, give or take .1
_STRAY = 3 * 1.4826  # median absolute deviations: three standard deviations of a normal, whatever a few outliers do
RIDGES = (0.1, 1.0, 10.0, 100.0)
_SHRINKAGE = 0.1  # added to the unit variances of normal scores before one is told from another


Vectors = NDArray[np.float64]


class NormalScore:
    """Maps raw scores to normal scores against a frozen reference sample.

    Within the reference: the normal quantile of the mid-rank. Beyond its extremes, where every promising architecture lies
    sooner or later: linear, with the mean slope of the outer quarter, so that better ones do not all look the same.

    Args:
        reference: n raw scores; NaN where missing.
    """

    def __init__(self, reference: NDArray[np.float64]) -> None:
        known = np.sort(reference[np.isfinite(reference)])
        self._x, _inverse, counts = np.unique(known, return_inverse=True, return_counts=True)
        if len(self._x) < 2:
            self._z = np.zeros(len(self._x))
            return
        last = np.cumsum(counts)
        self._z = ndtri((last - counts / 2) / len(known))
        low, high = np.searchsorted(self._x, np.quantile(known, [0.25, 0.75]))
        low, high = max(low, 1), min(high, len(self._x) - 2)
        self._below = (self._z[low] - self._z[0]) / (self._x[low] - self._x[0])
        self._above = (self._z[-1] - self._z[high]) / (self._x[-1] - self._x[high])

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normal scores of raw ones, any shape; NaN where the raw score is missing, 0 where the reference has no spread."""
        if len(self._x) < 2:
            return np.where(np.isfinite(raw), 0.0, np.nan)
        z = np.interp(raw, self._x, self._z)
        z = np.where(raw < self._x[0], self._z[0] - self._below * (self._x[0] - raw), z)
        z = np.where(raw > self._x[-1], self._z[-1] + self._above * (raw - self._x[-1]), z)
        return np.where(np.isfinite(raw), np.clip(z, -_TAIL, _TAIL), np.nan)


class Imputation:
    """Fills what is missing of a row of normal scores with what the others make likely: the conditional mean of a normal.

    Without it a network whose scores are missing would count as one of average scores, whatever its size says of them.

    Args:
        reference: n x c normal scores, NaN where missing; means are 0 by construction, correlations are learned from the
            complete rows and shrunk by a tenth.
    """

    def __init__(self, reference: NDArray[np.float64]) -> None:
        complete = reference[np.isfinite(reference).all(1)]
        width = reference.shape[1]
        second = complete.T @ complete / len(complete) if len(complete) > width else np.zeros((width, width))
        self._moments = second + _SHRINKAGE * np.eye(width)

    def __call__(self, normal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Complete rows, n x c; 0 where nothing at all is known."""
        filled = np.where(np.isfinite(normal), normal, 0.0)
        gaps = np.isnan(normal)
        for pattern in np.unique(gaps[gaps.any(1)], axis=0):
            if not pattern.all():
                rows = (gaps == pattern).all(1)
                weights = np.linalg.solve(self._moments[np.ix_(~pattern, ~pattern)], self._moments[np.ix_(~pattern, pattern)])
                filled[np.ix_(rows, pattern)] = _product(normal[np.ix_(rows, ~pattern)], weights)
        return filled


def left_out(basis: Vectors, shrinkage: Vectors, values: Vectors) -> Vectors:
    """By how much a ridge regression misses each value if it is left out, n; closed form (Golub, Heath and Wahba, Technometrics 1979).

    Args:
        basis: Left singular vectors of the centred inputs, n x k.
        shrinkage: s^2 / (s^2 + ridge) of each singular value s, k.
        values: n.
    """
    centred = values - values.mean()
    leverage = (basis**2) @ shrinkage + 1 / len(values)
    missed: Vectors = (centred - basis @ (shrinkage * (basis.T @ centred))) / np.maximum(1 - leverage, 1e-6)
    return missed


class Size:
    """A size, as far as the encoding bears it out: what a network is made of decides how large it is.

    Ridge regression on the encoding, of the scores or of their normal scores (sizes add up over the parts of some networks and
    multiply in others), with the scale and the ridge that are best where each architecture is left out in turn, which has a closed
    form (Golub, Heath and Wahba, Technometrics 1979). A score that strays from its prediction by more than three standard
    deviations is not believed: the prediction stands for it.

    Args:
        encodings: n x d.
        scores: n, at least two, in the score's own unit.
        normal: Their normal scores, n.
        scale: From the one to the other, for any number of them.

    Attributes:
        explained: Share of the variance of the normal scores that is predicted of those left out, at most 1; 0 or less where the
            encoding says nothing, 1 where they do not differ.
    """

    def __init__(self, encodings: Vectors, scores: Vectors, normal: Vectors, scale: Callable[[Vectors], Vectors]) -> None:
        centre = encodings.mean(0)
        basis, singular, axes = np.linalg.svd(encodings - centre, full_matrices=False)
        lowest = np.inf
        for values, to_normal in ((scores, scale), (normal, _clipped)):
            mean = float(values.mean())
            coordinates = basis.T @ (values - mean)
            for ridge in RIDGES:
                shrinkage = singular**2 / (singular**2 + ridge)
                strays = normal - to_normal(values - left_out(basis, shrinkage, values))
                if (error := float(np.mean(strays**2))) < lowest:
                    lowest, self._most, self._scale = error, _STRAY * float(np.median(np.abs(strays))), to_normal
                    self._weights = axes.T @ (singular / (singular**2 + ridge) * coordinates)
                    self._constant = mean - float(centre @ self._weights)
        self.explained = 1 - lowest / float(normal.var()) if normal.any() else 1.0

    def __call__(self, encodings: Vectors, normal: Vectors) -> Vectors:
        """Sizes of n architectures, n, from their encodings, n x d, and normal scores, n."""
        predicted = self._scale(self._constant + _product(encodings, self._weights[:, None])[:, 0])
        return np.where(np.abs(normal - predicted) <= self._most, normal, predicted)


def odd_ones_out(normal: Vectors) -> list[bool]:
    """Which of the scores that ought to rise with the value agree with none of the others, where those agree with each other.

    Such a one is not taken at its word: a predictor that does not fit the task ranks like chance. With fewer than three nobody can say.

    Args:
        normal: n x k normal scores, NaN where missing.
    """
    complete = normal[np.isfinite(normal).all(1)]
    k = normal.shape[1]
    if k < 3 or len(complete) < _ENOUGH or not (complete.std(0) > 0).all():
        return [False] * k
    correlation = np.corrcoef(complete.T)
    own = (correlation.sum(1) - 1) / (k - 1)
    others = (correlation.sum() - k - 2 * (k - 1) * own) / ((k - 1) * (k - 2))
    return [bool(one) for one in (own < _AGREE) & (others >= _AGREE)]


_Learned = tuple[list[list[NormalScore]], list[Imputation], list[dict[int, Size | None]], list[bool]]

UNPROVEN = "unproven"
"""Key of a policy's memory: names of score rungs that are not looked at until they are known to tell more than the others."""


class Features:
    """Encodes architectures for one study: encoding, normal scores, one missing-indicator a score column, sizes.

    Args:
        state: Gives space, ladder and bought scores.
        kept: What earlier decisions left; it belongs to one space.
        unproven: Score rungs that count as missing; None: those that the state's memory names.
    """

    def __init__(self, state: State, kept: Kept | None = None, unproven: Sequence[str] | None = None) -> None:
        self._state = state
        named = state.memory.get(UNPROVEN)
        self._unproven = frozenset(unproven if unproven is not None else map(str, named) if isinstance(named, list) else ())
        self._kept = kept or Kept()
        self._rungs = [(rung, state.scores.get(rung.name, {})) for rung in state.ladder.inputs]
        first = [
            (rung.name, rung.name in self._unproven, tuple((key, known[key]) for key in keys))
            for (rung, known), keys in zip(self._rungs, self._references(), strict=True)
        ]
        before, learned = self._kept.learned
        if before != first or learned is None:
            learned = self._learn()
            self._kept.learned = (first, learned)
        self._learned = learned
        self._maps, self._fills, self._size, trusted = learned
        self.blocks = InputBlocks.from_layout(
            state.space.layout, trusted, indicators=len(trusted), sizes=sum(len(sizes) for sizes in self._size)
        )

    def _learn(self) -> _Learned:
        keys = self._references()
        references = [
            _raw([known[key] for key in own], len(rung.columns)) for (rung, known), own in zip(self._rungs, keys, strict=True)
        ]
        maps = [[NormalScore(column) for column in reference.T] for reference in references]
        normal = [_normal(own, reference) for own, reference in zip(maps, references, strict=True)]
        sizes = [
            self._sizes(rung, some, reference, scores, own)
            for (rung, _), some, reference, scores, own in zip(self._rungs, keys, references, normal, maps, strict=True)
        ]
        return maps, self._imputations(normal), sizes, self._trusted(normal)

    def _references(self) -> list[list[str]]:
        """Of each score rung, the architectures that are its reference: those of the first rung, or else the first of its own."""
        together = self._together
        return [list(islice(self._rungs[0][1] if together else known, REFERENCE)) for _, known in self._rungs]

    @property
    def _together(self) -> bool:
        """Whether all score rungs have scored the reference of the first."""
        return bool(self._rungs) and all(key in known for _, known in self._rungs for key in islice(self._rungs[0][1], REFERENCE))

    def _imputations(self, normal: Sequence[Vectors]) -> list[Imputation]:
        """One for all rungs where they have the same reference, else one a rung."""
        return [Imputation(np.concatenate(normal, axis=1))] if self._together else [Imputation(reference) for reference in normal]

    def _trusted(self, normal: Sequence[Vectors]) -> list[bool]:
        """Of each score column, whether it is known to rise with the value and is no odd one out."""
        trusted = np.array([rises for rung, _ in self._rungs for rises in rung.trusted], dtype=bool)
        if self._together:
            trusted[trusted] = ~np.array(odd_ones_out(np.concatenate(normal, axis=1)[:, trusted]), dtype=bool)
        return [bool(one) for one in trusted]

    def pool(self, architectures: Sequence[Architecture]) -> Pool | None:
        """A long list of architectures with its inputs, kept from decision to decision.

        None for a short one, and where scores of some of them may still come, and change their inputs.
        """
        if len(architectures) < LONG:
            return None
        keys = [a.key for a in architectures]
        before = self._kept.find(self._learned, keys)
        new = keys if before is None else keys[len(before.keys) :]
        looked_at = [known for rung, known in self._rungs if rung.name not in self._unproven]
        if any(known and not all(key in known for key in new) for known in looked_at):
            return None
        if before is None:
            found = Pool(keys, self(architectures))
        elif (known := len(before.keys)) < len(keys):
            found = before.extended(keys[known:], self(architectures[known:]))
        else:
            found = before
        self._kept.use(self._learned, found, instead=before)
        return found

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Inputs of n architectures, n x d; each row the same in whatever company."""
        encodings = self._encoded(architectures)
        looked_at = [(rung, {} if rung.name in self._unproven else known) for rung, known in self._rungs]
        raws = [_raw([known.get(a.key, ()) for a in architectures], len(rung.columns)) for rung, known in looked_at]
        normal_scores = [_normal(maps, raw) for raw, maps in zip(raws, self._maps, strict=True)]
        filled = self._filled(normal_scores)
        missing = [np.isnan(raw).astype(np.float64) for raw in raws]
        sizes = [
            (size(encodings, normal[:, column]) if size else normal[:, column])[:, None]
            for normal, found in zip(filled, self._size, strict=True)
            for column, size in found.items()
        ]
        return np.concatenate([encodings, *filled, *missing, *sizes], axis=1)

    def _filled(self, normal: list[Vectors]) -> list[Vectors]:
        """Normal scores of each rung, what is missing made up."""
        if len(self._fills) == len(normal):
            return [fill(own) for fill, own in zip(self._fills, normal, strict=True)]
        widths = np.cumsum([own.shape[1] for own in normal])[:-1]
        return np.split(self._fills[0](np.concatenate(normal, axis=1)), widths, axis=1)

    def _encoded(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """The space's encodings of n architectures, n x width."""
        cache = self._kept.encodings
        new = [a for a in {a.key: a for a in architectures}.values() if a.key not in cache]
        if new:
            cache.update(zip((a.key for a in new), self._state.space.encode(new), strict=True))
        if not architectures:
            return np.empty((0, self._state.space.layout.width))
        return np.stack([cache[a.key] for a in architectures])

    def _sizes(
        self,
        rung: AbstractScore,
        keys: Sequence[str],
        reference: Vectors,
        normal: Vectors,
        maps: Sequence[NormalScore],
    ) -> dict[int, Size | None]:
        """Columns of a score rung that measure size; None where there are too few scores yet to predict them.

        A column that does not follow from the encoding is none: it would only add noise to the mean at the target, where hardly any
        data correct it.
        """
        if not any(rung.capacity):
            return {}
        encodings = self._encoded([self._state.architectures[key] for key in keys])
        found: dict[int, Size | None] = {}
        for column in (place for place, size in enumerate(rung.capacity) if size):
            there = np.isfinite(normal[:, column])
            if there.sum() < _ENOUGH:
                found[column] = None
                continue
            X, z = encodings[there], normal[there, column]
            size = Size(X, reference[there, column], z, maps[column])
            if size.explained >= _EXPLAINED:
                found[column] = size
        return found


def _product(rows: Vectors, weights: NDArray[np.floating]) -> Vectors:
    """Rows @ weights, n x d and d x m, each row rounded the same in whatever company: a product of matrices rounds by their shape."""
    return np.stack([(rows * column).sum(1) for column in weights.T], axis=1)


def _clipped(normal: Vectors) -> Vectors:
    return np.clip(normal, -_TAIL, _TAIL)


def _normal(maps: Sequence[NormalScore], raw: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([score(column) for score, column in zip(maps, raw.T, strict=True)], axis=1)


def _raw(rows: Sequence[Sequence[float | None]], width: int) -> NDArray[np.float64]:
    filled = [[np.nan if value is None else value for value in row] if row else [np.nan] * width for row in rows]
    return np.array(filled, dtype=np.float64).reshape(len(filled), width)


def scored(state: State) -> Mapping[str, Architecture]:
    """The pool: architectures that the first score rung has scored, in the order in which they came; all where there is none.

    The others may have been left out of late, as not worth their price.
    """
    if not state.ladder.scores:
        return state.architectures
    known = state.scores.get(state.ladder.scores[0].name, {})
    if state.architectures.keys() <= known.keys():
        return state.architectures
    return {key: a for key, a in state.architectures.items() if key in known}


def first_scored(state: State, n: int) -> list[Architecture]:
    """The first n of the pool, or as many as there are."""
    known = state.scores.get(state.ladder.scores[0].name, {}) if state.ladder.scores else state.architectures
    return list(islice((a for key, a in state.architectures.items() if key in known), n))
