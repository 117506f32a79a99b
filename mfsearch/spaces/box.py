"""Boxes of real numbers: the domains of test functions, and of hyper-parameters without conditions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, InputLayout
from mfsearch.spaces.base import AbstractSearchSpace

_STEP = 0.05  # of an axis' range: how far a neighbour is


class BoxSpace(AbstractSearchSpace):
    """Points between bounds, axis by axis; the genotype holds floats in original units, the key is a JSON object of them.

    Args:
        name: Name of the space.
        bounds: (low, high) of each axis by name, in original units; both belong to the box.

    Raises:
        SpaceError: If there is no axis, or bounds are not finite with low < high.
    """

    def __init__(self, name: str, bounds: Mapping[str, tuple[float, float]]) -> None:
        self.name = name
        self.bounds = {axis: (float(low), float(high)) for axis, (low, high) in bounds.items()}
        if not self.bounds:
            raise SpaceError(
                f"a box must have at least one axis; got none for {name!r}. Give bounds such as {{'x': (0.0, 1.0)}}."
            )
        for axis, (low, high) in self.bounds.items():
            if not (math.isfinite(high - low) and low < high):
                raise SpaceError(f"bounds of {axis!r} must be finite with low < high; got ({low!r}, {high!r}). Mend the bounds.")
        self._low, self._high = np.array(list(self.bounds.values())).T

    @property
    def layout(self) -> InputLayout:
        """One numeric column an axis."""
        return InputLayout(numeric=tuple(range(len(self.bounds))))

    @property
    def continuous(self) -> bool:
        """A box can be refined locally."""
        return True

    def architecture(self, point: Sequence[float]) -> Architecture:
        """The architecture of a point in original units.

        Raises:
            SpaceError: If the point has another number of coordinates, or lies outside the box.
        """
        values = tuple(float(value) + 0.0 for value in point)  # + 0.0 turns -0.0 into 0.0
        if len(values) != len(self.bounds):
            raise SpaceError(f"a point must have the coordinates {', '.join(self.bounds)}; got {len(values)} of them. Give all.")
        for (axis, (low, high)), value in zip(self.bounds.items(), values, strict=True):
            if not low <= value <= high:
                raise SpaceError(f"{axis!r} must lie in [{low!r}, {high!r}]; got {value!r}. Choose a value within the bounds.")
        return Architecture(self.name, values, json.dumps(dict(zip(self.bounds, values, strict=True))))

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n points uniformly."""
        return self.decode(rng.random((n, len(self.bounds))))

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """5% of the range down and up on each axis in turn, cut off at the bounds."""
        found = {}
        for axis, (low, high) in enumerate(self.bounds.values()):
            for step in (-_STEP, _STEP):
                point = [float(str(gene)) for gene in architecture.genotype]
                point[axis] = min(max(point[axis] + step * (high - low), low), high)
                other = self.architecture(point)
                found[other.key] = other
        found.pop(architecture.key, None)
        return list(found.values())

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Each axis scaled to [0, 1]."""
        points = np.array([architecture.genotype for architecture in architectures], dtype=np.float64)
        scaled: NDArray[np.float64] = (points.reshape(len(architectures), len(self.bounds)) - self._low) / (
            self._high - self._low
        )
        return scaled

    def decode(self, encodings: NDArray[np.float64]) -> list[Architecture]:
        """The points of n x d encodings, cut off at the bounds."""
        points = np.clip(self._low + encodings * (self._high - self._low), self._low, self._high)
        return [self.architecture(point) for point in points.tolist()]

    def parse(self, text: str) -> Architecture:
        """Read a JSON object with one number an axis."""
        example = f"Write for example {json.dumps({axis: low for axis, (low, _) in self.bounds.items()})}."
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise SpaceError(f"a point must be a JSON object; got {text!r} ({error}). {example}") from None
        if not isinstance(values, dict) or set(values) != set(self.bounds):
            raise SpaceError(f"a point must be a JSON object of {', '.join(self.bounds)}; got {text!r}. {example}")
        for axis, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SpaceError(f"{axis!r} must be a number; got {value!r}. {example}")
        return self.architecture([values[axis] for axis in self.bounds])
