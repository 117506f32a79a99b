"""A problem: space, ladder and task, and apart from them what judges a search."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, Objective, Recommendation, Task
from mfsearch.spaces.base import AbstractSearchSpace


@dataclass(frozen=True)
class LookUp:
    """A column of a table as a function of architectures, which can be sent to another process; NaN where there is no figure."""

    column: Mapping[str, float]

    def __call__(self, architecture: Architecture) -> float:
        """The figure of an architecture's key."""
        return self.column.get(architecture.key, math.nan)


@dataclass(frozen=True)
class Oracle:
    """What is known of the truth. A search never sees it: `Study` takes space, ladder and objective, not a problem.

    Attributes:
        optimum: Best true value at the target, in the objective's unit and the user's orientation.
        span: Largest minus smallest true value: the range in which regret is expressed for functions without a unit.
        truth: Architecture -> true value at the target, likewise.
        test: Architecture -> test accuracy in percent, where there is one.
    """

    optimum: float
    span: float
    truth: Callable[[Architecture], float]
    test: Callable[[Architecture], float] | None = None

    def regret(self, architecture: Architecture, sign: float = 1.0) -> float:
        """Distance to the optimum, not negative; `sign` is the objective's."""
        return max(0.0, sign * (self.optimum - self.truth(architecture)))


@dataclass(frozen=True)
class Problem:
    """Everything a study needs, and apart from it the oracle.

    Attributes:
        name: Name in the registry.
        space: The search space.
        ladder: The rungs.
        objective: What is searched.
        task: What networks are trained for; None where none are.
        virtual: Whether costs are simulated (virtual clock) rather than measured.
        recommend: Default recommendation rule: `evaluated` (live) or `predicted` (tabular, synthetic).
        oracle: Known truth, where there is one.
        judge: Called once at the end with the recommendation of a live search: reports figures that the search never saw,
            such as `test_accuracy` (percent).
        description: What is searched, and what a reader of a result must know; every report prints it.
    """

    name: str
    space: AbstractSearchSpace
    ladder: FidelityLadder
    objective: Objective
    task: Task | None = None
    virtual: bool = False
    recommend: str = "evaluated"
    oracle: Oracle | None = None
    judge: Callable[[Recommendation], Mapping[str, float]] | None = None
    description: str = ""
