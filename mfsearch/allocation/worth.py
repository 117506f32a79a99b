"""Which score rungs are worth their price: those that say something of what was evaluated that the others do not."""

from __future__ import annotations

from typing import Final

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.features import RIDGES, Features, Vectors, left_out
from mfsearch.fidelities.base import AbstractScore
from mfsearch.records import Architecture, Status

ENOUGH: Final = 10  # evaluated architectures from which that can be told


def unproven(state: State, some: Architecture | None = None) -> tuple[AbstractScore, ...]:
    """Score rungs that are not known to tell anything that the others do not.

    Those that are free are never among them, nor the first that is not, nor those that count as a level. The others are until there are enough
    evaluations at the lowest level of architectures that all rungs have scored, and then if a ridge regression on the remaining scores
    predicts these as well, each evaluation left out in turn; they are looked at from the last one down.

    Args:
        state: What is known.
        some: Any architecture, to ask prices of, where none is known yet.
    """
    inputs = state.ladder.inputs
    some = next(iter(state.architectures.values()), some)
    doubtful = [rung for rung in inputs if some is not None and rung.expected_cost(some) > 0][1:]
    if not doubtful:
        return ()
    values = _values(state)
    known = [a for a, _ in values if all(a.key in state.scores.get(rung.name, {}) for rung in inputs)]
    if len(known) < ENOUGH:
        return tuple(doubtful)
    told = {a.key: value for a, value in values}
    y = np.array([told[a.key] for a in known])
    features = Features(state, unproven=())
    scores = features(known)[:, list(features.blocks.scores)]
    first = np.cumsum([0, *(len(rung.columns) for rung in inputs)])
    columns = {rung.name: list(range(first[place], first[place + 1])) for place, rung in enumerate(inputs)}
    for rung in doubtful[::-1]:
        others = [column for name, own in columns.items() if name != rung.name for column in own]
        if left_out_error(scores[:, others + columns[rung.name]], y) >= left_out_error(scores[:, others], y):
            del columns[rung.name]
    return tuple(rung for rung in doubtful if rung.name not in columns)


def untested(state: State, rung: AbstractScore) -> list[Architecture]:
    """Architectures with an evaluation at the lowest level that a score rung has not scored: what would tell its worth."""
    return [a for a, _ in _values(state) if a.key not in state.scores.get(rung.name, {})]


def _values(state: State) -> list[tuple[Architecture, float]]:
    """What was evaluated at the lowest level, each architecture once."""
    lowest = state.ladder.evaluations[0].name
    found = {
        o.query.architecture.key: (o.query.architecture, o.value)
        for o in state.observations
        if o.status is Status.OK and o.value is not None and o.query.rung == lowest
    }
    return list(found.values())


def left_out_error(inputs: Vectors, values: Vectors) -> float:
    """Mean squared error of predicting each value from the others by ridge regression, as a fraction of their variance.

    The best of a few ridges.

    Args:
        inputs: n x k.
        values: n.
    """
    spread = float(values.var())
    if spread <= 0:
        return 0.0
    basis, singular, _ = np.linalg.svd(inputs - inputs.mean(0), full_matrices=False)
    missed = [left_out(basis, singular**2 / (singular**2 + ridge), values) for ridge in RIDGES]
    return min(float(np.mean(errors**2)) for errors in missed) / spread
