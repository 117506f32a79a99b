"""Studies that exist: with which config they were started, and how they stand."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.diagnosis import diagnose
from mfsearch.allocation.recommendation import recommend
from mfsearch.allocation.view import view
from mfsearch.build import build_problem
from mfsearch.config import StudyConfig, config_hash
from mfsearch.errors import StudyError
from mfsearch.problems.base import Problem
from mfsearch.records import Diagnosis, Recommendation, Status
from mfsearch.store.events import Event
from mfsearch.store.location import default_storage, home
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.surrogate.threads import one_thread

_MAY_DIFFER = {"name", "budget", "execution"}


@dataclass(frozen=True)
class Snapshot:
    """A study as it is now, with its answer.

    Attributes:
        name: Its name.
        state: Its state.
        problem: What it searches.
        recommendation: Its answer; None where nothing was evaluated yet.
        diagnosis: How far its surrogate can be trusted; None where there is no answer.
    """

    name: str
    state: StudyState
    problem: Problem
    recommendation: Recommendation | None
    diagnosis: Diagnosis | None = None


def look(name: str, storage: str | None = None, allow_code: bool = False) -> Snapshot:
    """Look at a study, which may be running, without touching it.

    Raises:
        StudyError: If there is no such study, or a program made it without a config.
    """
    store = EventStore(storage or default_storage())
    events = store.events(name)
    store.close()
    config = stored_config(name, events)
    problem = build_problem(config, home(), allow_code)
    state = StudyState.replay(events, problem.space.parse)
    recommendation = diagnosis = None
    if (found := _surrogate(state, problem)) is not None:
        known, belief = found
        with one_thread():
            recommendation, diagnosis = recommend(known, state.settings["recommend"], belief), diagnose(known, belief)
    return Snapshot(name, state, problem, recommendation, diagnosis)


def learned_correlations(name: str, events: Sequence[Event], allow_code: bool = False) -> dict[str, float]:
    """Correlation of each level's observations with the target, as the surrogate has learned it from a study by now.

    Returns:
        By rung; those that enter the surrogate as inputs have none. Empty where nothing was evaluated yet.

    Raises:
        StudyError: If a program made the study, without a config.
    """
    problem = build_problem(stored_config(name, events), home(), allow_code)
    state = StudyState.replay(events, problem.space.parse)
    if (found := _surrogate(state, problem)) is None:
        return {}
    model = found[1].model
    return {rung.name: model.correlation(level) for level, rung in enumerate(problem.ladder.levels)}


def stored_config(name: str, events: Sequence[Event]) -> StudyConfig:
    """The config that a study was started with.

    Raises:
        StudyError: If it has none: a program made it.
    """
    config = events[0].payload.get("config")
    if not config:
        raise StudyError(
            f"study {name!r} must have been started by 'mfsearch run'; a program made it, and only that can open it. "
            "Use Study(..., resume=True) there."
        )
    return StudyConfig.model_validate(config)


def check_same_config(name: str, config: StudyConfig, events: Sequence[Event]) -> None:
    """Check that a study was started with this config (its name, budget and execution may differ).

    Raises:
        StudyError: If it was not; the message names the keys that differ.
    """
    stored = stored_config(name, events)
    if config_hash(stored) == config_hash(config):
        return
    before, now = (dict(_leaves(c.model_dump(mode="json", exclude=_MAY_DIFFER))) for c in (stored, config))
    keys = [key for key in dict.fromkeys([*before, *now]) if before.get(key) != now.get(key)]
    differ = ", ".join(f"{key} was {before.get(key)!r} and is {now.get(key)!r}" for key in keys[:5])
    raise StudyError(
        f"a study must keep its config; {name!r} exists with another config: {differ}. Choose another --study, or go on with it "
        f"as it is: mfsearch resume {name}"
    )


def environment() -> dict[str, str]:
    """What a run depends on beside its config."""
    libraries = {library: version(library) for library in ("torch", "botorch", "gpytorch", "numpy")}
    return {"python": platform.python_version(), "platform": platform.platform(), "cores": str(os.cpu_count()), **libraries}


def _surrogate(state: StudyState, problem: Problem) -> tuple[State, Belief] | None:
    """What is known of a study, and the posterior that answers for it; what runs is no part of it. None where nothing was evaluated."""
    if not any(o.status is Status.OK for o in state.observations):
        return None
    known = replace(view(state, problem.space, problem.ladder), pending=())
    with one_thread():
        return known, Belief(known, fit=False)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything in nested mappings and lists."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{key}.{index}")
    else:
        yield key, value
