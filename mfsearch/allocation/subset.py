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

from mfsearch.records import Observation

MOST: Final = 1000
"""Observations that are all given to the surrogate."""


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


def _chosen(observations: Sequence[Observation], places: Sequence[int], share: int) -> list[int]:
    best = sorted(places, key=lambda place: -(observations[place].value or 0.0))
    drawn = sorted(best[share // 2 :], key=lambda place: zlib.crc32(observations[place].query.architecture.key.encode()))
    return [*best[: share // 2], *drawn[: share - share // 2]]
