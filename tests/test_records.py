from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError

import pytest

from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, EvaluationQuery, InputLayout, Objective, Observation, Status


def test_an_architecture_is_its_space_and_key():
    one, other = Architecture("nb201", (1, 2), "a|b"), Architecture("nb201", (2, 1), "a|b")
    assert one == other and len({one, other}) == 1
    assert one != Architecture("toy", (1, 2), "a|b")


def test_why_does_not_tell_queries_apart():
    architecture = Architecture("toy", (1,), "1")
    assert EvaluationQuery(architecture, "full", why={"gain": 1.0}) == EvaluationQuery(architecture, "full")
    assert EvaluationQuery(architecture, "full", seed=1) != EvaluationQuery(architecture, "full")


def test_records_are_frozen_and_travel_between_processes():
    observation = Observation(EvaluationQuery(Architecture("toy", (1,), "1"), "full"), Status.OK, 3.5, 0.9)
    assert pickle.loads(pickle.dumps(observation)) == observation
    with pytest.raises(FrozenInstanceError):
        observation.seconds = 0.0  # type: ignore[misc]


def test_a_status_is_its_word_in_json():
    assert json.dumps(list(Status)) == '["ok", "failed", "lost", "cut"]'


def test_the_width_of_a_layout_counts_every_column():
    assert InputLayout(numeric=(0, 4), categorical=((1, 2), (3, 5, 6)), structure=((7,), (8, 9))).width == 10
    assert InputLayout().width == 0


@pytest.mark.parametrize("direction", ["maximise", "minimise"])
def test_an_objective_turns_values_around_and_back(direction):
    objective = Objective(direction=direction)
    measured = 3.0
    assert objective.shown(objective.sign * measured) == measured
    assert (objective.sign * 4.0 > objective.sign * 3.0) == (direction == "maximise")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": "max"}, "objective direction must be 'maximise' or 'minimise'; got 'max'."),
        ({"unit": "%"}, "objective unit must be 'percent', 'fraction' or 'none'; got '%'."),
    ],
)
def test_an_objective_refuses(arguments, message: str):
    with pytest.raises(ConfigError) as caught:
        Objective(**arguments)
    assert str(caught.value) == message


def test_a_figure_is_turned_so_that_more_is_better():
    """The objective's own figure by its direction, whatever its sign; others by a leading minus alone."""
    loss = Objective("val_loss", "minimise", "none")
    assert [loss.oriented(signal, 2.0) for signal in ("val_loss", "-val_loss", "dass", "-train_loss")] == [-2.0, -2.0, 2.0, -2.0]
    assert Objective().oriented("val_accuracy", 70.0) == 70.0
