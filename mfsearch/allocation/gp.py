"""A Gaussian process with expected improvement on one rung: Bayesian optimisation as if there were no ladder."""

from __future__ import annotations

import numpy as np

from mfsearch.acquisition.expected_improvement import TargetExpectedImprovement
from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.candidates import pool
from mfsearch.allocation.features import scored
from mfsearch.allocation.history import Runs, evaluation_rung, queries, through
from mfsearch.allocation.kept import Kept
from mfsearch.allocation.options import at_least
from mfsearch.allocation.proxies import first_scores
from mfsearch.errors import ConfigError
from mfsearch.records import EvaluationQuery, Json


class GP(AbstractPolicy):
    """The surrogate of `cost_aware` with a single level, and expected improvement on the best posterior mean evaluated.

    Kernel, priors and warp are the same: what differs from `cost_aware` is what several rungs and the cost bring.

    Args:
        rung: Where everything is evaluated; the target unless given.
        proxies: Whether the ladder's scores are inputs. They are bought for `pool` random architectures first, for at most half
            of the budget, and those are the candidates. Without, the candidates are the space where it can be listed, else a
            sample and what lies around the best.
        pool: Number of architectures that are scored.
        initial: Random evaluations before the model decides.
    """

    name = "gp"

    def __init__(self, rung: str = "", proxies: bool = False, pool: int = 1000, initial: int = 5) -> None:
        at_least(self.name, 1, pool=pool, initial=initial)
        self.rung, self.proxies, self.pool, self.initial = rung, proxies, pool, initial
        self._kept = Kept()

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """Scores where they are used, evaluations at random, then the best expected improvement."""
        runs = Runs(state, evaluation_rung(self.name, state, self.rung))
        inputs = [rung for rung in state.ladder.scores if rung.role == "input"] if self.proxies else []
        if self.proxies and not inputs:
            raise ConfigError(f"policy {self.name}: proxies must be on the ladder; it has none. Add a score rung.")
        if inputs and (scores := first_scores(state, inputs, self.pool, rng)):
            return Proposal(scores, reason="scores of the pool, at random")
        missing = self.initial - len(runs.values) - len(runs.running)
        if missing > 0:
            # The pool was drawn at random: its first are as good as any.
            drawn = [a for a in scored(state).values() if runs.open(a)] if inputs else runs.fresh(min(n, missing), rng)
            if drawn:
                first = queries(drawn[: min(n, missing)], runs.rung, "at random: the surrogate needs a beginning")
                return Proposal(first, state.memory)
        if not runs.values:
            return Proposal(reason="waits for the first values" if runs.running else "nothing new is affordable")
        view = through(state, (*(rung.name for rung in inputs), runs.rung))
        belief = Belief(view, self._kept)
        members = pool(view, belief, rng)
        chosen: list[EvaluationQuery] = []
        while len(chosen) < n:
            taken = {query.architecture.key for query in chosen}
            found = [a for a in members if a.key not in taken and runs.open(a)]
            if not found:
                break
            mean, _ = belief.mean_variance([state.architectures[key] for key in runs.values], 0)
            improvement = belief.gains(TargetExpectedImprovement(belief.model, float(mean.max())), found, 0)
            best = int(np.argmax(improvement))
            why: dict[str, Json] = {"reason": "highest expected improvement", "log_improvement": float(improvement[best])}
            chosen.append(EvaluationQuery(found[best], runs.rung, why=why))
            belief.assume(chosen[-1:])
        kept: dict[str, Json] = {"model": dict(belief.memory)}
        return Proposal(chosen, kept, "" if chosen else "nothing new is affordable")
