from __future__ import annotations

import pytest

from mfsearch.config import StudyConfig
from mfsearch.errors import StudyError
from mfsearch.records import EvaluationQuery
from mfsearch.session.run import start
from mfsearch.session.stored import check_same_config, environment, learned_correlations, look, stored_config
from mfsearch.store.events import Event, EventKind, asked
from mfsearch.store.sql import EventStore


def event(config: StudyConfig) -> Event:
    return Event(0, EventKind.CREATED, {"config": config.model_dump(mode="json")})


def test_a_stored_config_comes_back(branin: StudyConfig):
    assert stored_config("x", [event(branin)]) == branin


def test_a_study_of_a_program_has_none():
    with pytest.raises(StudyError, match=r"study 'x' must have been started by 'mfsearch run'; .* Study\(\.\.\., resume=True\)"):
        stored_config("x", [Event(0, EventKind.CREATED, {"config": {}})])


def test_name_budget_and_execution_may_differ(branin: StudyConfig):
    execution = branin.execution.model_copy(update={"workers": 4})
    check_same_config("x", branin.model_copy(update={"name": "y", "budget": "3h", "execution": execution}), [event(branin)])


def test_what_differs_is_named(branin: StudyConfig):
    other = branin.model_copy(update={"seed": 3, "max_retries": 2})
    with pytest.raises(StudyError, match="seed was 0 and is 3, max_retries was 1 and is 2") as caught:
        check_same_config("x", other, [event(branin)])
    assert "mfsearch resume x" in str(caught.value)


def test_looking_changes_nothing(branin: StudyConfig, storage: str):
    outcome = start(branin, name="mine", storage=storage)
    store = EventStore(storage)
    events = store.events("mine")
    query = EvaluationQuery(look("mine", storage).state.observations[0].query.architecture, "high", 1, {}, 999)
    store.append(
        "mine", len(events), EventKind.ASKED, {"queries": [asked(query, 0.0, 0.0, 0.0)], "memory": {}, "optimiser_seconds": 0.0}
    )
    snapshot = look("mine", storage)
    assert snapshot.recommendation is not None
    assert snapshot.recommendation.architecture.key == outcome.architecture
    assert list(snapshot.state.pending) == [999]
    assert len(store.events("mine")) == len(events) + 1


def test_the_environment_names_versions():
    assert {"python", "platform", "torch", "botorch"} <= set(environment())


def test_the_correlations_that_the_surrogate_has_learned(branin: StudyConfig, storage: str):
    start(
        branin.model_copy(update={"policy": branin.policy.model_copy(update={"use": "cost_aware"})}), name="mine", storage=storage
    )
    events = EventStore(storage).events("mine")
    found = learned_correlations("mine", events)
    assert list(found) == ["low", "high"]
    assert 0 < found["low"] <= found["high"] <= 1
    assert learned_correlations("mine", events[:1]) == {}
    with pytest.raises(StudyError, match="a program made it"):
        learned_correlations("x", [Event(0, EventKind.CREATED, {"config": {}})])
