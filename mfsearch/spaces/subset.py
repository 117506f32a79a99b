"""The part of a space that somebody has measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, InputLayout, Task
from mfsearch.spaces.base import AbstractSearchSpace

NEIGHBOURS = 8
"""Fewer than so many measured neighbours are filled up with the nearest by encoding, so that a walk does not end."""


class SubsetSpace(AbstractSearchSpace):
    """A list of architectures of another space; encodings, keys and networks are those of the whole.

    Args:
        space: The whole.
        keys: Keys of what is in the subset, in the order in which it is listed.

    Raises:
        SpaceError: If there is none, one comes twice, or one is no architecture of the whole.
    """

    def __init__(self, space: AbstractSearchSpace, keys: Sequence[str]) -> None:
        if not keys:
            raise SpaceError(f"a part of space {space.name!r} must hold one architecture at least; got none. Check its table.")
        self.name = space.name
        self.whole = space
        self._members = [space.canonical(space.parse(key)) for key in keys]
        self._row = {architecture.key: row for row, architecture in enumerate(self._members)}
        if len(self._row) < len(keys):
            double = next(a.key for row, a in enumerate(self._members) if self._row[a.key] != row)
            raise SpaceError(
                f"an architecture of a part of {space.name!r} must come once; got {double!r} again. Check its table."
            )
        self._encodings = space.encode(self._members)
        self._near: dict[str, list[Architecture]] = {}

    @property
    def layout(self) -> InputLayout:
        """Of the whole."""
        return self.whole.layout

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n members uniformly, with replacement."""
        return [self._members[row] for row in rng.integers(len(self._members), size=n)]

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The members among the whole's neighbours; where they are fewer than 8, then the nearest others by encoding."""
        if architecture.key not in self._near:
            near = [neighbour for neighbour in self.whole.neighbours(architecture) if neighbour.key in self._row]
            if len(near) < NEIGHBOURS:
                known = {architecture.key, *(neighbour.key for neighbour in near)}
                distances = np.square(self._encodings - self.whole.encode([architecture])).sum(1)
                order = (self._members[int(row)] for row in np.argsort(distances, kind="stable"))
                others = [member for member in order if member.key not in known]
                near += others[: NEIGHBOURS - len(near)]
            self._near[architecture.key] = near
        return list(self._near[architecture.key])

    def nearest(self, architecture: Architecture) -> Architecture:
        """The member that is nearest by encoding, itself where it is one; the first in order of those that are equally near."""
        canonical = self.whole.canonical(architecture)
        if canonical.key in self._row:
            return self._members[self._row[canonical.key]]
        distances = np.square(self._encodings - self.whole.encode([canonical])).sum(1)
        return self._members[int(np.argmin(distances))]

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Of the whole."""
        return self.whole.encode(architectures)

    def parse(self, text: str) -> Architecture:
        """A member by any string of the whole that means it.

        Raises:
            SpaceError: If it is none, or no member.
        """
        architecture = self.canonical(self.whole.parse(text))
        if architecture.key not in self._row:
            raise SpaceError(
                f"an architecture must be one of the {len(self._row):,} that were measured; got {text!r}, which was not."
            )
        return architecture

    def canonical(self, architecture: Architecture) -> Architecture:
        """Of the whole."""
        return self.whole.canonical(architecture)

    def enumerate(self) -> list[Architecture]:
        """The members, in the given order."""
        return list(self._members)

    def build(self, architecture: Architecture, task: Task) -> nn.Module:
        """Of the whole."""
        return self.whole.build(architecture, task)

    def counts(self, architecture: Architecture, task: Task) -> Mapping[str, float]:
        """Of the whole."""
        return self.whole.counts(architecture, task)
