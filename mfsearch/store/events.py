"""The events of a study: what happened, as JSON that a person can read.

| kind | written when | payload |
|---|---|---|
| `created` | a study begins | settings, config, budget |
| `budget` | the budget changes | total |
| `prepared` | a shared resource (teacher) is ready | name, key, seconds, original_seconds |
| `scored` | scores were bought | scores, memory, optimiser_seconds |
| `asked` | evaluations were decided and start | queries with limits, memory, optimiser_seconds |
| `told` | an evaluation ended | status, values, seconds, message, ... |
| `given` | observations came from elsewhere (warm start), free of charge | observations |
| `judged` | the recommendation was tested | architecture, figures |
| `stopped` | a run came to its end | reason |
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from mfsearch.errors import StorageError
from mfsearch.records import EvaluationQuery, Json, Observation


class EventKind(StrEnum):
    """What can happen to a study."""

    CREATED = "created"
    BUDGET = "budget"
    PREPARED = "prepared"
    SCORED = "scored"
    ASKED = "asked"
    TOLD = "told"
    GIVEN = "given"
    JUDGED = "judged"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        seq: Place in the study's history, from 0 without gaps.
        kind: What happened.
        payload: The facts; JSON.
        at: Unix time in seconds, for the reader only: nothing is computed from it.
    """

    seq: int
    kind: EventKind
    payload: Mapping[str, Any]
    at: float = 0.0


_decode = json.JSONDecoder().raw_decode


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection within: a long history is many small objects, none of them garbage, gone through again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def dump(payload: Mapping[str, Any]) -> str:
    """JSON of a payload. Not-a-number and infinities become null: they are not JSON, and no reader can use them."""
    written = json.dumps(_finite(payload), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    # Half a surrogate pair (names of files have them) cannot be stored as it is; JSON's escape of it can.
    return written.encode("utf-8", "backslashreplace").decode("utf-8")


def load(text: str) -> dict[str, Any]:
    """The payload of an event.

    Raises:
        StorageError: If it is not a JSON object: the database was damaged.
    """
    try:
        payload = _parsed(text)
    except json.JSONDecodeError as error:
        raise StorageError(
            f"an event must be JSON; got {text[:80]!r} ({error}). The database is damaged: restore a copy."
        ) from error
    if not isinstance(payload, dict):
        raise StorageError(f"an event must be a JSON object; got {text[:80]!r}. The database is damaged: restore a copy.")
    return payload


def _parsed(text: str) -> Any:
    """`json.loads`, in half the time where nothing surrounds the value: a history is many short texts."""
    try:
        value, end = _decode(text)
    except json.JSONDecodeError:
        end = -1
    return value if end == len(text) else json.loads(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item"):  # NumPy and torch scalars that users return
        return _finite(value.item())
    return str(value)


def asked(query: EvaluationQuery, reserved: float, limit: float, expected: float) -> dict[str, Json]:
    """One entry of an `asked` event."""
    return {
        "id": query.id,
        "architecture": query.architecture.key,
        "rung": query.rung,
        "seed": query.seed,
        "reserved": reserved,
        "limit": limit,
        "expected": expected,
        "why": cast(Json, dict(query.why)),
    }


def told(observation: Observation) -> dict[str, Any]:
    """The payload of a `told` event."""
    return {
        "id": observation.query.id,
        "status": observation.status.value,
        "seconds": observation.seconds,
        "value": observation.value,
        "noise": observation.noise,
        "values": dict(observation.values),
        "message": observation.message,
        "extras": dict(observation.extras),
        "artifacts": dict(observation.artifacts),
    }
