"""Listens to a study: every charge becomes a row, with the architecture that is recommended after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mfsearch.allocation.base import AbstractPolicy, State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.kept import Kept
from mfsearch.allocation.recommendation import recommend
from mfsearch.allocation.view import Views
from mfsearch.bench.trace import Row
from mfsearch.budget import ChargeKind
from mfsearch.problems.base import Problem
from mfsearch.records import Json, Status
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import StudyState
from mfsearch.surrogate.threads import one_thread

# Observations up to which the recommendation is made anew after each; after that it is made anew whenever what is spent has
# grown by this factor. It takes longer where the answer is searched for among points of a continuous space.
LISTED = (100, 1.02)
CONTINUOUS = (10, 1.15)


class Recorder:
    """Rows of one run, and how long its policy took to decide.

    Recommending is free of charge, and done the same way for every method: by the same rule, on the same surrogate, at the same
    moments. A policy that fits the surrogate itself lends its hyper-parameters; for the others they are fitted here, at the
    moments at which `Belief` fits them for a policy.

    Args:
        problem: What is searched.
        policy: Who searches.
        rule: `evaluated` or `predicted`.

    Attributes:
        rows: One a charge, in order.
        asks: Wall seconds of each decision that ended in evaluations, those on the way to it (scores) included.
    """

    def __init__(self, problem: Problem, policy: AbstractPolicy, rule: str) -> None:
        self.rows: list[Row] = []
        self.asks: list[float] = []
        self._problem, self._rule = problem, rule
        self._lends = isinstance(policy, CostAware)
        self._memory: Mapping[str, Json] = {}
        self._kept = Kept()
        self._views = Views(problem.space, problem.ladder)
        self._every, self._stride = CONTINUOUS if problem.space.continuous else LISTED
        self._deciding = 0.0
        self._charges = 0
        self._due = 0.0
        self._recommended: str | None = None

    def __call__(self, event: Event, state: StudyState) -> None:
        """A study's listener."""
        if event.kind in (EventKind.SCORED, EventKind.ASKED):
            self._deciding += event.payload["optimiser_seconds"]
            if event.kind is EventKind.ASKED:
                self.asks.append(self._deciding)
                self._deciding = 0.0
        if event.kind is EventKind.TOLD:
            self._refresh(state)
        for charge in state.ledger.charges[self._charges :]:
            key = None
            if charge.kind is ChargeKind.EVALUATION:
                key = state.observations[-1].query.architecture.key
            elif charge.kind is ChargeKind.SCORE and charge.count == 1:
                key = next(b["architectures"][0] for b in event.payload["scores"] if b["rung"] == charge.rung)
            self.rows.append(
                Row(len(self.rows), charge.kind.value, charge.rung, key, charge.count, charge.seconds, self._recommended)
            )
        self._charges = len(state.ledger.charges)

    def conclude(self, recommended: str) -> None:
        """The study's own answer at its end is the recommendation after the last row."""
        self.rows[-1].recommended = recommended

    def _refresh(self, state: StudyState) -> None:
        done = sum(o.status is Status.OK for o in state.observations)
        if done == 0 or (done > self._every and state.ledger.spent < self._due):
            return
        self._due = self._stride * state.ledger.spent
        seen = self._views(state)
        with one_thread():
            found = recommend(seen, self._rule, self._belief(seen))
        self._recommended = None if found is None else found.architecture.key

    def _belief(self, seen: State) -> Belief:
        if self._lends and "hyperparameters" in seen.memory:
            return Belief(seen, self._kept, fit=False)
        belief = Belief(replace(seen, memory=self._memory), self._kept)
        self._memory = belief.memory
        return belief
