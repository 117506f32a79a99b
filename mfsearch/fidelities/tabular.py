"""Rungs that look up what somebody has measured, and charge what it cost then."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from mfsearch.errors import ConfigError, SpaceError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractResource, AbstractScore, Context, Prepared
from mfsearch.records import Architecture, Measurement, Scores


class TabularResource(AbstractResource):
    """Something that rungs shared when they were measured, such as a teacher: every study pays for it once.

    Args:
        name: What it is called.
        seconds: Device seconds that it took.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.seconds = seconds

    @property
    def key(self) -> str:
        """Hash of name and price."""
        return hashlib.sha256(f"{self.name}|{self.seconds!r}".encode()).hexdigest()[:16]

    def expected_cost(self) -> float:
        """What it took: nothing is cached."""
        return self.seconds

    def prepare(self, context: Context) -> Prepared:
        """Charge it."""
        return Prepared(self.seconds, self.seconds, "simulated")


class TabularScores(AbstractScore):
    """Scores of untrained networks from a table.

    Args:
        name: Name of the rung.
        columns: Names of the scores.
        rows: Architecture's key -> its figures, in that order, None where one is missing; an architecture without a row has none.
        trusted: Those of which more is known to be better.
        free: Those that only count what a network is made of, and cost nothing.
        seconds_per_score: Device seconds of each that is not free, for one architecture, whether it has a row or not.
        shared: What must be paid for before the first use.

    Raises:
        ConfigError: If there is no column.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[str],
        rows: Mapping[str, tuple[float | None, ...]],
        trusted: Sequence[str] = ("synflow", "nwot", "jacov"),
        free: Sequence[str] = ("flops", "params"),
        seconds_per_score: float = 0.2,
        shared: Sequence[AbstractResource] = (),
    ) -> None:
        if not columns:
            raise ConfigError(f"score rung {name!r} must have at least one column; got none. Name some, or leave the rung out.")
        self.name = name
        self._columns = tuple(columns)
        self._trusted = tuple(column in trusted for column in columns)
        self._capacity = tuple(column in free for column in columns)
        self._rows = rows
        self._none = (None,) * len(self._columns)
        self._seconds = seconds_per_score * sum(column not in free for column in columns)
        self._shared = tuple(shared)
        self.signal = next((column for column in columns if column in trusted), self._columns[0])

    @property
    def columns(self) -> tuple[str, ...]:
        """The scores."""
        return self._columns

    @property
    def trusted(self) -> tuple[bool, ...]:
        """Those of which more is known to be better."""
        return self._trusted

    @property
    def capacity(self) -> tuple[bool, ...]:
        """Those that only count what a network is made of."""
        return self._capacity

    @property
    def resources(self) -> tuple[AbstractResource, ...]:
        """What the table says that it shares."""
        return self._shared

    def expected_cost(self, architecture: Architecture) -> float:
        """The same for every architecture."""
        return self._seconds

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        """Look up; one row an architecture."""
        rows = tuple(self._rows.get(architecture.key, self._none) for architecture in architectures)
        return Scores(self._columns, rows, self._seconds * len(rows))


class TabularEvaluation(AbstractEvaluation):
    """Accuracy after a schedule, from a table; its price is the schedule's training seconds.

    Args:
        name: Name of the rung.
        values: Architecture's key -> the figure, validation accuracy in percent unless `signal` says otherwise.
        seconds: Architecture's key -> device seconds of one run.
        signal: What the figure is called; behind a minus where it is better when small.
        resource: Epochs of the schedule.
        shared: What must be paid for before the first use.
    """

    deterministic = True
    exact_cost = True

    def __init__(
        self,
        name: str,
        values: Mapping[str, float],
        seconds: Mapping[str, float],
        signal: str = "val_accuracy",
        resource: float | None = None,
        shared: Sequence[AbstractResource] = (),
    ) -> None:
        self.name = name
        self.resource = resource
        self.shared = tuple(shared)
        self.signal = signal
        self._values = values
        self._price = seconds

    @property
    def resources(self) -> tuple[AbstractResource, ...]:
        """What the table says that it shares."""
        return self.shared

    def expected_cost(self, architecture: Architecture) -> float:
        """The table's seconds: known before, as in the benchmark's own protocol.

        Raises:
            SpaceError: If the table has no such architecture.
        """
        return self._looked_up(self._price, architecture)

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """Look up.

        Raises:
            SpaceError: If the table has no such architecture.
        """
        value = self._looked_up(self._values, architecture)
        return Measurement({self.signal.removeprefix("-"): value}, self._looked_up(self._price, architecture))

    def _looked_up(self, column: Mapping[str, float], architecture: Architecture) -> float:
        try:
            return column[architecture.key]
        except KeyError:
            raise SpaceError(
                f"rung {self.name!r} must know the architecture; its table has no {architecture.key!r}. "
                "Give the canonical cell of a class that was measured."
            ) from None
