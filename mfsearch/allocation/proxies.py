"""Scores for a first pool, bought at once, and the order that they put it in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from mfsearch.allocation.base import State
from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import AbstractScore
from mfsearch.records import Architecture, ScoreQuery

_MOST = 0.5  # of the free budget: whatever a pool is to cost, something must be left for evaluations
_PRICED = 100


def first_scores(state: State, rungs: Sequence[AbstractScore], n: int, rng: np.random.Generator) -> list[ScoreQuery]:
    """Queries for the scores of n different random architectures, fewer where they would cost more than half of what is free.

    Of a space that lists itself every canonical architecture is as likely as any other.

    Returns:
        One query a rung; none where all of the rungs have scores already.
    """
    if all(state.scores.get(rung.name) for rung in rungs):
        return []
    everything = state.space.enumerate()
    if everything is None:
        drawn = list({a.key: a for a in state.space.sample(n, rng)}.values())
    else:
        drawn = [everything[i] for i in rng.permutation(len(everything))[:n]]
    priced = drawn[:_PRICED]
    price = sum(rung.expected_cost(a) for a in priced for rung in rungs) / len(priced)
    if price > 0:
        drawn = drawn[: max(1, int(_MOST * state.free / price))]
    return [ScoreQuery(tuple(drawn), rung.name) for rung in rungs]


def trusted_rungs(policy: str, state: State) -> list[AbstractScore]:
    """Score rungs with a column of which more is known to be better.

    Raises:
        ConfigError: If the ladder has none.
    """
    found = [rung for rung in state.ladder.scores if any(rung.trusted)]
    if not found:
        raise ConfigError(
            f"policy {policy}: warm_start must find a trusted score on the ladder; it has none. "
            "Put a score rung below the evaluations, or leave warm_start out."
        )
    return found


def ranking(state: State, rungs: Sequence[AbstractScore]) -> list[Architecture]:
    """Architectures that all of the rungs have scored, best mean rank over their trusted columns first.

    A missing score counts as the worst. Ties keep the order in which the architectures were scored.
    """
    keys = [key for key in state.scores[rungs[0].name] if all(key in state.scores[rung.name] for rung in rungs)]
    ranks: list[NDArray[np.float64]] = []
    for rung in rungs:
        known = state.scores[rung.name]
        for column, rises in enumerate(rung.trusted):
            if rises:
                figures = [known[key][column] for key in keys]
                filled = np.array([-np.inf if f is None or not np.isfinite(f) else f for f in figures])
                ranks.append(rankdata(filled))
    order = np.argsort(-np.mean(ranks, axis=0), kind="stable")
    return [state.architectures[keys[i]] for i in order]
