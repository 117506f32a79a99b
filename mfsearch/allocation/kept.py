"""What one decision leaves to the next in the same process.

No figure depends on it: whatever is kept is, bit by bit, what would be computed anew, so that a resumed study decides the same.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfsearch.surrogate.cokriging import CHUNK
from mfsearch.surrogate.kernel import CokrigingKernel

LONG = 500  # lists from this length on are taken for pools, which decision after decision looks at
_TILE = 32  # observations whose covariances are computed together: products of matrices round by their shape
MOST = 2**24  # covariances kept of one pool, 128 MiB; beyond, they are computed whenever they are asked for
_POOLS = 2


class Pool:
    """A long list of architectures with their inputs, and what they have in common with the observations at the lowest level.

    Between two fits that covariance changes in nothing but its new observations, and it is most of what a prediction computes.

    Attributes:
        keys: n, distinct.
        inputs: n x d, without level and outlook.
        places: Where each key stands.
    """

    def __init__(self, keys: list[str], inputs: NDArray[np.float64]) -> None:
        self.keys, self.inputs = keys, inputs
        self.places = {key: place for place, key in enumerate(keys)}
        self._tiles: dict[int, list[Tensor]] = {}  # of each chunk of the list
        self._far: list[Tensor] = []  # what the kernel makes of the list
        self._observed = torch.empty(0, inputs.shape[1], dtype=torch.float64)
        self._marks: tuple[bytes, ...] = ()

    def extended(self, keys: list[str], inputs: NDArray[np.float64]) -> Pool:
        """A list that goes on where this one ends, with what is known of this one; it stays as it is."""
        found = Pool([*self.keys, *keys], np.concatenate([self.inputs, inputs]))
        last = len(self.keys) // CHUNK  # a chunk that is not full has other rows there
        found._tiles = {number: list(tiles) for number, tiles in self._tiles.items() if number != last}
        found._observed, found._marks = self._observed, self._marks
        return found

    def lowest(self, kernel: CokrigingKernel, observed: Tensor, order: Tensor) -> Iterator[Tensor] | None:
        """k_0 of the observations, n x d, and each chunk of the pool, one after the other; n x CHUNK each, the last one narrower.

        Row i is that of observation order[i]. None where all that is more than is kept.
        """
        blocks = self._blocks(kernel, observed)
        if blocks is None:
            return None
        rows = torch.split(torch.argsort(order), _TILE)
        return (_gathered(tiles, rows) for tiles in blocks)

    def product(self, kernel: CokrigingKernel, observed: Tensor, weights: Tensor) -> Tensor | None:
        """What weights, n, of the observations, n x d, make of each of the m of the pool through k_0, m; None as for `lowest`."""
        blocks = self._blocks(kernel, observed)
        if blocks is None:
            return None
        parts = torch.split(weights, _TILE)
        told = [[w @ tile for w, tile in zip(parts, tiles, strict=True)] for tiles in blocks]
        return torch.cat([functools.reduce(torch.add, some) for some in told])

    def _blocks(self, kernel: CokrigingKernel, observed: Tensor) -> list[list[Tensor]] | None:
        """k_0 of each tile of the observations, the last one smaller, and each chunk of the pool; None: it is more than is kept."""
        n = len(observed)
        if n * len(self.keys) > MOST:
            self._tiles.clear()
            self._far = []
            return None
        marks, component = kernel.marks(0), kernel.at(0)
        same = min(n, len(self._observed))
        inputs = torch.from_numpy(self.inputs)
        if marks != self._marks or not self._far:
            self._far = component.far(inputs)
        if marks != self._marks or not torch.equal(observed[:same], self._observed[:same]):
            self._tiles.clear()
        self._marks, self._observed = marks, observed
        whole = n // _TILE
        chunks = list(zip(*(torch.split(side, CHUNK) for side in self._far), strict=True))
        known = min(len(self._tiles.get(number, ())) for number in range(len(chunks)))
        near = {tile: component.near(observed[tile * _TILE : (tile + 1) * _TILE]) for tile in range(known, whole)}
        found = []
        for number, far in enumerate(chunks):
            tiles = self._tiles.setdefault(number, [])
            tiles.extend(component.between(near[tile], far) for tile in range(len(tiles), whole))
            found.append(tiles[:whole])
        if n % _TILE:
            rest = component.between(component.near(observed[whole * _TILE :]), self._far)
            for tiles, last in zip(found, torch.split(rest, CHUNK, -1), strict=True):
                tiles.append(last)
        return found


def _gathered(tiles: Sequence[Tensor], rows: Sequence[Tensor]) -> Tensor:
    """The rows of all tiles, each at its place."""
    found = tiles[0].new_empty(sum(map(len, tiles)), tiles[0].shape[-1])
    for tile, places in zip(tiles, rows, strict=True):
        found.index_copy_(0, places, tile)
    return found


class Kept:
    """Encodings, what was learned of the scores, and the pools last looked at.

    Attributes:
        encodings: Encodings by key: they never change.
        learned: What features learned from the scores that came first, and from which; `Features` fills it.
    """

    def __init__(self) -> None:
        self.encodings: dict[str, NDArray[np.float64]] = {}
        self.learned: tuple[Any, Any] = (None, None)
        self._pools: list[tuple[Any, Pool]] = []

    def find(self, learned: object, keys: Sequence[str]) -> Pool | None:
        """The pool that this list goes on from, with the same inputs for what both hold."""
        for before, pool in self._pools:
            if before is learned and pool.keys == keys[: len(pool.keys)]:
                return pool
        return None

    def use(self, learned: object, pool: Pool, instead: Pool | None = None) -> None:
        """Keep a pool, in the place of another one if need be; the one that was not asked for longest goes."""
        others = [(before, other) for before, other in self._pools if other is not pool and other is not instead]
        self._pools = [(learned, pool), *others[: _POOLS - 1]]
