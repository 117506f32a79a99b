"""How far a study's surrogate can be trusted: what it expects of every evaluation that is hidden from it, against what came out."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.records import Check, Diagnosis

_INTERVAL = 1.959964  # two-sided 95% of a normal


def diagnose(state: State, belief: Belief) -> Diagnosis:
    """Leave every evaluation out in turn, with the fitted hyper-parameters; read off what the levels tell about the target.

    Args:
        state: What is known.
        belief: The posterior of this very state.
    """
    levels = [rung.name for rung in state.ladder.levels]
    mean, variance = (figures.numpy()[: len(belief.given)] for figures in belief.model.left_out())
    spread, level = np.sqrt(variance), np.array([levels.index(o.query.rung) for o in belief.given])
    low, middle, high = (belief.scale.backward(mean + k * spread, level) for k in (-_INTERVAL, 0.0, _INTERVAL))
    standard = belief.model.train_Y[: len(belief.given), 0].numpy()
    checks = []
    for i, observation in enumerate(belief.given):
        if observation.query.id < 0 or observation.value is None:  # a score that counts as a level is no evaluation
            continue
        # Values are turned so that more is better; the figure that the user knows may not be.
        sign = state.objective.oriented(state.ladder[observation.query.rung].signal, 1.0)
        ends = sorted((sign * float(low[i]), sign * float(high[i])))
        checks.append(
            Check(
                observation.query.id,
                observation.query.rung,
                sign * observation.value,
                sign * float(middle[i]),
                (ends[0], ends[1]),
                float((standard[i] - mean[i]) / spread[i]),
            )
        )
    correlations = {name: belief.model.correlation(number) for number, name in enumerate(levels[:-1])}
    return Diagnosis(correlations, tuple(sorted(checks, key=lambda check: check.evaluation)))
