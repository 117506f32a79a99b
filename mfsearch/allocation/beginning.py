"""How a search begins: first scores, and evaluations until the surrogate has something to go by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.features import REFERENCE, first_scored, scored
from mfsearch.allocation.proxies import ranking
from mfsearch.allocation.worth import unproven
from mfsearch.fidelities.base import AbstractScore
from mfsearch.records import Architecture, EvaluationQuery, Observation, ScoreQuery

_UNINFORMED, _INFORMED = 4, 2  # random evaluations to begin with, without trusted scores and with them


@dataclass(frozen=True)
class Beginning:
    """What is bought before the surrogate decides.

    Attributes:
        initial: Random evaluations at the lowest level. None: 4, or 2 where trusted scores tell good from bad already, and 2 more if the
            first two that they lead to are no better.
        initial_share: Most of the budget that they may cost, as a fraction; two are made in any case.
        start_share: Most of the budget that the first scores may cost, as a fraction; and what devices do that would wait otherwise.
    """

    initial: int | None
    initial_share: float
    start_share: float

    def scores(self, state: State, rng: np.random.Generator) -> list[ScoreQuery]:
        """Scores of a random reference, of every rung that is worth it and has none yet."""
        unscored = [rung for rung in state.ladder.scores if not state.scores.get(rung.name)]
        if state.architectures:
            unscored = _without(unscored, unproven(state)) if unscored else []
        if not unscored:
            return []
        drawn = list({a.key: a for a in state.space.sample(2 * REFERENCE, rng)}.values())[:REFERENCE]
        unscored = _without(unscored, unproven(state, drawn[0]))
        price = sum(rung.expected_cost(a) for a in drawn for rung in unscored) / len(drawn)
        affordable = min(self.start_share * state.total, state.free) / price if price > 0 else REFERENCE
        return [ScoreQuery(tuple(drawn[: max(1, min(REFERENCE, int(affordable)))]), rung.name) for rung in unscored]

    def evaluations(self, state: State, n: int, done: Sequence[Observation], rng: np.random.Generator) -> list[EvaluationQuery]:
        """The random evaluations that are still missing, given those that went well.

        As long as none has ended, other devices begin with what scores think best. At most n in all.
        """
        missing = min(n, self._wanted(state, done) - len(done) - len(state.pending))
        reason = "at random: the surrogate needs a beginning"
        found = self._queries(state, self._drawn(state, missing, rng), missing, reason) if missing > 0 else []
        return found if done else found + self._meanwhile(state, n - len(found), found, rng)

    def _wanted(self, state: State, done: Sequence[Observation]) -> int:
        """Number of evaluations before the surrogate decides (alone): fewer where they would eat up a small budget, but two."""
        known = first_scored(state, REFERENCE)
        told = any(trusted for rung in state.ladder.scores for trusted in rung.trusted)
        wanted = self.initial if self.initial is not None else _INFORMED if told else _UNINFORMED
        if told and self.initial is None and _disappointed(state, done):
            wanted = _UNINFORMED + _INFORMED  # those that disappointed are no random ones
        if not known:
            return wanted
        return min(wanted, max(2, int(self.initial_share * state.total / _price(state, known))))

    def _meanwhile(
        self, state: State, n: int, chosen: Sequence[EvaluationQuery], rng: np.random.Generator
    ) -> list[EvaluationQuery]:
        """For devices that would wait until the first evaluation has ended: the best by trusted scores, or more at random.

        They may cost as much as the first scores; and of what scores think worse than the average nobody needs more.
        """
        if n <= 0:
            return []
        doubtful = unproven(state)
        told = [rung for rung in _without(state.ladder.scores, doubtful) if any(rung.trusted) and state.scores.get(rung.name)]
        ranked = ranking(state, told) if told else self._drawn(state, n + len(chosen), rng)
        if not ranked:
            return []
        started = len(chosen) + len(state.pending)
        most = int(self.start_share * state.total / _price(state, ranked)) - started
        if told:
            most = min(most, len(ranked) // 2 - started)
        reason = f"{'best by its scores' if told else 'at random'}: a device would wait for the first evaluation to end"
        return self._queries(state, ranked, max(0, min(n, most)), reason, {q.architecture.key for q in chosen})

    @staticmethod
    def _drawn(state: State, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Architectures in random order: the pool, or as many as n evaluations need and more."""
        known = list(scored(state).values()) if state.ladder.scores else state.space.sample(8 * n, rng)
        return list({a.key: a for a in known}.values())

    @staticmethod
    def _queries(
        state: State, some: Sequence[Architecture], n: int, reason: str, beside: Collection[str] = ()
    ) -> list[EvaluationQuery]:
        """The first n of them that may run at the lowest level, and can be paid for."""
        rung = state.ladder.evaluations[0].name
        open = (a for a in some if a.key not in beside and (a.key, rung) not in state.excluded and state.affordable(a, rung))
        return [EvaluationQuery(a, rung, why={"reason": reason}) for a in islice(open, n)]


def _price(state: State, some: Sequence[Architecture]) -> float:
    """Median device seconds of an evaluation at the lowest level."""
    rung = state.ladder.evaluations[0].name
    return max(float(np.median([state.cost(a, rung) for a in some])), 1e-9)


def _without(rungs: Sequence[AbstractScore], others: Sequence[AbstractScore]) -> list[AbstractScore]:
    return [rung for rung in rungs if rung not in others]


def _disappointed(state: State, done: Sequence[Observation]) -> bool:
    """Whether neither of the first two evaluations that scores led to beats the random ones before them: they may tell nothing."""
    first = [o.value for o in done[: 2 * _INFORMED] if o.query.rung == state.ladder.evaluations[0].name and o.value is not None]
    return len(first) == 2 * _INFORMED and max(first[_INFORMED:]) <= max(first[:_INFORMED])
