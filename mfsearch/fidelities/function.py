"""A user's own rung: a function with a price, by decorator or as an object."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, SupportsIndex, TypeAlias

from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore, Context
from mfsearch.records import Architecture, Measurement, Scores

Seconds: TypeAlias = "float | Callable[[Architecture], float]"
Result: TypeAlias = "Measurement | Mapping[str, float] | float"


class FunctionFidelity(AbstractEvaluation):
    """An evaluation rung made of a function.

    Args:
        name: Name of the rung.
        function: (architecture, context) -> a number (the signal), figures by name, or a Measurement.
        cost: Expected device seconds, for all architectures or as a function of one.
        signal: Which figure is the value; a leading minus turns it around. Give it the objective's name where the rung measures
            the objective itself.
        simulated: Whether the cost is charged as it stands (virtual clock) instead of measured.
        noise: Standard deviation of the signal where it is known; 0 for a deterministic function.
        longest: Device seconds after which an evaluation is stopped, however much is free.

    Raises:
        ConfigError: If a constant cost is negative or not a number, or `longest` is not positive.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Architecture, Context], Result],
        cost: Seconds,
        signal: str = "val_accuracy",
        simulated: bool = False,
        noise: float | None = None,
        longest: float = math.inf,
    ) -> None:
        if not longest > 0:
            raise ConfigError(f"longest must be device seconds, more than 0; got {longest} for rung {name!r}.")
        self.name = name
        self.signal = signal
        self.longest = longest
        self.simulated = self.exact_cost = simulated
        self.noise = noise
        self._function = function
        self._cost = _checked(cost, name)

    def expected_cost(self, architecture: Architecture) -> float:
        """Device seconds expected before anything was measured."""
        return self._cost(architecture) if callable(self._cost) else self._cost

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """Call the function."""
        result = self._function(architecture, context)
        seconds = self.expected_cost(architecture) if self.simulated else None
        if isinstance(result, Measurement):
            given = result.seconds is None and self.simulated
            return replace(result, seconds=seconds) if given else result
        values = result if isinstance(result, Mapping) else {self.signal.removeprefix("-"): float(result)}
        return Measurement(values, seconds, self.noise)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """Where the decorator has put it in its function's place, it travels by that name; so does a function."""
        module, name = getattr(self._function, "__module__", ""), getattr(self._function, "__qualname__", "")
        if getattr(sys.modules.get(module), name, None) is self:
            return _found, (module, name)
        return super().__reduce_ex__(protocol)


def _found(module: str, name: str) -> FunctionFidelity:
    """The rung of this name, in another process."""
    rung: FunctionFidelity = getattr(importlib.import_module(module), name)
    return rung


class FunctionScore(AbstractScore):
    """A score rung made of a function.

    Args:
        name: Name of the rung.
        function: architecture -> one figure a column (or the figure itself where there is one column); None where undefined.
        columns: Names of the figures.
        cost: Expected device seconds of one architecture.
        trusted: Whether more of every figure is known to be better.
        simulated: Whether the cost is charged as it stands instead of measured.

    Raises:
        ConfigError: If a constant cost is negative or not a number, or there are no columns.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Architecture], float | Sequence[float | None] | None],
        columns: Sequence[str],
        cost: Seconds,
        trusted: bool = False,
        simulated: bool = False,
    ) -> None:
        if not columns:
            raise ConfigError(f"score rung {name!r} must have at least one column; got none. Write columns=('params',).")
        self.name = name
        self.signal = columns[0]
        self.simulated = simulated
        self._function = function
        self._columns = tuple(columns)
        self._trusted = trusted
        self._cost = _checked(cost, name)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the figures."""
        return self._columns

    @property
    def trusted(self) -> tuple[bool, ...]:
        """The same for every column."""
        return (self._trusted,) * len(self._columns)

    def expected_cost(self, architecture: Architecture) -> float:
        """Device seconds of one architecture."""
        return self._cost(architecture) if callable(self._cost) else self._cost

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        """Call the function for each architecture."""
        began = context.elapsed()
        rows = []
        for architecture in architectures:
            context.check()
            result = self._function(architecture)
            rows.append(tuple(result) if isinstance(result, Sequence) else (result,))
        seconds = sum(map(self.expected_cost, architectures)) if self.simulated else context.elapsed() - began
        return Scores(self._columns, tuple(rows), seconds)


def fidelity(
    *,
    cost: Seconds,
    name: str | None = None,
    signal: str = "val_accuracy",
    simulated: bool = False,
    noise: float | None = None,
    longest: float = math.inf,
) -> Callable[[Callable[[Architecture, Context], Result]], FunctionFidelity]:
    """Decorator: a function of (architecture, context) becomes an evaluation rung. See `FunctionFidelity` for the arguments."""

    def wrap(function: Callable[[Architecture, Context], Result]) -> FunctionFidelity:
        return FunctionFidelity(name or function.__name__, function, cost, signal, simulated, noise, longest)

    return wrap


def score(
    *,
    columns: Sequence[str] | None = None,
    cost: Seconds = 0.0,
    name: str | None = None,
    trusted: bool = False,
    simulated: bool = False,
) -> Callable[[Callable[[Architecture], float | Sequence[float | None] | None]], FunctionScore]:
    """Decorator: a function of an architecture becomes a score rung. See `FunctionScore`; the column is its name by default."""

    def wrap(function: Callable[[Architecture], float | Sequence[float | None] | None]) -> FunctionScore:
        own = name or function.__name__
        return FunctionScore(own, function, (own,) if columns is None else columns, cost, trusted, simulated)

    return wrap


def _checked(cost: Seconds, name: str) -> Seconds:
    if not callable(cost) and not 0 <= cost < float("inf"):
        raise ConfigError(f"the cost of rung {name!r} must be device seconds, 0 or more; got {cost}.")
    return cost
