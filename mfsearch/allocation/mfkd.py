"""The schedule of MF-KD (Trofimov et al., "Multi-fidelity Neural Architecture Search with Knowledge Distillation", 2020).

Its two fidelities were an epoch with a teacher and twelve without. Here they are any two rungs of a ladder: what is kept is
the schedule and the co-kriging, not the training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfsearch.allocation.base import Proposal, State
from mfsearch.allocation.candidates import pool
from mfsearch.allocation.history import Runs, queries
from mfsearch.allocation.schedule import WARM_UP, AbstractSchedule, memory
from mfsearch.errors import ConfigError
from mfsearch.records import EvaluationQuery, Json


class MFKD(AbstractSchedule):
    """A nested random warm-up on both rungs, then the upper confidence bound on the high rung; no more low runs.

    Args:
        low: Random architectures on the low rung.
        high: How many of them, the first, go to the high rung, too.
        beta: Standard deviations in the upper confidence bound.
        share: Most of the budget that the warm-up may cost, as a fraction: both numbers shrink alike. None: as published,
            whatever it costs.
        rungs: Names of the low and the high rung; the two highest unless given.
    """

    name = "mfkd"

    def __init__(
        self, low: int = 100, high: int = 20, beta: float = 1.0, share: float | None = None, rungs: Sequence[str] = ()
    ) -> None:
        super().__init__(low, high, beta, share, rungs)
        if high > low:
            raise ConfigError(f"policy {self.name}: high must be at most low, {low}: the high set is part of it; got {high}.")

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """Low runs, then high runs of the same architectures, then the best upper confidence bounds."""
        low, high = self.pair(state)
        planned = self.planned(state, low, high, rng)
        warming = self._warm_up(state, low, high, planned, n, rng)
        if warming:
            return Proposal(warming, memory(planned), WARM_UP)
        if not low.values and not high.values:
            waits = low.running or high.running
            return Proposal(reason="waits for the warm-up" if waits else "nothing is known, and nothing is affordable")
        view, belief = self.believe(state, low, high)
        members = pool(view, belief, rng)
        chosen: list[EvaluationQuery] = []
        for _ in range(n):
            taken = {query.architecture.key for query in chosen}
            found = [a for a in members if a.key not in taken and high.open(a)]
            if not found:
                break
            mean, variance = belief.mean_variance(found, 1)
            best = int(np.argmax(mean + self.beta * np.sqrt(variance)))
            why: dict[str, Json] = {"reason": "highest upper confidence bound", "mean": float(mean[best])}
            chosen.append(EvaluationQuery(found[best], high.rung, why=why))
            belief.assume(chosen[-1:])
        return Proposal(chosen, memory(planned, belief), "" if chosen else "no run on the high rung is affordable")

    def _warm_up(
        self, state: State, low: Runs, high: Runs, planned: tuple[int, int], n: int, rng: np.random.Generator
    ) -> list[EvaluationQuery]:
        begun = {q.architecture.key: q.architecture for q in low.queries if q.why.get("reason") == WARM_UP}
        missing = planned[0] - len(begun)
        if missing > 0 and (drawn := self.within(state, low.fresh(min(n, missing), rng), low.rung)):
            return queries(drawn, low.rung, WARM_UP)
        running = {q.architecture.key for q in low.running}
        asked = len({q.architecture.key for q in high.queries if q.why.get("reason") == WARM_UP})
        nested = [a for key, a in begun.items() if (key in low.values or key in running) and high.open(a)]
        return queries(self.within(state, nested[: min(n, max(planned[1] - asked, 0))], high.rung), high.rung, WARM_UP)
