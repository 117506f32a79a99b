"""A study as one JSON object: the answer, what was spent on it, and why everything was evaluated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mfsearch.budget import ChargeKind
from mfsearch.records import Json, Recommendation, Status
from mfsearch.report.agreement import contributions
from mfsearch.report.views import figure_of, improvements, ladder_of, target_of
from mfsearch.store.events import dump
from mfsearch.store.state import StudyState


def summarise(
    name: str,
    state: StudyState,
    recommendation: Recommendation | None,
    environment: Mapping[str, str] | None = None,
    about: str = "",
) -> dict[str, Any]:
    """Everything that a report says.

    Args:
        name: The study's name.
        state: Its state.
        recommendation: Its answer; None where nothing was evaluated yet.
        environment: What it runs on, for the record.
        about: What was searched, in the problem's own words; empty where it is not known.

    Returns:
        JSON without numbers that are not finite.
    """
    settings = state.settings
    summary = {
        "study": name,
        "about": about,
        "answer": _answer(state, recommendation),
        "stopped": state.stopped,
        "budget": {
            "total_seconds": state.ledger.total,
            "spent_seconds": state.ledger.spent,
            "committed_seconds": state.ledger.committed,
            "simulated": bool(settings["virtual"]),
        },
        "spent": _spent(state),
        "best_so_far": [
            {
                "spent_seconds": spent,
                "evaluation": o.query.id,
                "architecture": o.query.architecture.key,
                "figure": figure_of(state, o),
            }
            for spent, o in improvements(state)
        ],
        "rungs": _rungs(state),
        "contributions": contributions(state),
        "useless": dict(state.memory.get("useless") or {}),
        "evaluations": _evaluations(state),
        "objective": dict(settings["objective"]),
        "target": target_of(state),
        "settings": {key: settings[key] for key in ("space", "policy", "seed", "recommend", "max_retries")},
        "configuration": settings["config"],
        "environment": {"mfsearch": settings["version"], **(environment or {})},
    }
    finite: dict[str, Any] = json.loads(dump(summary))
    return finite


def _answer(state: StudyState, recommendation: Recommendation | None) -> dict[str, Any] | None:
    if recommendation is None:
        return None
    key, observation = recommendation.architecture.key, recommendation.observation
    measured = None if observation is None else figure_of(state, observation)
    judged = dict(state.judged.get(key, {}))
    return {
        "architecture": key,
        "value": measured if recommendation.evaluated_at_target and measured is not None else recommendation.mean,
        "expected": recommendation.mean,
        "interval": list(recommendation.interval),
        "evaluated_at_target": recommendation.evaluated_at_target,
        "evaluation": None if observation is None else observation.query.id,
        "rung": None if observation is None else observation.query.rung,
        "measured": {} if observation is None else dict(observation.values),
        "test_accuracy": judged.get("test_accuracy"),
        "judged": judged,
    }


def _spent(state: StudyState) -> list[dict[str, Json]]:
    originals = {ready.name: ready for ready in state.prepared}
    lines: list[dict[str, Json]] = []
    for (kind, rung), charge in state.ledger.lines().items():
        note = ""
        if kind is ChargeKind.TEACHER and (ready := originals.get(rung)):
            cached = f"cached, originally {ready.original_seconds:.1f} s" if ready.seconds < ready.original_seconds else ""
            note = "; ".join(part for part in (cached, ready.details) if part)
        lines.append({"line": kind.value, "rung": rung, "count": charge.count, "seconds": charge.seconds, "note": note})
    if not state.settings["charge_optimiser"]:
        note = f"took {state.optimiser_seconds:.1f} s, not charged: costs are simulated"
        lines.append({"line": ChargeKind.OPTIMISER.value, "rung": "", "count": state.step, "seconds": 0.0, "note": note})
    return lines


def _rungs(state: StudyState) -> list[dict[str, Json]]:
    rows: list[dict[str, Json]] = []
    for rung in ladder_of(state):
        name = rung["name"]
        done = [o for o in state.observations if o.query.rung == name]
        counts = Counter(o.status for o in done)
        row: dict[str, Json] = {"rung": name, "kind": rung["kind"], "signal": rung["signal"], "role": rung["role"]}
        if rung["kind"] == "score":
            row |= {"ok": len(state.scores.get(name, {}))}
        else:
            row |= {status.value: counts[status] for status in Status}
            row |= {
                "running": sum(query.rung == name for query in state.pending.values()),
                "seconds": sum(o.seconds for o in done),
            }
        rows.append(row)
    return rows


def _evaluations(state: StudyState) -> list[dict[str, Any]]:
    return [
        {
            "evaluation": o.query.id,
            "architecture": o.query.architecture.key,
            "rung": o.query.rung,
            "seed": o.query.seed,
            "status": o.status.value,
            "figure": figure_of(state, o),
            "values": dict(o.values),
            "seconds": o.seconds,
            "expected_seconds": state.expected.get(o.query.id),
            "message": o.message,
            "why": dict(o.query.why),
        }
        for o in state.observations
    ]
