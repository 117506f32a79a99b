"""Which architectures a table holds: a random sample, and what lies around the best of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mfsearch.errors import ConfigError
from mfsearch.records import Architecture
from mfsearch.spaces.base import AbstractSearchSpace

_ROUND = 256  # drawn at a time from a space that cannot list itself
_VAIN = 100  # rounds without anything new before giving up


@dataclass(frozen=True)
class Planned:
    """An architecture that is to be measured, and why: `sample` or `neighbour`."""

    architecture: Architecture
    group: str


def sampled(space: AbstractSearchSpace, n: int, seed: int) -> list[Architecture]:
    """Distinct architectures in random order; more of them begin with the same ones.

    A space that can list itself is drawn from without replacement, each class of equal architectures once; another one by its
    own `sample`, repeats left out.

    Raises:
        ConfigError: If the space has not so many.
    """
    everything = space.enumerate()
    rng = np.random.default_rng(seed)
    if everything is not None:
        if n > len(everything):
            raise ConfigError(
                f"architectures must be at most {len(everything):,}, which is all there are; got {n:,}. Ask for fewer."
            )
        return [everything[int(row)] for row in rng.permutation(len(everything))[:n]]
    found: dict[str, Architecture] = {}
    vain = 0
    while len(found) < n and vain < _VAIN:
        before = len(found)
        for architecture in space.sample(_ROUND, rng):
            found.setdefault(architecture.key, architecture)
        vain = vain + 1 if len(found) == before else 0
    if len(found) < n:
        raise ConfigError(
            f"architectures must be at most {len(found):,}; more were not found in the space; got {n:,}. Ask for fewer."
        )
    return list(found.values())[:n]


def around(space: AbstractSearchSpace, best: Sequence[Architecture], known: Collection[str]) -> list[Architecture]:
    """All neighbours of these that are not known yet, each once, those of the best first."""
    found = {neighbour.key: neighbour for architecture in best for neighbour in space.neighbours(architecture)}
    return [neighbour for key, neighbour in found.items() if key not in known]
