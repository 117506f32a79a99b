"""State is a fold over events: each event moves exactly what it says."""

from __future__ import annotations

from typing import Any

import pytest

from mfsearch.budget import ChargeKind
from mfsearch.errors import StorageError
from mfsearch.records import Status
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import MAX_LOSSES, StudyState

CREATED = {"budget_seconds": 100.0, "charge_optimiser": True, "seed": 0}
DECIDED: dict[str, Any] = {"memory": {"a": 1}, "optimiser_seconds": 0.5}


def asked(id: int, key: str = "x", rung: str = "full", seed: int = 5, **more: Any) -> dict[str, Any]:
    query = {
        "id": id,
        "architecture": key,
        "rung": rung,
        "seed": seed,
        "reserved": 4.0,
        "limit": 50.0,
        "expected": 3.0,
        "why": {},
    }
    return {"queries": [query], **DECIDED, **more}


def told(id: int, status: Status = Status.OK, seconds: float = 3.5, **more: Any) -> dict[str, Any]:
    value = 70.0 if status is Status.OK else None
    figures: dict[str, Any] = {"values": {}, "message": "", "extras": {}, "artifacts": {}, "noise": None}
    return {"id": id, "status": status.value, "seconds": seconds, "value": value, **figures, **more}


def fold(*events: tuple[EventKind, dict[str, Any]]) -> StudyState:
    return StudyState.replay(
        [Event(seq, kind, payload) for seq, (kind, payload) in enumerate([(EventKind.CREATED, CREATED), *events])]
    )


def test_an_evaluation_from_ask_to_tell() -> None:
    state = fold((EventKind.ASKED, asked(0)))
    assert (list(state.pending), state.asked, state.step, state.memory) == ([0], 1, 1, {"a": 1})
    assert state.ledger.free == 49.5  # 100 - 0.5 for the decision - the limit
    assert ("x", "full") in state.excluded(1)
    state.apply(Event(2, EventKind.TOLD, told(0)))
    assert not state.pending
    assert state.observations[0].value == 70.0
    assert state.ledger.spent == 4.0
    assert state.excluded(1) == {("x", "full")}


def test_scores_are_charged_and_kept() -> None:
    batch = {"rung": "proxies", "columns": ["params"], "architectures": ["x", "y"], "values": [[1.0], [None]], "seconds": 2.0}
    state = fold((EventKind.SCORED, {"scores": [batch], **DECIDED}))
    assert state.scores == {"proxies": {"x": (1.0,), "y": (None,)}}
    assert state.ledger.lines()[ChargeKind.SCORE, "proxies"].count == 2
    assert list(state.architectures) == ["x", "y"]


def test_a_repeat_is_no_decision_and_keeps_the_memory() -> None:
    lost = told(0, Status.LOST, retry={"seed": 5})
    state = fold((EventKind.ASKED, asked(0)), (EventKind.TOLD, lost))
    assert [(q.architecture.key, q.seed) for q in state.requeued] == [("x", 5)]
    state.apply(Event(3, EventKind.ASKED, asked(1, memory={}, repeat=True)))
    assert (state.requeued, state.step, state.memory) == ([], 1, {"a": 1})


def test_hopeless_pairs_are_left_out() -> None:
    events = [(EventKind.ASKED, asked(0)), (EventKind.TOLD, told(0, Status.FAILED)), (EventKind.ASKED, asked(1))]
    assert fold(*events[:2]).excluded(max_retries=1) == frozenset()
    assert fold(*events, (EventKind.TOLD, told(1, Status.FAILED))).excluded(max_retries=1) == {("x", "full")}
    lost = [
        event for id in range(MAX_LOSSES + 1) for event in [(EventKind.ASKED, asked(id)), (EventKind.TOLD, told(id, Status.LOST))]
    ]
    assert fold(*lost).excluded(max_retries=1) == {("x", "full")}


def test_what_may_be_evaluated_once_more() -> None:
    seeds, first = {"full": 2}, [(EventKind.ASKED, asked(0)), (EventKind.TOLD, told(0))]
    assert fold(*first).repeatable(seeds, max_retries=1) == {("x", "full")}
    assert fold(*first).repeatable({"full": 1}, max_retries=1) == frozenset()
    again = (EventKind.ASKED, asked(1))
    assert fold(*first, again).repeatable(seeds, max_retries=1) == frozenset()  # it runs
    lost = fold(*first, again, (EventKind.TOLD, told(1, Status.LOST, retry={"seed": 5})))
    assert lost.repeatable(seeds, max_retries=1) == frozenset()  # it waits
    failed = fold(*first, again, (EventKind.TOLD, told(1, Status.FAILED)))
    assert failed.repeatable(seeds, max_retries=1) == {("x", "full")}
    assert failed.repeatable(seeds, max_retries=0) == frozenset()
    assert failed.attempts(("x", "full")) == 2
    assert fold(*first, again, (EventKind.TOLD, told(1))).repeatable(seeds, max_retries=1) == frozenset()


def test_teacher_budget_judgement_and_gifts() -> None:
    gift = {"architecture": "z", "rung": "low", "value": 1.0, "values": {"val_accuracy": 1.0}}
    state = fold(
        (EventKind.PREPARED, {"name": "teacher", "key": "k", "seconds": 0.0, "original_seconds": 12.0}),
        (EventKind.BUDGET, {"total": 200.0}),
        (EventKind.GIVEN, {"origin": "old", "observations": [gift]}),
        (EventKind.JUDGED, {"architecture": "z", "figures": {"test_accuracy": 1.5}}),
        (EventKind.STOPPED, {"reason": "done"}),
    )
    assert (state.prepared[0].original_seconds, state.ledger.total, state.ledger.spent) == (12.0, 200.0, 0.0)
    assert (state.observations[0].query.architecture.key, state.observations[0].seconds) == ("z", 0.0)
    assert (state.judged, state.stopped, state.asked) == ({"z": {"test_accuracy": 1.5}}, "done", 1)


def test_damage_is_named() -> None:
    with pytest.raises(StorageError, match="event 1 is missing: found event 2"):
        StudyState.replay([Event(0, EventKind.CREATED, CREATED), Event(2, EventKind.STOPPED, {"reason": ""})])
    with pytest.raises(StorageError, match=r"event 1 \(told\) cannot be read: KeyError 0"):
        fold((EventKind.TOLD, told(0)))
