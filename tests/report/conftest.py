"""A study with everything in it: scores, a cached teacher, two rungs, failures, cuts, something running, a verdict."""

from __future__ import annotations

import pytest

from mfsearch.records import Architecture, EvaluationQuery, Observation, Recommendation, Status
from mfsearch.store.events import EventKind, asked, told
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState

NASTY = "|a~0|+|b~0|`c`~1|"


def settings(**changes: object) -> dict[str, object]:
    ladder = [
        {"name": "proxies", "kind": "score", "role": "input", "signal": ""},
        {"name": "few", "kind": "evaluation", "role": "level", "signal": "-train_loss"},
        {"name": "full", "kind": "evaluation", "role": "level", "signal": "val_accuracy"},
    ]
    return {
        "space": "toy",
        "ladder": ladder,
        "policy": "random",
        "version": "0.0.1",
        "seed": 7,
        "budget_seconds": 100.0,
        "objective": {"signal": "val_accuracy", "direction": "maximise", "unit": "percent"},
        "recommend": "evaluated",
        "max_retries": 1,
        "charge_optimiser": True,
        "virtual": False,
        "workdir": "work",
        "config": {"problem": "toy", "note": "```"},
        **changes,
    }


class History:
    """Writes a history event by event."""

    def __init__(self, **changes: object) -> None:
        self.store = EventStore()
        self.state = StudyState()
        self.events = [self.store.create("toy-1", settings(**changes))]
        self.state.apply(self.events[0])

    def add(self, kind: EventKind, **payload: object) -> None:
        self.events.append(self.store.append("toy-1", len(self.events), kind, payload))
        self.state.apply(self.events[-1])

    def ask(self, id: int, key: str, rung: str, **why: object) -> EvaluationQuery:
        query = EvaluationQuery(Architecture("toy", (), key), rung, 11, dict(why), id)  # type: ignore[arg-type]
        self.add(EventKind.ASKED, queries=[asked(query, 5.0, 9.0, 4.0)], memory={}, optimiser_seconds=0.5)
        return query

    def tell(
        self, query: EvaluationQuery, seconds: float, status: Status = Status.OK, message: str = "", **values: float
    ) -> None:
        value = values.get("val_accuracy", -values.get("train_loss", 0.0)) if status is Status.OK else None
        self.add(EventKind.TOLD, **told(Observation(query, status, seconds, value, None, values, message)))


@pytest.fixture
def new_history() -> type[History]:
    return History


@pytest.fixture
def history() -> History:
    h = History()
    h.add(EventKind.PREPARED, name="teacher", key="k", seconds=0.0, original_seconds=12.5, details="79.8% validation accuracy")
    batch = {
        "rung": "proxies",
        "columns": ["params"],
        "architectures": [NASTY, "b", "c"],
        "values": [[1.0], [2.0], [None]],
        "seconds": 0.6,
    }
    h.add(EventKind.SCORED, scores=[batch], memory={}, optimiser_seconds=0.25)
    h.tell(h.ask(0, NASTY, "few", reason="at random"), 1.0, train_loss=0.9)
    h.tell(h.ask(1, "b", "few", gain=0.123456, cost=1.0), 2.0, Status.FAILED, "ValueError: bad | thing\nat <line> 2")
    h.tell(h.ask(2, "b", "full", gain_per_second=0.01), 4.0, val_accuracy=71.25, train_loss=0.4)
    h.tell(h.ask(3, "c", "full"), 5.0, val_accuracy=70.0, train_loss=0.5)
    h.tell(h.ask(4, NASTY, "full"), 6.0, val_accuracy=78.5, train_loss=0.3)
    h.tell(h.ask(5, "d", "full"), 9.0, Status.CUT, "stopped after 9.0 s")
    h.add(EventKind.JUDGED, architecture=NASTY, figures={"test_accuracy": 77.77, "regret": 0.5})
    h.ask(6, "e", "few")
    return h


@pytest.fixture
def recommendation(history: History) -> Recommendation:
    observation = history.state.observations[4]
    return Recommendation(observation.query.architecture, 78.1, (77.0, 79.2), True, observation)
