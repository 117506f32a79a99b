"""The schedule of MF-ASC: co-kriging, and runs on the low and the high rung by turns.

As its public implementation does it (module `mfasc` of the toolkit vega), with two of its faults mended: a low run takes the
largest bound, not the smallest, and the bound is that of the low rung.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfsearch.allocation.base import Proposal, State
from mfsearch.allocation.history import queries
from mfsearch.allocation.options import at_least
from mfsearch.allocation.schedule import WARM_UP, AbstractSchedule, memory
from mfsearch.records import EvaluationQuery, Json


class MFASC(AbstractSchedule):
    """A random warm-up on each rung; then every `ratio`-th run is a high one, the others are low ones.

    A high run takes the largest mu_H + beta sigma_H of `candidates` random architectures, a low one the largest
    mu_L + sign(rho) beta sigma_L: with a low rung that runs against the high one, it shuns what is uncertain.

    Args:
        low: Random architectures on the low rung.
        high: Random architectures on the high rung, drawn independently.
        ratio: Run t is a high one where t is a multiple of it.
        beta: Standard deviations that are added to the posterior mean.
        candidates: Random architectures that are looked at for each run.
        share: Most of the budget that the warm-up may cost, as a fraction: both numbers shrink alike. None: as published.
        rungs: Names of the low and the high rung; the two highest unless given.
    """

    name = "mfasc"

    def __init__(
        self,
        low: int = 10,
        high: int = 3,
        ratio: int = 2,
        beta: float = 1.0,
        candidates: int = 1000,
        share: float | None = None,
        rungs: Sequence[str] = (),
    ) -> None:
        super().__init__(low, high, beta, share, rungs)
        at_least(self.name, 1, ratio=ratio, candidates=candidates)
        self.ratio, self.candidates = ratio, candidates

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The warm-up, high runs first; then by turns."""
        low, high = self.pair(state)
        planned = self.planned(state, low, high, rng)
        for runs, size in ((high, planned[1]), (low, planned[0])):
            missing = size - len({q.architecture.key for q in runs.queries if q.why.get("reason") == WARM_UP})
            if missing > 0 and (drawn := self.within(state, runs.fresh(min(n, missing), rng), runs.rung)):
                return Proposal(queries(drawn, runs.rung, WARM_UP), memory(planned), WARM_UP)
        if not low.values and not high.values:
            waits = low.running or high.running
            return Proposal(reason="waits for the warm-up" if waits else "nothing is known, and nothing is affordable")
        _, belief = self.believe(state, low, high)
        chosen: list[EvaluationQuery] = []
        step = sum(len(runs.values) + len(runs.running) for runs in (low, high)) + 1
        while len(chosen) < n:
            turn = (high, low) if (step + len(chosen)) % self.ratio == 0 else (low, high)
            taken = {query.architecture.key for query in chosen}
            runs, drawn = next(((r, found) for r in turn if (found := r.fresh(self.candidates, rng, taken))), (low, []))
            if not drawn:
                break
            level = int(runs is high)
            mean, variance = belief.mean_variance(drawn, level)
            sign = 1.0 if runs is high or belief.model.correlation(0) >= 0 else -1.0
            best = int(np.argmax(mean + sign * self.beta * np.sqrt(variance)))
            why: dict[str, Json] = {"reason": f"highest bound, turn of {runs.rung}", "mean": float(mean[best])}
            chosen.append(EvaluationQuery(drawn[best], runs.rung, why=why))
            belief.assume(chosen[-1:])
        return Proposal(chosen, memory(planned, belief), "" if chosen else "nothing new is affordable")
