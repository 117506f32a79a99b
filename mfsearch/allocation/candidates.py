"""The architectures among which the next query, or the recommendation, is chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.features import scored
from mfsearch.records import Architecture
from mfsearch.spaces.base import AbstractSearchSpace

_LISTED = 20_000  # spaces of up to this many architectures are looked at whole
_SAMPLE = 512
_KNOWN = 4000  # of the architectures that a long study has met, so many are looked at again
_CENTRES = 6
_SCALES = (0.2, 0.07, 0.02, 0.006, 0.002)  # of the unit cube: from a look around to the last digits
_EACH = 24


def pool(state: State, belief: Belief, rng: np.random.Generator) -> list[Architecture]:
    """Candidates for the next query, distinct, in a fixed order.

    With score rungs: what was scored. Without: the whole space where it can be listed; else a fresh sample, and what lies
    around the best known and the best predicted; of what a long study has met, the most promising.
    """
    if state.ladder.scores:
        return list(scored(state).values())
    everything = state.space.enumerate()
    if everything is not None and len(everything) <= _LISTED:
        return everything
    met = _promising(list(state.architectures.values()), belief, len(state.ladder.levels) - 1)
    found = {a.key: a for a in [*met, *state.space.sample(_SAMPLE, rng)]}
    for _ in range(2):  # the second round starts from what the first one found
        members = list(found.values())
        for centre in _best(members, belief, len(state.ladder.levels) - 1):
            found.update((a.key, a) for a in around(state.space, centre, rng))
    return list(found.values())


def refine(state: State, belief: Belief, rng: np.random.Generator, rounds: int = 8) -> list[Architecture]:
    """Candidates for a recommendation: the pool, and a local search on the posterior mean at the target from its best."""
    members = pool(state, belief, rng)
    if state.ladder.scores or state.space.enumerate() is not None:
        return members
    level = len(state.ladder.levels) - 1
    found = {a.key: a for a in members}
    best = _best(members, belief, level)
    for _ in range(rounds):
        nearby = [a for centre in best for a in around(state.space, centre, rng)]
        best = _best([*best, *nearby], belief, level)
    found.update((a.key, a) for a in best)
    return list(found.values())


def around(space: AbstractSearchSpace, centre: Architecture, rng: np.random.Generator) -> list[Architecture]:
    """Architectures near one: its neighbours, or points of a continuous space at several distances."""
    if not space.continuous:
        return space.neighbours(centre)
    x = space.encode([centre])[0]
    steps = np.repeat(_SCALES, _EACH)[:, None] * rng.standard_normal((len(_SCALES) * _EACH, len(x)))
    # Half of the steps change a few coordinates only: in many dimensions all at once rarely improve.
    steps[::2] *= rng.random((len(steps[::2]), len(x))) < max(1.5 / len(x), 0.3)
    points: NDArray[np.float64] = np.clip(x + steps, 0.0, 1.0)
    return space.decode(points)


def _promising(met: list[Architecture], belief: Belief, level: int) -> list[Architecture]:
    """Those that may turn out best, and those expected to be, in the order in which they were met."""
    if len(met) <= _KNOWN:
        return met
    mean, _ = belief.mean_variance(met, level)
    first = [np.argsort(-figures, kind="stable")[: _KNOWN // 2] for figures in (mean, belief.promise(met))]
    return [met[i] for i in np.unique(np.concatenate(first)).tolist()]


def _best(members: list[Architecture], belief: Belief, level: int) -> list[Architecture]:
    mean, _ = belief.mean_variance(members, level)
    upper = belief.promise(members)
    order = [*np.argsort(-mean, kind="stable")[: _CENTRES // 2], *np.argsort(-upper, kind="stable")[: _CENTRES // 2]]
    return [members[i] for i in dict.fromkeys(int(i) for i in order)]
