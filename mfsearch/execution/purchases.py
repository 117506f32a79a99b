"""What is paid for, as the store writes it: evaluations that begin, scores, shared resources, and what comes for nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mfsearch.errors import BudgetError, ConfigError, EvaluationError, LimitReachedError
from mfsearch.execution.base import value_of
from mfsearch.fidelities.base import AbstractFidelity, AbstractResource, AbstractScore, Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, ScoreQuery
from mfsearch.store.events import asked
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds


def bought(query: ScoreQuery, rung: AbstractFidelity, context: Context) -> dict[str, Any]:
    """Buy scores: one entry of a `scored` event.

    Raises:
        ConfigError: If the rung is no score rung.
        EvaluationError: If it does not return one row an architecture and one figure a column.
        BudgetError: If it takes longer than `context.limit`, the free budget.
    """
    if not isinstance(rung, AbstractScore):
        raise ConfigError(f"scores must come from a score rung; {query.rung!r} is an evaluation. Mend the policy.")
    try:
        scores = rung.score(query.architectures, context)
    except LimitReachedError as error:
        raise BudgetError(
            f"the budget must pay for the scores {query.rung!r} of {len(query.architectures)} architectures; the "
            f"{format_seconds(context.limit)} that were left ran out. Raise --budget, or score less."
        ) from error
    if len(scores.values) != len(query.architectures) or any(len(row) != len(scores.columns) for row in scores.values):
        raise EvaluationError(
            f"rung {query.rung!r} must return one row of {len(scores.columns)} figures for each of {len(query.architectures)} architectures; "
            f"got {len(scores.values)} rows. Mend its score method."
        )
    return {
        "rung": query.rung,
        "columns": list(scores.columns),
        "architectures": [architecture.key for architecture in query.architectures],
        "values": [list(row) for row in scores.values],
        "seconds": scores.seconds,
    }


def reserved(
    queries: Sequence[EvaluationQuery],
    ladder: FidelityLadder,
    cost: Callable[[Architecture, str], float],
    p95: Callable[[Architecture, str], float],
    state: StudyState,
    slots: int,
    deciding: float,
) -> list[dict[str, Any]]:
    """Give queries ids, seeds and shares of what is free: the entries of an `asked` event. What is not affordable is left out.

    Args:
        queries: What to evaluate.
        ladder: The rungs.
        cost: (architecture, rung) -> expected device seconds.
        p95: The same for the 95th percentile.
        state: What is known.
        slots: How many evaluations can run side by side.
        deciding: Seconds that it took to decide, where they are charged: with this very event, so they are no longer free.
    """
    draft = replace(state.ledger, charges=[], reservations=dict(state.ledger.reservations))
    draft.spent = state.ledger.spent + deciding
    entries: list[dict[str, Any]] = []
    longest = {rung.name: rung.longest for rung in ladder.evaluations}
    for query in queries:
        expected = cost(query.architecture, query.rung)
        if expected > draft.free:
            continue
        id = state.asked + len(entries)
        pair = (query.architecture.key, query.rung)
        # A query that comes back keeps its seed if it was lost, and has a new one if it failed.
        again = next((q for q in state.requeued if (q.architecture.key, q.rung) == pair), None)
        seed = again.seed if again else evaluation_seed(int(state.settings["seed"]), *pair, state.attempts(pair))
        reservation = draft.reserve(id, expected, p95(query.architecture, query.rung), slots, longest[query.rung])
        entries.append(asked(replace(query, id=id, seed=seed), reservation.seconds, reservation.limit, expected))
    return entries


def evaluation_seed(study: int, key: str, rung: str, attempt: int) -> int:
    """Seed of an evaluation, 31 bits: it depends on the study's seed and on what is evaluated, not on when."""
    text = f"{study}|{key}|{rung}|{attempt}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big") >> 1


def made_ready(resource: AbstractResource, context: Context) -> dict[str, Any]:
    """Make a shared resource: the payload of a `prepared` event.

    Raises:
        BudgetError: If it costs more than `context.limit`, the free budget.
    """
    expected = resource.expected_cost()
    left = format_seconds(context.limit)
    if expected > context.limit:
        raise BudgetError(
            f"the budget must pay for {resource.name}; it takes about {format_seconds(expected)}, {left} are left. Raise --budget."
        )
    try:
        ready = resource.prepare(context)
    except LimitReachedError as error:
        raise BudgetError(
            f"the budget must pay for {resource.name}; the {left} that were left ran out. Raise --budget."
        ) from error
    return {
        "name": resource.name,
        "key": resource.key,
        "seconds": ready.seconds,
        "original_seconds": ready.original_seconds,
        "details": ready.details,
    }


def as_measurement(result: Measurement | Mapping[str, float] | float, rung: AbstractFidelity) -> Measurement:
    """What a user reports as a measurement: a number stands for the rung's signal."""
    if isinstance(result, Measurement):
        return result
    return Measurement(result if isinstance(result, Mapping) else {rung.signal.removeprefix("-"): float(result)})


def given(
    observations: Sequence[tuple[Architecture, str, Mapping[str, float]]],
    ladder: FidelityLadder,
    objective: Objective,
    origin: str,
) -> list[dict[str, Any]]:
    """Observations from elsewhere: the entries of a `given` event. Rungs that the ladder lacks are left out.

    Raises:
        ConfigError: If none belongs to an evaluation rung of the ladder, or a figure cannot be used.
    """
    rungs = {rung.name: rung for rung in ladder.evaluations}
    rows: list[dict[str, Any]] = []
    for architecture, rung, values in observations:
        if rung in rungs:
            try:
                value = value_of(values, rungs[rung].signal, objective)
            except ValueError as error:
                raise ConfigError(f"warm start: {architecture.key} at {rung!r} in {origin}: {error}.") from error
            rows.append({"architecture": architecture.key, "rung": rung, "value": value, "values": dict(values)})
    if not rows:
        raise ConfigError(f"warm start: {origin} must hold observations of {', '.join(rungs)}; it holds none.")
    return rows
