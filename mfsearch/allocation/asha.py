"""Asynchronous successive halving (Li et al., MLSys 2020): promote whenever somebody may be, else widen the base."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.halving import ratios
from mfsearch.allocation.history import Runs, evaluation_rungs, mean_costs
from mfsearch.errors import ConfigError
from mfsearch.records import EvaluationQuery

_ROUND_OFF = 1e-9


class ASHA(AbstractPolicy):
    """From the top rung down: the best that is among the top 1/eta of its rung and was not promoted goes up; else a new one in.

    Never waits. A promotion is a separate run, charged in full.

    Args:
        eta: Rate of selection. None: the ratio of the rungs' costs, so that each rung costs about the same.
    """

    name = "asha"

    def __init__(self, eta: float | None = None) -> None:
        if eta is not None and not eta > 1:
            raise ConfigError(f"policy {self.name}: eta must be above 1, or left out; got {eta}.")
        self.eta = eta

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """Promotions first, highest rung first; the other queries are new architectures on the lowest rung."""
        runs = [Runs(state, rung) for rung in evaluation_rungs(self.name, state)]
        # The same sample every time: the luck of the draw must not move the line between promoted and not.
        steps = ratios(mean_costs(state, [run.rung for run in runs], np.random.default_rng(0)), self.eta)
        chosen: list[EvaluationQuery] = []
        for below, above, step in reversed(list(zip(runs[:-1], runs[1:], steps, strict=True))):
            best = sorted(below.values, key=lambda key: -below.values[key])[: int(len(below.values) / step + _ROUND_OFF)]
            for place, key in enumerate(best, start=1):
                architecture = state.architectures[key]
                if len(chosen) < n and above.open(architecture):
                    why = {"reason": f"number {place} of {len(below.values)} on {below.rung}"}
                    chosen.append(EvaluationQuery(architecture, above.rung, why=why))
        base = runs[0]
        for a in base.fresh(n - len(chosen), rng):
            chosen.append(EvaluationQuery(a, base.rung, why={"reason": "drawn at random: nobody may be promoted"}))
        return Proposal(chosen, reason="" if chosen else "nothing new is affordable")
