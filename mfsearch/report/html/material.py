"""What a page is made from: the study's summary, and the figures behind it that the summary leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mfsearch.records import Diagnosis, Objective
from mfsearch.report.html.text import hover
from mfsearch.report.markdown import reason
from mfsearch.report.views import known_at, show_figure
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds

CURVE = "_curve"
"""How the names of extras end that hold a figure for every epoch."""


@dataclass(frozen=True)
class Curve:
    """A figure of one evaluation, epoch by epoch.

    Attributes:
        name: Of the figure, such as `train_loss`.
        place: The evaluation's place in the summary.
        figures: One an epoch.
    """

    name: str
    place: int
    figures: tuple[float, ...]


@dataclass(frozen=True)
class Material:
    """Everything that a page shows of one study.

    Attributes:
        summary: `summarise`'s object.
        known_at: For each of its evaluations, device seconds spent when it had ended.
        columns: Score rung -> names of its scores.
        scores: Score rung -> architecture key -> one figure a column, None where it is missing.
        curves: Every learning curve that was stored.
        diagnosis: How far the surrogate can be trusted; None where it was not asked or knows nothing.
    """

    summary: Mapping[str, Any]
    known_at: Sequence[float]
    columns: Mapping[str, Sequence[str]]
    scores: Mapping[str, Mapping[str, Sequence[float | None]]]
    curves: Sequence[Curve]
    diagnosis: Diagnosis | None = None

    @property
    def objective(self) -> Objective:
        """What was searched."""
        return Objective(**self.summary["objective"])

    @property
    def evaluations(self) -> Sequence[Mapping[str, Any]]:
        """Evaluations that have ended, in order."""
        found: Sequence[Mapping[str, Any]] = self.summary["evaluations"]
        return found

    @property
    def target(self) -> str:
        """The rung that decides."""
        return str(self.summary["target"])

    @property
    def signals(self) -> dict[str, str]:
        """Evaluation rung -> its signal, without the sign; cheapest first."""
        return {
            str(rung["rung"]): str(rung["signal"]).removeprefix("-")
            for rung in self.summary["rungs"]
            if rung["kind"] == "evaluation"
        }

    def of_rung(self, rung: str) -> list[int]:
        """Places of the evaluations at a rung that brought a figure."""
        return [
            i for i, e in enumerate(self.evaluations) if e["rung"] == rung and e["status"] == "ok" and e["figure"] is not None
        ]

    def told(self, place: int, *, why: bool = False, **more: object) -> str:
        """The hover text of an evaluation: which it is, what it brought, and on request why it was made."""
        e = self.evaluations[place]
        figure = show_figure(self.objective, e["figure"], self.signals[e["rung"]])
        what = (
            f"#{e['evaluation']} at {e['rung']}: {figure if e['status'] == 'ok' else e['status']}, {format_seconds(e['seconds'])}"
        )
        lines: dict[str, object] = {"": what, "architecture": e["architecture"], **more}
        return hover(lines | {"why": reason(e["why"])} if why else lines)


def gather(summary: Mapping[str, Any], state: StudyState, diagnosis: Diagnosis | None = None) -> Material:
    """Collect a page's material.

    Args:
        summary: `summarise`'s object of this very state.
        state: The study's state.
        diagnosis: What `mfsearch.allocation.diagnosis` found, where it was asked.
    """
    curves = []
    for place, observation in enumerate(state.observations):
        for name, figures in observation.extras.items():
            if not name.endswith(CURVE) or not isinstance(figures, list):
                continue
            numbers = tuple(float(f) for f in figures if isinstance(f, int | float))
            if len(numbers) == len(figures) and len(numbers) > 1:
                curves.append(Curve(name.removesuffix(CURVE), place, numbers))
    return Material(summary, known_at(state), dict(state.score_columns), state.scores, curves, diagnosis)
