"""Small questions that every view of a study asks: what is the target, what is best so far, how is a figure written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mfsearch.budget import ChargeKind
from mfsearch.records import Objective, Observation, Status
from mfsearch.store.state import StudyState

DOUBT: Final = "not looked at: it is not known to tell more than the other scores"
"""Of a score rung that the policy has in doubt."""


def objective_of(state: StudyState) -> Objective:
    """What the study searches."""
    return Objective(**state.settings["objective"])


def ladder_of(state: StudyState) -> list[Mapping[str, Any]]:
    """The rungs as they were when the study began: name, kind, role and signal of each, the target last."""
    return list(state.settings["ladder"])


def target_of(state: StudyState) -> str:
    """Name of the rung that decides."""
    return str(ladder_of(state)[-1]["name"])


def figure_of(state: StudyState, observation: Observation) -> float | None:
    """The figure that the rung's signal names, as it was measured; None where the evaluation brought none."""
    signals = {rung["name"]: str(rung["signal"]).removeprefix("-") for rung in ladder_of(state)}
    return observation.values.get(signals[observation.query.rung])


def incumbent_of(state: StudyState) -> Observation | None:
    """The best measured evaluation at the target, the first of equals."""
    done = [o for o in state.observations if o.query.rung == target_of(state) and o.status is Status.OK and o.value is not None]
    return max(done, key=lambda o: -math.inf if o.value is None else o.value, default=None)


def known_at(state: StudyState) -> list[float]:
    """Device seconds spent when each evaluation had ended, one an observation; what was given (warm start) was known at 0."""
    spent_after, spent = [], 0.0
    for charge in state.ledger.charges:
        spent += charge.seconds
        if charge.kind is ChargeKind.EVALUATION:
            spent_after.append(spent)
    paid = iter(spent_after)
    return [next(paid) if observation.query.id in state.expected else 0.0 for observation in state.observations]


def improvements(state: StudyState) -> Iterator[tuple[float, Observation]]:
    """(seconds spent when it was known, evaluation) of every evaluation at the target that was better than all before it."""
    best, target = -math.inf, target_of(state)
    for known, observation in zip(known_at(state), state.observations, strict=True):
        if observation.query.rung == target and observation.value is not None and observation.value > best:
            best = observation.value
            yield known, observation


def show_figure(objective: Objective, figure: float | None, name: str | None = None) -> str:
    """A figure for a reader: two decimals and a percent sign for percentages, four decimals for fractions.

    Args:
        objective: Gives the unit of its own signal; other signals have none.
        figure: As it was measured.
        name: Name of the signal; None is the objective's.
    """
    if figure is None:
        return "-"
    unit = objective.unit if name is None or name == objective.signal else "none"
    return {"percent": f"{figure:.2f}%", "fraction": f"{figure:.4f}"}.get(unit, f"{figure:.5g}")
