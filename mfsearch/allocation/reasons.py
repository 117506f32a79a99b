"""Why an evaluation was chosen: the figures that decided, small enough to be stored with every query.

They are those of the decision itself, rounded: nothing is computed for their sake but the posterior of the one that was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.last_runs import LastRuns
from mfsearch.records import Architecture, EvaluationQuery, Json, Status

Rule = Literal["information", "improvement", "mean"]
"""What a candidate's gain is: of the knowledge gradient over all rungs; of the best among those evaluated at the target; its own
posterior mean at the target is the score."""

_DIGITS: Final = 8  # significant ones
_NEXT: Final = 3  # runners-up of the rung that was chosen; of the others, one
_ROOM: Final = 750  # characters that the runners-up of all rungs may take
_INTERVAL: Final = 1.959964  # half the width of a 95% interval in standard deviations

Vector = NDArray[np.float64]


def contest(
    members: Sequence[Architecture], places: Sequence[int], scores: Vector, costs: Vector, gains: Vector | None = None
) -> dict[str, Json]:
    """How many candidates of a rung were compared, and the best few of them, best first.

    Args:
        members: The pool.
        places: Those of the pool that were compared, m.
        scores: What they were compared by, m.
        costs: Expected device seconds, m.
        gains: What each was expected to bring, m; None where it was not computed.
    """
    best = np.argsort(-scores, kind="stable")[: _NEXT + 1].tolist()
    rows: list[Json] = [
        {
            "architecture": members[places[i]].key,
            "gain": None if gains is None else float(gains[i]),
            "cost": float(costs[i]),
            "score": float(scores[i]),
        }
        for i in best
    ]
    return {"considered": len(places), "best": rows}


def explained(
    query: EvaluationQuery,
    contests: Mapping[str, Mapping[str, Json]],
    state: State,
    belief: Belief,
    rule: Rule,
    pool: int,
    slack: float = 0.0,
    beside: int = 0,
    left_out: Mapping[str, str] | None = None,
    worth: Mapping[str, float] | None = None,
    end: LastRuns | None = None,
) -> EvaluationQuery:
    """The query that was chosen, with what decided.

    Args:
        query: As it was chosen; its `why` holds reason, gain, cost and gain per second, and under `second` the key of the other of two
            runs that were judged together.
        contests: Rung -> its candidates as `contest` tells them, under `pair` gain and cost of two runs there where these were judged.
        state: What was known.
        belief: The posterior that decided.
        rule: What gains and scores are.
        pool: Architectures that those compared were taken from.
        slack: Device seconds added to each cost in the scores within a rung; among the last runs at the target scores are gains.
        beside: How many queries were decided just before, in the same proposal; the belief counts them as running.
        left_out: Rung -> why none of its candidates was judged.
        worth: Rung -> gain per second that the choice between the rungs looked at.
        end: How many runs at the target the budget has room for, where the choice looked at that.
    """
    rungs: dict[str, Json] = {}
    alternatives: list[Json] = []
    room = _ROOM
    for rung in sorted(contests, key=lambda rung: rung != query.rung):
        told = contests[rung]
        first, *others = _rows(told)
        rungs[rung] = {"considered": told["considered"], **first, **({"pair": told["pair"]} if "pair" in told else {})}
        for row in others[: _NEXT if rung == query.rung else 1]:
            room -= len(str(row["architecture"])) + 80
            if room >= 0:
                alternatives.append({"rung": rung, **row})
    rungs.update({rung: {"left_out": reason} for rung, reason in (left_out or {}).items()})
    decision: dict[str, Json] = {
        "rule": rule,
        "slack_seconds": slack,
        "pool": pool,
        "rungs": rungs,
        "alternatives": alternatives,
        "posterior": _posterior(query.architecture, state, belief),
        "incumbent": _incumbent(state),
        "pending": [other.id for other in state.pending],
        "beside": beside,
    }
    if end is not None and end.few:
        decision["last_runs"] = end.to_json()
        decision["unpriced"] = [state.ladder.target.name]
    why = dict(query.why)
    if "second" in why:
        decision["second"] = why.pop("second")
    by_rung = {} if worth is None else {"gain_per_second_by_rung": dict(worth)}
    rounded: dict[str, Json] = _rounded({**why, **by_rung, "decision": decision})
    return replace(query, why=rounded)


def _rows(told: Mapping[str, Any]) -> list[dict[str, Json]]:
    return list(told["best"])


def _posterior(architecture: Architecture, state: State, belief: Belief) -> dict[str, Json]:
    """Median, standard deviation (half a 95% interval over 1.96) and 95% interval at the target, in the objective's unit."""
    level = len(state.ladder.levels) - 1
    mean, (low, high) = belief.shown(architecture, level)
    return {"mean": mean, "sd": (high - low) / (2 * _INTERVAL), "interval": [low, high]}


def _incumbent(state: State) -> dict[str, Json] | None:
    """The best measured evaluation at the target, the first of equals; its figure in the user's orientation."""
    target = state.ladder.target.name
    seen = [o for o in state.observations if o.query.rung == target and o.status is Status.OK and o.value is not None]
    best = max(seen, key=lambda o: o.value or 0.0, default=None)
    return None if best is None else {"evaluation": best.query.id, "figure": state.objective.shown(best.value or 0.0)}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
