"""The honest opponent of a small search: rank everything by one cheap score, then evaluate in that order."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, EvaluationQuery, ScoreQuery


class Ranked(AbstractPolicy):
    """Scores a pool once, then evaluates its best at the target rung, best first.

    Args:
        by: Column of a score rung; more is better. The parameter count unless given.
        pool: Architectures scored: all of a space that lists itself, at most this many drawn at random of another.
    """

    name = "ranked"

    def __init__(self, by: str = "params", pool: int = 20_000) -> None:
        self.by = by
        self.pool = pool

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The n best of the ranking that are not evaluated yet."""
        rung = next((rung for rung in state.ladder.scores if self.by in rung.columns), None)
        if rung is None:
            known = [column for rung in state.ladder.scores for column in rung.columns]
            raise ConfigError(
                f"policy 'ranked' must rank by a score of the ladder; got {self.by!r}, it has {', '.join(known) or 'none'}."
            )
        scores = state.scores.get(rung.name, {})
        if not scores:
            return Proposal([ScoreQuery(tuple(self._pool(state, rng)), rung.name)])
        column = rung.columns.index(self.by)
        ranking = sorted(
            (key for key in scores if scores[key][column] is not None), key=lambda key: (-(scores[key][column] or 0.0), key)
        )
        target = state.ladder.target.name
        chosen = [
            EvaluationQuery(state.architectures[key], target, why={"reason": f"rank {place} by {self.by}"})
            for place, key in enumerate(ranking, start=1)
            if (key, target) not in state.excluded and state.affordable(state.architectures[key], target)
        ]
        return Proposal(chosen[:n], reason="" if chosen else f"nothing ranked by {self.by} is new and affordable")

    def _pool(self, state: State, rng: np.random.Generator) -> list[Architecture]:
        everything = state.space.enumerate()
        if everything is None or len(everything) > self.pool:
            everything = list({a.key: a for a in state.space.sample(self.pool, rng)}.values())
        return everything
