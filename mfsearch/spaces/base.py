"""What every search space offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, InputLayout, Task


class AbstractSearchSpace(ABC):
    """A set of architectures that can be sampled, encoded, and walked.

    A finite space may enumerate itself, a trainable one builds networks, one with continuous axes decodes encodings; the
    default of each says that this space cannot.
    """

    name: str

    @property
    @abstractmethod
    def layout(self) -> InputLayout:
        """What the d columns of `encode` mean."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n canonical architectures, independent and uniform over the space's natural parametrisation.

        Repeats are possible; a caller that wants distinct ones drops them by `key`.
        """

    @abstractmethod
    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """Distinct canonical architectures one step away, never the architecture itself, in a fixed order."""

    @abstractmethod
    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Encode as a float64 matrix, n x d, with the columns of `layout`."""

    @abstractmethod
    def parse(self, text: str) -> Architecture:
        """Read a canonical (or any valid) string.

        Raises:
            SpaceError: If the string is no architecture of this space; the message says where and why.
        """

    def canonical(self, architecture: Architecture) -> Architecture:
        """The representative of all architectures that compute the same function; itself where nothing collapses."""
        return architecture

    def enumerate(self) -> list[Architecture] | None:
        """All canonical architectures in a fixed order, or None where the space is infinite or too large to list."""
        return None

    @property
    def continuous(self) -> bool:
        """Whether `decode` accepts every point of [0, 1]^d on the numeric columns, so that local refinement makes sense."""
        return False

    def decode(self, encodings: NDArray[np.float64]) -> list[Architecture]:
        """The architectures nearest to n x d encodings.

        Raises:
            SpaceError: If the space is not continuous.
        """
        raise SpaceError(f"space {self.name!r} cannot decode encodings: it has no continuous axes.")

    def build(self, architecture: Architecture, task: Task) -> nn.Module:
        """An untrained network for the task, initialised from torch's global generator.

        Raises:
            SpaceError: If the space describes no networks.
        """
        raise SpaceError(f"space {self.name!r} builds no networks; bring fidelities that evaluate its architectures themselves.")

    def counts(self, architecture: Architecture, task: Task) -> Mapping[str, float]:
        """Figures of `build`'s network that are known in closed form, such as `params` and `flops`; none by default."""
        return {}
