"""Which score rungs are worth their price: those that say something of what was evaluated that the others do not."""

from __future__ import annotations

from typing import Final

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.features import Features, Vectors
from mfsearch.fidelities.base import AbstractScore
from mfsearch.records import Status

ENOUGH: Final = 10  # evaluated architectures from which that can be told
_RIDGES: Final = (0.1, 1.0, 10.0, 100.0)


def worth_paying(state: State, features: Features) -> tuple[AbstractScore, ...]:
    """Score rungs that newly found architectures are scored by.

    The first in any case, those that are free, and those that count as a level. The others only once there are enough evaluations at
    the lowest level, if a ridge regression on the remaining scores predicts these less well, each evaluation left out in turn; they
    are looked at from the last one down.

    Args:
        state: What is known.
        features: Of the same state.
    """
    inputs = state.ladder.inputs
    lowest = state.ladder.evaluations[0].name
    seen = {
        o.query.architecture.key: (o.query.architecture, o.value)
        for o in state.observations
        if o.status is Status.OK and o.value is not None and o.query.rung == lowest
    }
    if len(inputs) < 2 or not seen:
        return tuple(state.ladder.scores)
    some = next(iter(seen.values()))[0]
    if len(seen) < ENOUGH:
        unproven = [rung for rung in inputs[1:] if rung.expected_cost(some) > 0]
        return tuple(rung for rung in state.ladder.scores if rung not in unproven)
    values = np.array([value for _, value in seen.values()])
    scores = features([architecture for architecture, _ in seen.values()])[:, list(features.blocks.scores)]
    first = np.cumsum([0, *(len(rung.columns) for rung in inputs)])
    columns = {rung.name: list(range(first[place], first[place + 1])) for place, rung in enumerate(inputs)}
    for rung in inputs[:0:-1]:
        if rung.expected_cost(some) <= 0:
            continue
        others = [column for name, own in columns.items() if name != rung.name for column in own]
        if left_out_error(scores[:, others + columns[rung.name]], values) >= left_out_error(scores[:, others], values):
            del columns[rung.name]
    left_out = {rung.name for rung in inputs} - set(columns)
    return tuple(rung for rung in state.ladder.scores if rung.name not in left_out)


def left_out_error(inputs: Vectors, values: Vectors) -> float:
    """Mean squared error of predicting each value from the others by ridge regression, as a fraction of their variance.

    The best of a few ridges; closed form (Golub, Heath and Wahba, Technometrics 1979).

    Args:
        inputs: n x k.
        values: n.
    """
    centred, spread = values - values.mean(), float(values.var())
    if spread <= 0:
        return 0.0
    basis, singular, _ = np.linalg.svd(inputs - inputs.mean(0), full_matrices=False)
    coordinates = basis.T @ centred
    lowest = np.inf
    for ridge in _RIDGES:
        shrinkage = singular**2 / (singular**2 + ridge)
        leverage = (basis**2) @ shrinkage + 1 / len(values)
        residual = (centred - basis @ (shrinkage * coordinates)) / np.maximum(1 - leverage, 1e-6)
        lowest = min(lowest, float(np.mean(residual**2)))
    return lowest / spread
