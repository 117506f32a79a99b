from __future__ import annotations

import pytest

from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractResource, AbstractScore, Prepared
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Measurement, Scores


class Teacher(AbstractResource):
    name = "teacher"

    def __init__(self, recipe: str) -> None:
        self.recipe = recipe

    @property
    def key(self):
        return self.recipe

    def expected_cost(self):
        return 1.0

    def prepare(self, context):
        return Prepared(1.0, 1.0)


class Score(AbstractScore):
    signal = "score"

    def __init__(self, name: str, role: str = "input") -> None:
        self.name, self.role = name, role  # type: ignore[assignment]

    @property
    def columns(self):
        return (self.name,)

    def expected_cost(self, architecture):
        return 0.0

    def score(self, architectures, context):
        return Scores(self.columns, tuple((0.0,) for _ in architectures), 0.0)


class Training(AbstractEvaluation):
    signal = "val_accuracy"

    def __init__(self, name: str, teacher: str = "t") -> None:
        self.name, self.teacher = name, teacher

    @property
    def resources(self):
        return (Teacher(self.teacher),)

    def expected_cost(self, architecture):
        return 1.0

    def evaluate(self, architecture, context):
        return Measurement({"val_accuracy": 1.0})


def test_levels_are_the_evaluations_and_the_scores_declared_a_level():
    ladder = FidelityLadder([Score("params"), Score("dass", role="level"), Training("few"), Training("full")])
    assert len(ladder) == 4 and [rung.name for rung in ladder] == ["params", "dass", "few", "full"]
    assert [rung.name for rung in ladder.levels] == ["dass", "few", "full"]
    assert [rung.name for rung in ladder.evaluations] == ["few", "full"]
    assert [rung.name for rung in ladder.scores] == ["params", "dass"]
    assert [rung.name for rung in ladder.inputs] == ["params"]
    assert ladder.target.name == "full"
    assert [ladder.level(name) for name in ("dass", "few", "full")] == [0, 1, 2]


def test_a_shared_resource_is_prepared_once():
    ladder = FidelityLadder([Training("few", "small"), Training("half", "large"), Training("full", "small")])
    assert [resource.key for resource in ladder.resources] == ["small", "large"]


@pytest.mark.parametrize(
    ("rungs", "message"),
    [
        ([], "a ladder must have at least one rung; got none. Put the target fidelity into 'ladder:'."),
        ([Training("a"), Training("b"), Training("a")], "rungs of a ladder must have different names; got a more than once."),
        (
            [Training("full"), Score("params")],
            "a ladder must end with the target fidelity, an evaluation; got the score 'params' last. "
            "Put the fidelity that decides at the end of 'ladder:'.",
        ),
    ],
)
def test_refuses(rungs, message: str):
    with pytest.raises(ConfigError) as caught:
        FidelityLadder(rungs)
    assert str(caught.value) == message


def test_an_unknown_rung_is_named_with_those_there_are():
    with pytest.raises(ConfigError, match=r"no rung is called 'ful'; this ladder has few, full\."):
        FidelityLadder([Training("few"), Training("full")])["ful"]
