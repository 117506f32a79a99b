"""What a rung of the ladder offers: a cheap score, or a costly evaluation."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mfsearch.errors import LimitReachedError
from mfsearch.records import Architecture, Measurement, Scores


@dataclass(frozen=True)
class Context:
    """What an evaluation may know of its surroundings.

    Attributes:
        seed: Seed of everything random in it.
        limit: Seconds after which it is stopped (math.inf: none). `elapsed` tells how many have gone by.
        workdir: The only folder it may write in; it exists.
        device: torch device string.
        elapsed: The executor's clock, in seconds since the evaluation began.
        progress: Called with (fraction done in [0, 1], short text), as often as convenient.
        earlier: Rung -> files, by role, that the last evaluation of the same architecture there left, for a rung that goes on from one.
    """

    seed: int
    limit: float
    workdir: Path
    device: str = "cpu"
    elapsed: Callable[[], float] = field(default_factory=lambda: _stopwatch())
    progress: Callable[[float, str], None] = lambda fraction, text: None
    earlier: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise `LimitReachedError` when the limit has passed. Cheap: call it at every training step."""
        spent = self.elapsed()
        if spent > self.limit:
            raise LimitReachedError(f"stopped after {spent:.1f} s: the limit was {self.limit:.1f} s.")


def _stopwatch() -> Callable[[], float]:
    began = time.monotonic()
    return lambda: time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Prepared:
    """A resource that is ready: what it cost now (0 if it was cached), and what it cost when it was made."""

    seconds: float
    original_seconds: float
    details: str = ""


class AbstractResource(ABC):
    """Something that rungs share and that costs device time once, such as a teacher. Cached by the hash of its recipe."""

    name: str

    @property
    @abstractmethod
    def key(self) -> str:
        """Hash of the recipe: the same key is the same resource."""

    @abstractmethod
    def expected_cost(self) -> float:
        """Device seconds to make it now: 0 where it is cached."""

    @abstractmethod
    def prepare(self, context: Context) -> Prepared:
        """Make it, or load it from the cache."""


class AbstractFidelity(ABC):
    """A way to judge an architecture, at a price.

    Attributes:
        name: Name of the rung, unique in its ladder.
        kind: `score` (cheap, deterministic, many architectures at once) or `evaluation` (costly, noisy).
        role: `input` (its figures are inputs of the surrogate) or `level` (it is a level of the co-kriging). Evaluations
            are always levels.
        signal: Which measured figure is the value; a leading minus turns a figure around that is better when small.
    """

    name: str
    kind: Literal["score", "evaluation"]
    role: Literal["input", "level"]
    signal: str

    @abstractmethod
    def expected_cost(self, architecture: Architecture) -> float:
        """Device seconds expected before anything was measured; not negative."""

    @property
    def resources(self) -> tuple[AbstractResource, ...]:
        """What must be prepared before the first use."""
        return ()


class AbstractScore(AbstractFidelity):
    """A cheap, deterministic figure (or several) for many architectures at once."""

    kind: Literal["score", "evaluation"] = "score"
    role: Literal["input", "level"] = "input"

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the k figures."""

    @property
    def trusted(self) -> tuple[bool, ...]:
        """For each column, whether more of it is known to be better: the surrogate's mean may rise with it."""
        return (False,) * len(self.columns)

    @property
    def capacity(self) -> tuple[bool, ...]:
        """For each column, whether it measures size: a short training is expected to say too little of large networks."""
        return (False,) * len(self.columns)

    @abstractmethod
    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        """Score architectures; the result has one row an architecture, in order."""


class AbstractEvaluation(AbstractFidelity):
    """A costly, noisy measurement of one architecture: a level of the co-kriging."""

    kind: Literal["score", "evaluation"] = "evaluation"
    role: Literal["input", "level"] = "level"
    deterministic: bool = False
    """Whether a second evaluation would give the same value, and this value is what is sought: a row of a table."""
    exact_cost: bool = False
    """Whether an evaluation takes just what `expected_cost` says: nothing is reserved beyond it before the first one is seen."""
    seeds: int = 1
    """How often one architecture may be evaluated, each time with another seed: more than once where good architectures differ
    by little more than their seeds do."""
    longest: float = math.inf
    """Device seconds after which an evaluation is stopped, however much is free."""
    resource: float | None = None
    """What other libraries call its budget or fidelity, such as epochs; None: nothing but its cost is known."""

    @abstractmethod
    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """Measure one architecture.

        Raises:
            LimitReachedError: From `context.check()`, when the time limit has passed.
            Exception: Anything else is recorded as a failure of this evaluation, with its message.
        """
