"""The last runs at the target are few and dear: what may cost one of them.

The knowledge gradient weighs one query against another by gain per second. Near the end seconds are not alike: a lower run that takes more of
them than the last runs at the target leave over costs a whole one of these.
Among candidates at the target a lower price buys nothing, on the other hand: there are as many runs whichever comes next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mfsearch.records import EvaluationQuery, Json

_FEW = 4  # runs at the target from which on it does not matter whether there is one more
_COMPARED = 3  # architectures to be told apart at the target, at least: where fewer can be, the lower levels decide
_DEARER = 10.0  # what a lower run gains it gains once; its like, for as long as a run at the target takes, gain ever less


@dataclass(frozen=True)
class LastRuns:
    """How many runs at the target the budget still has room for.

    Attributes:
        affordable: Their number; of the architectures that are expected to be best, best first.
        over: Device seconds that they leave over.
        made: Runs at the target that were made or are under way.
    """

    affordable: int
    over: float
    made: int

    @classmethod
    def of(cls, prices: Iterable[float], left: float, made: int) -> LastRuns:
        """From the prices of runs at the target in device seconds, in the order in which they would be made, and what is left.

        The first that no longer fits behind those before it ends the count.
        """
        affordable, over = 0, left
        for price in prices:
            if price > over:
                break
            affordable, over = affordable + 1, over - price
        return cls(affordable, over, made)

    @property
    def few(self) -> bool:
        """Whether there is an end to be seen."""
        return 1 <= self.affordable <= _FEW

    @property
    def compare(self) -> bool:
        """Whether they are enough to tell near-best architectures apart."""
        return self.made + self.affordable >= _COMPARED

    def choose(self, found: Sequence[EvaluationQuery], target: str) -> EvaluationQuery:
        """The query to make, of the best of each rung: the one that gains most per second, but for the end.

        Args:
            found: At least one query; their `why` has cost and gain per second.
            target: Name of the target rung.
        """
        best = max(found, key=rate)
        at_target = max((q for q in found if q.rung == target), key=rate, default=None)
        if at_target is None or best is at_target or not (self.few and self.compare):
            return best
        if cost(best) <= self.over or rate(best) >= _DEARER * rate(at_target):
            return best
        reason = "what gains more would cost one of the last runs at the target"
        return replace(at_target, why={**at_target.why, "reason": reason})

    def to_json(self) -> dict[str, Json]:
        """What decided, for `why`."""
        return {"affordable": self.affordable, "over_seconds": self.over, "made": self.made}


def rate(query: EvaluationQuery) -> float:
    """Gain per device second."""
    return float(query.why["gain_per_second"])  # type: ignore[arg-type]


def cost(query: EvaluationQuery) -> float:
    """Expected device seconds."""
    return float(query.why["cost"])  # type: ignore[arg-type]
