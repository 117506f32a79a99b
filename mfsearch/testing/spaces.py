"""What every search space must do. Subclass `SpaceContract`, name it Test..., and say how to make one."""

from __future__ import annotations

import json
import pickle
from abc import ABC, abstractmethod

import numpy as np
import pytest

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture
from mfsearch.spaces.base import AbstractSearchSpace


class SpaceContract(ABC):
    """Architectures that can be drawn, written, read, encoded and walked, always in the same way."""

    @abstractmethod
    def make(self) -> AbstractSearchSpace:
        """The space."""

    def _drawn(self, n: int = 40) -> tuple[AbstractSearchSpace, list[Architecture]]:
        space = self.make()
        return space, space.sample(n, np.random.default_rng(0))

    def test_sampling_is_canonical_and_repeatable(self) -> None:
        """As many as asked for, each its own representative; the same seed draws the same, another seed others."""
        space, drawn = self._drawn()
        assert len(drawn) == 40
        assert space.sample(0, np.random.default_rng(0)) == []
        assert all(space.canonical(a) == a and a.space == space.name for a in drawn)
        assert self.make().sample(40, np.random.default_rng(0)) == drawn
        assert space.sample(40, np.random.default_rng(1)) != drawn

    def test_keys_are_read_back(self) -> None:
        """`parse(key)` gives the architecture back, genotype and all; other text is an error of the project's own."""
        space, drawn = self._drawn()
        for a in drawn:
            again = space.parse(a.key)
            assert (again, again.genotype) == (a, a.genotype)
        with pytest.raises(SpaceError):
            space.parse("no architecture of any space")

    def test_genotypes_are_json_and_travel(self) -> None:
        """A genotype is a tuple of JSON scalars; architectures and space can be sent to another process."""
        space, drawn = self._drawn()
        for a in drawn:
            assert tuple(json.loads(json.dumps(list(a.genotype)))) == a.genotype
        copy, members = pickle.loads(pickle.dumps((space, drawn)))
        assert members == drawn
        np.testing.assert_array_equal(copy.encode(members), space.encode(drawn))

    def test_encoding_has_the_layout(self) -> None:
        """Float64, n x width, numeric columns in [0, 1], one-hot groups of zeros and at most one 1, finite; equal only if equal."""
        space, drawn = self._drawn()
        X = space.encode(drawn)
        layout = space.layout
        assert X.shape == (40, layout.width)
        assert X.dtype == np.float64
        groups = (*layout.categorical, *layout.structure)
        columns = sorted([*layout.numeric, *(column for group in groups for column in group)])
        assert columns == list(range(layout.width))
        assert np.isfinite(X).all()
        numeric = X[:, list(layout.numeric)]
        assert ((numeric >= 0) & (numeric <= 1)).all()
        for group in layout.categorical:
            assert set(np.unique(X[:, list(group)])) <= {0.0, 1.0}
            assert (X[:, list(group)].sum(1) <= 1).all()
        assert len({row.tobytes() for row in X}) == len({a.key for a in drawn})
        assert space.encode([]).shape == (0, layout.width)

    def test_neighbours(self) -> None:
        """At least one, distinct, canonical, never the architecture itself, in the same order each time."""
        space, drawn = self._drawn(10)
        for a in drawn:
            near = space.neighbours(a)
            keys = [other.key for other in near]
            assert near
            assert a.key not in keys
            assert len(set(keys)) == len(keys)
            assert [space.canonical(other) for other in near] == near
            assert self.make().neighbours(a) == near

    def test_enumeration(self) -> None:
        """Where a space lists itself: distinct canonical architectures, and every sample is among them."""
        space, drawn = self._drawn()
        everything = space.enumerate()
        if everything is None:
            return
        keys = {a.key for a in everything}
        assert len(keys) == len(everything)
        assert {a.key for a in drawn} <= keys
        assert {near.key for a in drawn[:5] for near in space.neighbours(a)} <= keys

    def test_decoding(self) -> None:
        """Where a space is continuous: decoding an encoding gives the architecture back, up to rounding. Else an error."""
        space, drawn = self._drawn(10)
        if not space.continuous:
            with pytest.raises(SpaceError):
                space.decode(space.encode(drawn))
            return
        np.testing.assert_allclose(space.encode(space.decode(space.encode(drawn))), space.encode(drawn), atol=1e-9)
