"""Which observations the surrogate is given where there are too many for exact inference.

Subset of data (Quinonero-Candela and Rasmussen 2005, section 4): exact inference on some observations, chosen where it matters. Up to
`MOST` all are taken, and nothing changes. Beyond that every level has an equal share, which what it does not need leaves to the others;
of a level that has more, half of the share goes to the best values and half to architectures drawn by their key, so that the same
ones stay from decision to decision.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from mfsearch.allocation.base import State
from mfsearch.allocation.features import REFERENCE
from mfsearch.records import EvaluationQuery, Observation, Status

MOST: Final = 1000
"""Observations that are all given to the surrogate."""

BEST_SCORED: Final = 100
"""Scores that count as a level, besides the first ones."""


def subset(observations: Sequence[Observation], levels: Mapping[str, int], most: int = MOST) -> list[Observation]:
    """At most so many of the observations, in their order.

    Args:
        observations: Evaluations that ended well, each with a value.
        levels: Rung -> level.
        most: How many.
    """
    if len(observations) <= most:
        return list(observations)
    of_level: dict[int, list[int]] = {}
    for place, observation in enumerate(observations):
        of_level.setdefault(levels[observation.query.rung], []).append(place)
    left, taken = most, set[int]()
    for number, (_, places) in enumerate(sorted(of_level.items(), key=lambda item: len(item[1]))):
        share = left // (len(of_level) - number)
        left -= min(share, len(places))
        taken.update(places if len(places) <= share else _chosen(observations, places, share))
    return [observation for place, observation in enumerate(observations) if place in taken]


def scored_level(state: State) -> list[Observation]:
    """Scores that are a level of the co-kriging, as if they had been evaluated: the first, which are random, and the best of the others."""
    found = []
    for rung in state.ladder.scores:
        if rung.role != "level":
            continue
        column = rung.columns.index(rung.signal.removeprefix("-"))
        known = [(key, row[column]) for key, row in state.scores.get(rung.name, {}).items()]
        values = [(key, state.objective.oriented(rung.signal, value)) for key, value in known if value is not None]
        first, others = values[:REFERENCE], sorted(values[REFERENCE:], key=lambda item: -item[1])[:BEST_SCORED]
        for key, value in first + others:
            query = EvaluationQuery(state.architectures[key], rung.name)
            found.append(Observation(query, Status.OK, 0.0, value))
    return found


def _chosen(observations: Sequence[Observation], places: Sequence[int], share: int) -> list[int]:
    best = sorted(places, key=lambda place: -(observations[place].value or 0.0))
    drawn = sorted(best[share // 2 :], key=lambda place: zlib.crc32(observations[place].query.architecture.key.encode()))
    return [*best[: share // 2], *drawn[: share - share // 2]]
