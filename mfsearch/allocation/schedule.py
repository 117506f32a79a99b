"""What fixed schedules over two rungs share: the pair of rungs, and a warm-up at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.history import Runs, evaluation_rungs, mean_costs, through
from mfsearch.allocation.kept import Kept
from mfsearch.allocation.options import a_share, at_least
from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, Json

WARM_UP = "warm-up, at random"


class AbstractSchedule(AbstractPolicy):
    """A warm-up on a low and a high rung, then co-kriging over the two; scores are neither bought nor used.

    Args:
        low: Architectures of the warm-up on the low rung.
        high: Architectures of the warm-up on the high rung.
        beta: Standard deviations that are added to the posterior mean.
        share: Most of the budget that the warm-up may cost, as a fraction: both numbers shrink alike. None: as given.
        rungs: Names of the low and the high rung; the two highest unless given.
    """

    def __init__(self, low: int, high: int, beta: float, share: float | None, rungs: Sequence[str]) -> None:
        at_least(self.name, 1, low=low, high=high)
        at_least(self.name, 0, beta=beta)
        a_share(self.name, share=share)
        if len(rungs) not in (0, 2):
            raise ConfigError(f"policy {self.name}: rungs must be two names, the low rung and the high one; got {list(rungs)}.")
        self.low, self.high, self.beta, self.share, self.rungs = low, high, beta, share, tuple(rungs)
        self._kept = Kept()

    def pair(self, state: State) -> tuple[Runs, Runs]:
        """History of the low and of the high rung.

        Raises:
            ConfigError: If the ladder lacks them.
        """
        names = evaluation_rungs(self.name, state)
        low, high = self.rungs or names[-2:]
        if low not in names or high not in names or names.index(low) >= names.index(high):
            raise ConfigError(
                f"policy {self.name}: rungs must be two evaluations of the ladder, {', '.join(names)}, the lower one first; "
                f"got {[low, high]}."
            )
        return Runs(state, low), Runs(state, high)

    def planned(self, state: State, low: Runs, high: Runs, rng: np.random.Generator) -> tuple[int, int]:
        """Size of the warm-up on either rung; what the first proposal remembered, once there is one.

        Scaled, it keeps the ratio of the two numbers as nearly as whole runs allow, with one high run at least where that and
        the low ones that belong to it fit into the share; without room for a high run it is low ones alone.
        """
        kept = state.memory.get("warm_up")
        if isinstance(kept, list) and len(kept) == 2 and isinstance(kept[0], int) and isinstance(kept[1], int):
            return kept[0], kept[1]
        if self.share is None:
            return self.low, self.high
        cheap, dear = mean_costs(state, [low.rung, high.rung], rng)
        money = self.share * state.total
        scale = min(1.0, money / (self.low * cheap + self.high * dear))
        highs = int(scale * self.high)
        lows = int(scale * self.low)
        if highs == 0 and dear + cheap <= money:
            highs, lows = 1, min(lows, int((money - dear) / cheap))
        elif highs == 0:
            lows = min(self.low, int(money / cheap))
        return max(lows, 1), highs

    def within(self, state: State, architectures: Sequence[Architecture], rung: str) -> list[Architecture]:
        """Those that the share of the warm-up still pays for, one after the other; all where it is unlimited."""
        if self.share is None:
            return list(architectures)
        left = self.share * state.total - sum(o.seconds for o in state.observations if o.query.why.get("reason") == WARM_UP)
        left -= sum(state.cost(q.architecture, q.rung) for q in state.pending if q.why.get("reason") == WARM_UP)
        found = []
        for a in architectures:
            if (cost := state.cost(a, rung)) <= left:
                found.append(a)
                left -= cost
        return found

    def believe(self, state: State, low: Runs, high: Runs) -> tuple[State, Belief]:
        """The state seen through the two rungs, and the co-kriging posterior in it, which takes the low rung at its word."""
        view = through(state, (low.rung, high.rung))
        return view, Belief(view, self._kept, literal=True)


def memory(sizes: tuple[int, int], belief: Belief | None = None) -> dict[str, Json]:
    """What is remembered: the planned warm-up, and the model's hyper-parameters."""
    kept: dict[str, Json] = {"warm_up": list(sizes)}
    return kept if belief is None else {**kept, "model": dict(belief.memory)}
