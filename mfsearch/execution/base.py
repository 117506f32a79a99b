"""The seam: an executor takes queries and gives observations. Everything above it is deterministic given its answers."""

from __future__ import annotations

import math
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from mfsearch.fidelities.base import AbstractEvaluation
from mfsearch.records import EvaluationQuery, Measurement, Objective, Observation, Status


@dataclass(frozen=True)
class Job:
    """One evaluation to run.

    Attributes:
        query: What to evaluate; its id names it.
        fidelity: The rung that does it.
        objective: What the search maximises, to orient the signal.
        limit: Device seconds after which it is stopped.
        workdir: Folder for its files; made by the executor.
        device: torch device string.
        beat: Called about once a second while it runs, with the device seconds so far.
        progress: Called with (fraction done, text) by rungs that report progress.
        earlier: As in `Context`.
    """

    query: EvaluationQuery
    fidelity: AbstractEvaluation
    objective: Objective
    limit: float
    workdir: Path
    device: str = "cpu"
    beat: Callable[[float], None] = lambda elapsed: None
    progress: Callable[[float, str], None] = lambda fraction, text: None
    earlier: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class AbstractExecutor(ABC):
    """Where evaluations run. A context: at its end what still runs is ended."""

    @property
    @abstractmethod
    def virtual(self) -> bool:
        """Whether time is simulated: only the seconds that rungs report are charged, and the optimiser's are not."""

    @abstractmethod
    def stopwatch(self) -> Callable[[], float]:
        """A function that tells the device seconds since now, by this executor's clock (real seconds on a virtual one)."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many evaluations can run side by side."""

    @property
    @abstractmethod
    def free_slots(self) -> int:
        """How many more can be submitted now."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Take a job."""

    @abstractmethod
    def collect(self) -> list[Observation]:
        """Wait until at least one submitted job has ended, and return what has; empty only if nothing was submitted."""

    def close(self) -> None:
        """End what still runs, and give back processes where there are any; a later job begins anew."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def value_of(values: Mapping[str, float], signal: str, objective: Objective) -> float:
    """The signal, oriented so that more is better.

    Args:
        values: Measured figures by name.
        signal: Name of a figure; a leading minus turns it around.
        objective: Gives the orientation where the signal is the objective's own figure.

    Raises:
        ValueError: If the figure is missing or not finite, or an accuracy is outside its unit.
    """
    name = signal.removeprefix("-")
    if name not in values:
        raise ValueError(f"the measurement must contain the signal {name!r}; got {', '.join(sorted(values)) or 'nothing'}")
    figure = float(values[name])
    if not math.isfinite(figure):
        raise ValueError(f"the signal {name!r} must be finite; got {figure}")
    if name == objective.signal:
        top = {"percent": 100.0, "fraction": 1.0, "none": math.inf}[objective.unit]
        if objective.unit != "none" and not -1e-9 <= figure <= top * (1 + 1e-9):
            raise ValueError(
                f"the signal {name!r} must be in [0, {top:g}] ({objective.unit}); got {figure}. Set the objective's unit"
            )
    return objective.oriented(signal, figure)


def ended(job: Job, measurement: Measurement, seconds: float) -> Observation:
    """The observation of an evaluation that returned: ok, or failed where its signal cannot be used."""
    try:
        value = value_of(measurement.values, job.fidelity.signal, job.objective)
    except (ValueError, TypeError) as error:
        return Observation(job.query, Status.FAILED, seconds, message=str(error), extras=measurement.extras)
    return Observation(
        job.query,
        Status.OK,
        seconds,
        value,
        measurement.noise,
        {name: float(figure) for name, figure in measurement.values.items()},
        extras=measurement.extras,
        artifacts={role: str(path) for role, path in measurement.artifacts.items()},
    )


def failed(job: Job, error: BaseException, seconds: float) -> Observation:
    """The observation of an evaluation that raised."""
    message = f"{type(error).__name__}: {error}".strip()[:2000]
    last = "".join(traceback.format_exception(error))[-4000:]
    return Observation(job.query, Status.FAILED, seconds, message=message, extras={"traceback": last})
