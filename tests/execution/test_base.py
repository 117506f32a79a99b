"""From measurements to observations."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mfsearch.execution.base import Job, ended, failed, value_of
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, Status

ACCURACY, LOSS = Objective(), Objective("loss", "minimise", "none")
A = Architecture("s", ("a",), "a")


class Rung(AbstractEvaluation):
    def __init__(self, signal: str = "val_accuracy") -> None:
        self.name, self.signal = "full", signal

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        return Measurement({"val_accuracy": 50.0}, 1.0)


def job(signal: str = "val_accuracy", objective: Objective = ACCURACY) -> Job:
    return Job(EvaluationQuery(A, "full", id=4), Rung(signal), objective, 10.0, Path())


def test_values_are_oriented() -> None:
    assert value_of({"val_accuracy": 71.0}, "val_accuracy", ACCURACY) == 71.0
    assert value_of({"loss": 0.3}, "loss", LOSS) == -0.3
    assert value_of({"train_loss": 0.3}, "-train_loss", ACCURACY) == -0.3


@pytest.mark.parametrize(
    ("values", "signal", "message"),
    [
        ({"loss": 1.0}, "val_accuracy", "must contain the signal 'val_accuracy'; got loss"),
        ({"val_accuracy": math.nan}, "val_accuracy", "must be finite; got nan"),
        ({"val_accuracy": math.inf}, "val_accuracy", "must be finite"),
        ({"val_accuracy": 140.0}, "val_accuracy", r"must be in \[0, 100\] \(percent\)"),
    ],
)
def test_useless_values_are_failures(values: dict[str, float], signal: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value_of(values, signal, ACCURACY)
    observation = ended(job(signal), Measurement(values), 3.0)
    assert (observation.status, observation.value, observation.seconds) == (Status.FAILED, None, 3.0)


def test_ended_keeps_everything() -> None:
    measurement = Measurement({"val_accuracy": 70, "train_loss": 0.1}, None, 0.5, {"curve": [1, 2]}, {"weights": Path("w")})
    observation = ended(job(), measurement, 3.0)
    assert (observation.status, observation.value, observation.noise) == (Status.OK, 70.0, 0.5)
    assert observation.values == {"val_accuracy": 70.0, "train_loss": 0.1}
    assert observation.artifacts == {"weights": "w"}


def test_failed_says_what_happened() -> None:
    try:
        raise MemoryError("no room")
    except MemoryError as error:
        observation = failed(job(), error, 2.0)
    assert observation.message == "MemoryError: no room"
    assert "test_base.py" in str(observation.extras["traceback"])
