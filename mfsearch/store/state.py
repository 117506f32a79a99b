"""A study's state: a fold over its events, so that resuming is replaying."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mfsearch.budget import Charge, ChargeKind, Ledger, Reservation
from mfsearch.errors import StorageError
from mfsearch.records import Architecture, EvaluationQuery, Observation, Status
from mfsearch.store.events import Event, uncollected


@dataclass(frozen=True, slots=True)
class Prepared:
    """A shared resource (teacher) that is ready: seconds charged, and what it cost when it was made."""

    name: str
    key: str
    seconds: float
    original_seconds: float
    details: str


@dataclass
class StudyState:
    """Everything known about a study.

    Attributes:
        parse: Key -> architecture; without a space at hand, an architecture without genotype.
        settings: Payload of the `created` event.
        ledger: The books.
        architectures: Every architecture ever scored or asked, by key, in order of appearance.
        scores: Rung -> key -> one figure a column.
        score_columns: Rung -> names of the columns.
        observations: Ended evaluations, in order.
        told_at: Unix time in seconds when each of them was stored; for readers only.
        pending: Evaluations that were asked and have not ended, by id.
        owners: The process that runs each of them, by id; empty where the event does not say.
        expected: Expected cost of every evaluation when it was asked, by id.
        requeued: Evaluations to repeat: lost ones with their seed, failed ones with a new one.
        runs: (key, rung) -> how often it was evaluated.
        failures: (key, rung) -> how often it failed.
        losses: (key, rung) -> how often it was lost.
        memory: What the policy remembers.
        step: Number of proposals so far.
        asked: Number of evaluations so far; the next id.
        optimiser_seconds: Time spent deciding, charged or not.
        prepared: Shared resources that are ready.
        judged: Figures of the recommended architecture that no search saw, by architecture key.
        stopped: Why the last run ended; empty while one goes on.
        events: Number of events folded in.
    """

    parse: Callable[[str], Architecture] = lambda key: Architecture("unknown", (), key)
    settings: Mapping[str, Any] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=lambda: Ledger(0.0))
    architectures: dict[str, Architecture] = field(default_factory=dict)
    scores: dict[str, dict[str, tuple[float | None, ...]]] = field(default_factory=dict)
    score_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    observations: list[Observation] = field(default_factory=list)
    told_at: list[float] = field(default_factory=list)
    pending: dict[int, EvaluationQuery] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    expected: dict[int, float] = field(default_factory=dict)
    requeued: list[EvaluationQuery] = field(default_factory=list)
    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    failures: dict[tuple[str, str], int] = field(default_factory=dict)
    losses: dict[tuple[str, str], int] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    step: int = 0
    asked: int = 0
    optimiser_seconds: float = 0.0
    prepared: list[Prepared] = field(default_factory=list)
    judged: dict[str, Mapping[str, float]] = field(default_factory=dict)
    stopped: str = ""
    events: int = 0

    @classmethod
    def replay(cls, events: Iterable[Event], parse: Callable[[str], Architecture] | None = None) -> StudyState:
        """Fold a history from its beginning."""
        state = cls() if parse is None else cls(parse=parse)
        with uncollected():
            for event in events:
                state.apply(event)
        return state

    def apply(self, event: Event) -> None:
        """Fold one event in.

        Raises:
            StorageError: If it does not follow from the history: an event is missing or damaged.
        """
        if event.seq != self.events:
            raise StorageError(
                f"event {self.events} is missing: found event {event.seq} in its place. The database is damaged: restore a copy."
            )
        try:
            getattr(self, f"_{event.kind}")(event.payload)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StorageError(
                f"event {event.seq} ({event.kind.value}) cannot be read: {type(error).__name__} {error}. The database is damaged, "
                "or was written by a newer mfsearch."
            ) from error
        self.told_at += [event.at] * (len(self.observations) - len(self.told_at))
        self.events += 1

    def _created(self, payload: Mapping[str, Any]) -> None:
        self.settings = payload
        self.ledger.total = float(payload["budget_seconds"])

    def _budget(self, payload: Mapping[str, Any]) -> None:
        self.ledger.total = float(payload["total"])
        self.stopped = ""

    def _prepared(self, payload: Mapping[str, Any]) -> None:
        ready = Prepared(
            payload["name"], payload["key"], payload["seconds"], payload["original_seconds"], payload.get("details", "")
        )
        self.prepared.append(ready)
        self.ledger.charge(Charge(ChargeKind.TEACHER, ready.seconds, ready.name))

    def _decided(self, payload: Mapping[str, Any]) -> None:
        seconds = float(payload["optimiser_seconds"])
        self.optimiser_seconds += seconds
        if self.settings.get("charge_optimiser"):
            self.ledger.charge(Charge(ChargeKind.OPTIMISER, seconds))
        self.stopped = ""
        if not payload.get("repeat"):  # a repeated evaluation is no new decision: the sequence of decisions stays the same
            self.memory = payload["memory"]
            self.step += 1

    def _scored(self, payload: Mapping[str, Any]) -> None:
        for batch in payload["scores"]:
            rung = batch["rung"]
            self.score_columns[rung] = tuple(batch["columns"])
            known = self.scores.setdefault(rung, {})
            for key, row in zip(batch["architectures"], batch["values"], strict=True):
                known[key] = tuple(row)
                self._meet(key)
            self.ledger.charge(Charge(ChargeKind.SCORE, batch["seconds"], rung, len(batch["architectures"])))
        self._decided(payload)

    def _asked(self, payload: Mapping[str, Any]) -> None:
        for item in payload["queries"]:
            query = EvaluationQuery(self._meet(item["architecture"]), item["rung"], item["seed"], item["why"], item["id"])
            self.pending[query.id] = query
            self.owners[query.id] = payload.get("by", "")
            self.expected[query.id] = item["expected"]
            self.asked = query.id + 1
            self.ledger.reservations[query.id] = Reservation(item["reserved"], item["limit"])
            self.requeued = [
                other for other in self.requeued if (other.architecture, other.rung) != (query.architecture, query.rung)
            ]
        self._decided(payload)

    def _told(self, payload: Mapping[str, Any]) -> None:
        query = self.pending.pop(payload["id"])
        del self.owners[query.id]
        status = Status(payload["status"])
        self.observations.append(
            Observation(
                query,
                status,
                payload["seconds"],
                payload["value"],
                payload["noise"],
                payload["values"],
                payload["message"],
                payload["extras"],
                payload["artifacts"],
            )
        )
        self.ledger.settle(query.id, Charge(ChargeKind.EVALUATION, payload["seconds"], query.rung))
        pair = (query.architecture.key, query.rung)
        if status is Status.OK:
            self.runs[pair] = self.runs.get(pair, 0) + 1
        elif status is Status.FAILED:
            self.failures[pair] = self.failures.get(pair, 0) + 1
        elif status is Status.LOST:
            self.losses[pair] = self.losses.get(pair, 0) + 1
        if retry := payload.get("retry"):
            self.requeued.append(EvaluationQuery(query.architecture, query.rung, retry["seed"], query.why))

    def _given(self, payload: Mapping[str, Any]) -> None:
        for item in payload["observations"]:
            query = EvaluationQuery(self._meet(item["architecture"]), item["rung"], 0, {"origin": payload["origin"]}, self.asked)
            self.asked += 1
            self.observations.append(Observation(query, Status.OK, 0.0, item["value"], None, item["values"]))
            pair = (query.architecture.key, query.rung)
            self.runs[pair] = self.runs.get(pair, 0) + 1

    def _judged(self, payload: Mapping[str, Any]) -> None:
        self.judged[payload["architecture"]] = payload["figures"]

    def _stopped(self, payload: Mapping[str, Any]) -> None:
        self.stopped = payload["reason"]

    def _meet(self, key: str) -> Architecture:
        if key not in self.architectures:
            self.architectures[key] = self.parse(key)
        return self.architectures[key]

    def excluded(self, max_retries: int) -> frozenset[tuple[str, str]]:
        """(key, rung) pairs that may not be asked: evaluated, running, waiting to be repeated, or failed too often."""
        return frozenset(self.runs) | self._closed(max_retries)

    def repeatable(self, seeds: Mapping[str, int], max_retries: int) -> frozenset[tuple[str, str]]:
        """(key, rung) pairs that were evaluated and may be once more.

        Args:
            seeds: Rung -> how often one architecture may be evaluated there.
            max_retries: How often a failed evaluation is repeated.
        """
        if max(seeds.values(), default=1) < 2:
            return frozenset()
        open = {pair for pair, times in self.runs.items() if times < seeds.get(pair[1], 1)}
        return frozenset(open) - self._closed(max_retries)

    def attempts(self, pair: tuple[str, str]) -> int:
        """How many evaluations of this (key, rung) have ended, well or in failure."""
        return self.runs.get(pair, 0) + self.failures.get(pair, 0)

    def files_of(self, architecture: Architecture) -> dict[str, Mapping[str, str]]:
        """Rung -> files, by role, that the last evaluation of the architecture there left."""
        ended = (o for o in self.observations if o.status is Status.OK and o.query.architecture == architecture)
        return {o.query.rung: o.artifacts for o in ended}

    def _closed(self, max_retries: int) -> frozenset[tuple[str, str]]:
        waiting = {(q.architecture.key, q.rung) for q in [*self.pending.values(), *self.requeued]}
        hopeless = {pair for pair, times in self.failures.items() if times > max_retries}
        return frozenset(waiting | hopeless | {pair for pair, times in self.losses.items() if times > MAX_LOSSES})


MAX_LOSSES = 5
"""How often an evaluation may take its process down before it is left out: it may be the one that kills it."""
