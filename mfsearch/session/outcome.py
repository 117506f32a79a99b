"""What a run tells while it goes on, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mfsearch.store.events import Event
from mfsearch.store.state import StudyState


@dataclass(frozen=True)
class Watcher:
    """Who is told how a run goes.

    Attributes:
        on_event: Called with every event after it is stored, and the state after it.
        on_progress: Called with (evaluation id, fraction done, text).
        say: Called with notes for the user, one line each.
    """

    on_event: Callable[[Event, StudyState], None] = lambda event, state: None
    on_progress: Callable[[int, float, str], None] = lambda id, fraction, text: None
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        study: Name of the study.
        architecture: The recommended architecture; None where no evaluation succeeded.
        value: Its figure at the target, as it was measured there; where it was not, as the surrogate expects it.
        expected: The surrogate's expectation.
        interval: 95% interval of the expectation.
        test_accuracy: Percent; None where the problem has none.
        evaluated_at_target: Whether it was evaluated at the target.
        spent_seconds: Device seconds spent.
        budget_seconds: Device seconds of the whole budget.
        observations: Evaluations that have ended, failures too.
        report: The report in Markdown; one in JSON lies beside it.
        weights: Weights of the trained network, where there is one.
        summary: The report as one object.
    """

    study: str
    architecture: str | None
    value: float | None
    expected: float | None
    interval: tuple[float, float] | None
    test_accuracy: float | None
    evaluated_at_target: bool
    spent_seconds: float
    budget_seconds: float
    observations: int
    report: str
    weights: str | None
    summary: Mapping[str, Any]

    @classmethod
    def of(cls, summary: Mapping[str, Any], report: str, weights: str | None) -> Outcome:
        """The outcome that a summary holds."""
        answer, budget = summary["answer"] or {}, summary["budget"]
        interval = answer.get("interval")
        return cls(
            study=summary["study"],
            architecture=answer.get("architecture"),
            value=answer.get("value"),
            expected=answer.get("expected"),
            interval=None if interval is None else (interval[0], interval[1]),
            test_accuracy=answer.get("test_accuracy"),
            evaluated_at_target=bool(answer.get("evaluated_at_target")),
            spent_seconds=budget["spent_seconds"],
            budget_seconds=budget["total_seconds"],
            observations=len(summary["evaluations"]),
            report=report,
            weights=weights,
            summary=summary,
        )

    def to_json(self) -> dict[str, Any]:
        """All of it but the summary, which the report holds."""
        return {key: value for key, value in asdict(self).items() if key != "summary"}
