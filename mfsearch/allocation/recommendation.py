"""What a study answers: the same two rules for every policy."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.candidates import refine
from mfsearch.records import Architecture, Observation, Recommendation, Status


def recommend(state: State, rule: str, belief: Belief | None = None) -> Recommendation | None:
    """The answer as of now.

    Args:
        state: What is known.
        rule: `evaluated`: the best posterior mean among architectures evaluated at the target, where there are any, else among
            those of the highest rung that was used. `predicted`: the best posterior mean at the target of any candidate.
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
    shown, interval = belief.shown(best, last)
    return Recommendation(
        best, shown, interval, any(o.query.architecture == best for o in by_rung[target]), _highest(best, done, state)
    )


def _highest(architecture: Architecture, done: list[Observation], state: State) -> Observation | None:
    order = [rung.name for rung in state.ladder]
    own = [o for o in done if o.query.architecture == architecture]
    return max(own, key=lambda o: (order.index(o.query.rung), o.value or 0.0), default=None)
