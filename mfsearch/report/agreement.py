"""What each rung of a study contributed: what it cost, and how well what it said ranks what the target then measured."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any, Final

import numpy as np
from scipy.stats import spearmanr

from mfsearch.budget import ChargeKind
from mfsearch.records import Status
from mfsearch.report.views import DOUBT, ladder_of, target_of
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds

FEWEST: Final = 4
"""Architectures measured on both from which a rank correlation is given."""


def contributions(state: StudyState) -> list[dict[str, Any]]:
    """Of every rung below the target, in the ladder's order.

    Returns:
        JSON: `rung`; `in_doubt`: whether the policy does not look at its scores; `architectures` that it scored or evaluated; `seconds`
        charged and their `share` of what was spent; `both`: how many of them the target measured, too; `agreement`: figure ->
        Spearman's correlation with the target's values over these (more is
        better for both where the rung is evaluated; scores are taken as they are), None where there are fewer than four or all are equal.
    """
    target = target_of(state)
    truth = _values(state, target)
    spent = state.ledger.spent
    found = []
    for rung in ladder_of(state):
        name = str(rung["name"])
        if name == target:
            continue
        figures = _scores(state, name) if rung["kind"] == "score" else {str(rung["signal"]): _values(state, name)}
        seconds = sum(c.seconds for c in state.ledger.charges if c.rung == name and c.kind is not ChargeKind.TEACHER)
        known = set().union(*figures.values()) if figures else set()
        found.append(
            {
                "rung": name,
                "in_doubt": name in (state.memory.get("unproven") or ()),
                "architectures": len(state.scores.get(name, {})) if rung["kind"] == "score" else len(known),
                "seconds": seconds,
                "share": seconds / spent if spent else 0.0,
                "both": len(known & truth.keys()),
                "agreement": {figure: _agreement(values, truth) for figure, values in figures.items()},
            }
        )
    return found


def contribution(found: Mapping[str, Any], target: str) -> tuple[str, str, str, str]:
    """An entry of `contributions` in words: how many architectures, what they cost, their share, and what ranks like the target."""
    told = [f"{figure} {r:.2f}" for figure, r in found["agreement"].items() if r is not None]
    doubt = f"{DOUBT}; " if found["in_doubt"] else ""
    over = f"over the {found['both']} measured at {target}, too"
    agreement = doubt + (f"{', '.join(told)} {over}" if told else f"too few, or too equal, {over}")
    return f"{found['architectures']:,}", format_seconds(found["seconds"]), f"{100 * found['share']:.0f}%", agreement


def _values(state: StudyState, rung: str) -> dict[str, float]:
    """Architecture -> mean value of what ended well there."""
    found: dict[str, list[float]] = {}
    for o in state.observations:
        if o.query.rung == rung and o.status is Status.OK and o.value is not None:
            found.setdefault(o.query.architecture.key, []).append(o.value)
    return {key: fmean(values) for key, values in found.items()}


def _scores(state: StudyState, rung: str) -> dict[str, dict[str, float]]:
    """Column -> architecture -> score; what is undefined is left out."""
    rows = state.scores.get(rung, {})
    found: dict[str, dict[str, float]] = {}
    for place, column in enumerate(state.score_columns.get(rung, ())):
        found[column] = {key: score for key, row in rows.items() if (score := row[place]) is not None}
    return found


def _agreement(values: Mapping[str, float], truth: Mapping[str, float]) -> float | None:
    pairs = np.array([[values[key], truth[key]] for key in truth if key in values])
    if len(pairs) < FEWEST or (np.ptp(pairs, axis=0) == 0).any():
        return None
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
