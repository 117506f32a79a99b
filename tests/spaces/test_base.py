from __future__ import annotations

import numpy as np
import pytest

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, InputLayout, Task
from mfsearch.spaces.base import AbstractSearchSpace


class Coin(AbstractSearchSpace):
    """The least that a space must bring."""

    name = "coin"

    @property
    def layout(self):
        return InputLayout(categorical=((0, 1),))

    def sample(self, n, rng):
        return [self.parse("ht"[side]) for side in rng.integers(2, size=n)]

    def neighbours(self, architecture):
        return [self.parse("t" if architecture.key == "h" else "h")]

    def encode(self, architectures):
        return np.array([[a.key == "h", a.key == "t"] for a in architectures], dtype=np.float64)

    def parse(self, text):
        return Architecture(self.name, (text,), text)


def test_by_default_a_space_is_discrete_and_nothing_collapses():
    coin = Coin()
    head = coin.parse("h")
    assert coin.canonical(head) is head
    assert coin.enumerate() is None
    assert coin.continuous is False


def test_what_a_space_cannot_do_it_says():
    coin = Coin()
    with pytest.raises(SpaceError, match="space 'coin' cannot decode encodings: it has no continuous axes"):
        coin.decode(np.zeros((1, 2)))
    with pytest.raises(
        SpaceError, match="space 'coin' builds no networks; bring fidelities that evaluate its architectures themselves"
    ):
        coin.build(coin.parse("h"), Task("digits", (1, 8, 8), 10))


def test_a_half_written_space_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (AbstractSearchSpace,), {"name": "half"})()
