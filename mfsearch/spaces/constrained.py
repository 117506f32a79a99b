"""Deterministic constraints such as `params <= 1.5M`: what breaks one is never sampled, listed or walked to."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, InputLayout, Task
from mfsearch.spaces.base import AbstractSearchSpace

Measure = Callable[[Architecture], float]

_OPERATORS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_SUFFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_PATTERN = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*")
_EXAMPLE = "Write for example 'params <= 1.5M' or 'flops <= 50M'."
_ROUND = 256  # drawn at a time
_DRAWS = 20_000  # drawn in vain before giving up


@dataclass(frozen=True, slots=True)
class Constraint:
    """A measure, a comparison, and a bound."""

    measure: str
    comparison: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read `<measure> <operator> <number>[k|M|G]` with one of <, <=, >=, >.

        Raises:
            SpaceError: If it reads otherwise.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise SpaceError(
                f"a constraint must read '<measure> <operator> <number>', with <, <=, >= or >; got {text!r}. {_EXAMPLE}"
            )
        measure, comparison, number, suffix = match.groups()
        if suffix not in _SUFFIXES:
            raise SpaceError(f"the number of a constraint may end with k, M or G; got {suffix!r} in {text!r}. {_EXAMPLE}")
        return cls(measure, comparison, float(number) * _SUFFIXES[suffix])

    def __str__(self) -> str:
        return f"{self.measure} {self.comparison} {self.bound:g}"

    def holds(self, figure: float) -> bool:
        """Whether the figure keeps to the bound; one that is not a number does not."""
        return bool(_OPERATORS[self.comparison](figure, self.bound))


class ConstrainedSpace(AbstractSearchSpace):
    """The feasible part of a space. Encodings, keys and networks are those of the whole.

    Args:
        space: The whole.
        constraints: What must hold, all of it.
        measures: Architecture -> figure, by the name that constraints use. Each architecture is measured once.

    Raises:
        SpaceError: If a constraint names an unknown measure, or nothing is feasible.
    """

    def __init__(self, space: AbstractSearchSpace, constraints: Sequence[Constraint], measures: Mapping[str, Measure]) -> None:
        self.name = space.name
        self.whole = space
        self.constraints = tuple(constraints)
        self._measures = dict(measures)
        self._known: dict[str, bool] = {}
        known = " or ".join(sorted(self._measures)) or "nothing, for it has no measures"
        for constraint in self.constraints:
            if constraint.measure not in self._measures:
                raise SpaceError(f"a constraint of {self.name!r} must be on {known}; got {str(constraint)!r}. {_EXAMPLE}")
        # Found out here, and not in the middle of a search.
        self.sample(1, np.random.default_rng(0))

    @property
    def layout(self) -> InputLayout:
        """Of the whole."""
        return self.whole.layout

    @property
    def continuous(self) -> bool:
        """Of the whole; `decode` may leave the feasible part, which `feasible` tells."""
        return self.whole.continuous

    def feasible(self, architecture: Architecture) -> bool:
        """Whether all constraints hold."""
        if architecture.key not in self._known:
            self._known[architecture.key] = all(
                constraint.holds(float(self._measures[constraint.measure](architecture))) for constraint in self.constraints
            )
        return self._known[architecture.key]

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n feasible architectures by rejection.

        Raises:
            SpaceError: If 20,000 draws in a row are infeasible.
        """
        found: list[Architecture] = []
        vain = 0
        while len(found) < n:
            for architecture in self.whole.sample(_ROUND, rng):
                vain = 0 if self.feasible(architecture) else vain + 1
                if not vain:
                    found.append(architecture)
            if vain >= _DRAWS:
                raise SpaceError(self._nothing(f"none of {vain:,} architectures drawn at random does"))
        return found[:n]

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The feasible ones among the whole's."""
        return [neighbour for neighbour in self.whole.neighbours(architecture) if self.feasible(neighbour)]

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Of the whole."""
        return self.whole.encode(architectures)

    def parse(self, text: str) -> Architecture:
        """Of the whole: an infeasible architecture can still be named, to be scored or looked at."""
        return self.whole.parse(text)

    def canonical(self, architecture: Architecture) -> Architecture:
        """Of the whole."""
        return self.whole.canonical(architecture)

    def enumerate(self) -> list[Architecture] | None:
        """The feasible ones among the whole's."""
        everything = self.whole.enumerate()
        return None if everything is None else [architecture for architecture in everything if self.feasible(architecture)]

    def decode(self, encodings: NDArray[np.float64]) -> list[Architecture]:
        """Of the whole."""
        return self.whole.decode(encodings)

    def build(self, architecture: Architecture, task: Task) -> nn.Module:
        """Of the whole."""
        return self.whole.build(architecture, task)

    def counts(self, architecture: Architecture, task: Task) -> Mapping[str, float]:
        """Those of the space."""
        return self.whole.counts(architecture, task)

    def _nothing(self, found: str) -> str:
        wanted = " and ".join(map(str, self.constraints))
        seen = self.whole.sample(_ROUND, np.random.default_rng(0))
        ranges = []
        for measure in dict.fromkeys(constraint.measure for constraint in self.constraints):
            figures = [float(self._measures[measure](architecture)) for architecture in seen]
            ranges.append(f"{measure} from {min(figures):.4g} to {max(figures):.4g}")
        return (
            f"some architecture of {self.name!r} must satisfy {wanted}; {found}. "
            f"Loosen the constraints: a sample has {', '.join(ranges)}."
        )
