"""What a policy sees, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery, Json, Objective, Observation, ScoreQuery
from mfsearch.spaces.base import AbstractSearchSpace


@dataclass(frozen=True)
class State:
    """All that a policy may know when it decides; a pure function of the study's events.

    Attributes:
        space: The (constrained) search space.
        ladder: The rungs.
        objective: What is maximised.
        rule: `evaluated` or `predicted`: which architectures may be recommended in the end.
        observations: Every evaluation that has ended, in order, failures too.
        pending: Evaluations that run now.
        scores: For each score rung, the bought scores by architecture key, in the order they were bought. A row holds one
            figure a column, None where it is missing.
        architectures: Every architecture that was ever scored or asked, by key, in order of appearance.
        free: Device seconds that are neither spent nor promised to what runs: what can be paid for now.
        total: Device seconds of the whole budget.
        cost: (architecture, rung name) -> expected device seconds: the learned cost model.
        p95: The same for the 95th percentile, which is what gets reserved.
        excluded: (architecture key, rung) pairs that may not be asked (again): evaluated, pending, or failed too often.
        repeatable: Those of them that may be evaluated once more, with another seed (`AbstractEvaluation.seeds`).
        memory: What the policy's last proposal asked to remember (fitted hyper-parameters); JSON.
        step: Number of proposals made so far.
        held: Device seconds that pending evaluations may take beyond what they are expected to: promised to them, and mostly given back.
    """

    space: AbstractSearchSpace
    ladder: FidelityLadder
    objective: Objective
    observations: Sequence[Observation]
    pending: Sequence[EvaluationQuery]
    scores: Mapping[str, Mapping[str, tuple[float | None, ...]]]
    architectures: Mapping[str, Architecture]
    free: float
    total: float
    cost: Callable[[Architecture, str], float]
    p95: Callable[[Architecture, str], float]
    excluded: frozenset[tuple[str, str]] = frozenset()
    repeatable: frozenset[tuple[str, str]] = frozenset()
    memory: Mapping[str, Json] = field(default_factory=dict)
    step: int = 0
    rule: str = "evaluated"
    held: float = 0.0

    @property
    def left(self) -> float:
        """Device seconds that will be left of the budget if what runs takes what it is expected to: how far the search has come."""
        return self.free + self.held

    def affordable(self, architecture: Architecture, rung: str) -> bool:
        """Whether the free budget covers the expected cost: nothing starts that it cannot pay for."""
        return self.cost(architecture, rung) <= self.free


@dataclass(frozen=True)
class Proposal:
    """A policy's answer: score queries (bought at once, then it is asked again) or evaluation queries; none means stop.

    Attributes:
        queries: Either all ScoreQuery or all EvaluationQuery, at most n of the latter. Seeds and ids are the study's business.
        memory: JSON that the next call finds in `State.memory`.
        reason: One sentence, for the log: why these, or why nothing more.
    """

    queries: Sequence[ScoreQuery] | Sequence[EvaluationQuery] = ()
    memory: Mapping[str, Json] = field(default_factory=dict)
    reason: str = ""


class AbstractPolicy(ABC):
    """Decides what to evaluate next, and on which rung. Stateless: everything it knows is in the state."""

    name: str

    @abstractmethod
    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The next queries.

        Args:
            state: What is known.
            n: How many evaluation queries are wanted at most (free executor slots).
            rng: Generator that belongs to this proposal alone, seeded by (study seed, step).
        """
