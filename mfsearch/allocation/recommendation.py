"""What a study answers: the same two rules for every policy."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.candidates import refine
from mfsearch.records import Architecture, Observation, Recommendation, Status

_AHEAD = 0.5  # standard deviations


def recommend(state: State, rule: str, belief: Belief | None = None) -> Recommendation | None:
    """The answer as of now.

    Args:
        state: What is known.
        rule: `evaluated`: the best posterior mean among architectures evaluated at the target, where there are any, else among
            those of the highest rung that was used. `predicted`: the best posterior mean at the target of any candidate; one that was never
            evaluated there must be ahead of the best of those that were by half a standard deviation of their difference.
        belief: The posterior of this very state, where the caller has it already.

    Returns:
        The recommendation with its 95% interval; None where nothing was evaluated.
    """
    done = [o for o in state.observations if o.status is Status.OK]
    if not done:
        return None
    belief = belief or Belief(state, fit=False)
    last = len(state.ladder.levels) - 1
    by_rung = {rung.name: [o for o in done if o.query.rung == rung.name] for rung in state.ladder.evaluations}
    target = state.ladder.target.name
    if rule == "predicted":
        members = refine(state, belief, np.random.default_rng(0))
        members = list({a.key: a for a in [*members, *(o.query.architecture for o in done)]}.values())
    else:
        highest = next(rung.name for rung in reversed(state.ladder.evaluations) if by_rung[rung.name])
        members = [o.query.architecture for o in by_rung[highest]]
    mean, _ = belief.mean_variance(members, last)
    best = members[int(np.argmax(mean))]
    seen = list({o.query.architecture.key: o.query.architecture for o in by_rung[target]}.values())
    if seen and best not in seen:
        # Of many predictions the best is the one that is wrong in its own favour: it must be more than a little ahead.
        tried = seen[int(np.argmax(belief.mean_variance(seen, last)[0]))]
        ahead, spread = belief.difference(best, tried, last)
        best = best if ahead > _AHEAD * spread else tried
    shown, interval = belief.shown(best, last)
    return Recommendation(best, shown, interval, best in seen, _highest(best, done, state))


def _highest(architecture: Architecture, done: list[Observation], state: State) -> Observation | None:
    order = [rung.name for rung in state.ladder]
    own = [o for o in done if o.query.architecture == architecture]
    return max(own, key=lambda o: (order.index(o.query.rung), o.value or 0.0), default=None)
