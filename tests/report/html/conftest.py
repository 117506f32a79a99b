"""Material of studies: one with everything in it, one without anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mfsearch.records import Architecture, Check, Diagnosis, Recommendation
from mfsearch.report.html.material import Material, gather
from mfsearch.report.summary import summarise
from mfsearch.store.events import EventKind

Make = Callable[..., Material]


@pytest.fixture
def material(history, recommendation) -> Material:
    diagnosis = Diagnosis({"few": 0.5}, (Check(0, "few", 0.9, 1.0, (0.8, 1.2), 1.0),))
    summary = summarise("toy-1", history.state, recommendation, {"python": "3"}, "A toy")
    return gather(summary, history.state, diagnosis)


@pytest.fixture
def empty(new_history) -> Material:
    state = new_history().state
    return gather(summarise("toy-1", state, None), state)


@pytest.fixture
def make(new_history) -> Make:
    """Material of a study of the given evaluations at `few` and `full`: (key, rung, seconds, figure, why)."""

    def made(
        rows: list[tuple[str, str, float, float, dict[str, Any]]],
        scores: dict[str, tuple[float | None, ...]] | None = None,
        columns: tuple[str, ...] = ("params", "flops"),
        diagnosis: Diagnosis | None = None,
        recommended: int | None = None,
        name: str = "toy-1",
        score_rung: str = "proxies",
        **changes: Any,
    ) -> Material:
        h = new_history(**changes)
        if scores:
            batch = {
                "rung": score_rung,
                "columns": list(columns),
                "architectures": list(scores),
                "values": [list(row) for row in scores.values()],
                "seconds": 0.0,
            }
            h.add(EventKind.SCORED, scores=[batch], memory={}, optimiser_seconds=0.0)
        for number, (key, rung, seconds, figure, why) in enumerate(rows):
            signal = "val_accuracy" if rung == "full" else "train_loss"
            h.tell(h.ask(number, key, rung, **why), seconds, **{signal: figure})
        found = None
        if recommended is not None:
            o = h.state.observations[recommended]
            figure = rows[recommended][3]
            found = Recommendation(Architecture("toy", (), rows[recommended][0]), figure, (figure - 1, figure + 1), True, o)
        return gather(summarise(name, h.state, found), h.state, diagnosis)

    return made


@pytest.fixture
def figure_of() -> Callable[[Any], Any]:
    """A chart's figure as the page holds it."""
    return lambda chart: json.loads(chart.figure.to_json())
