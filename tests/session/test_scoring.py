from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mfsearch.errors import ConfigError, SpaceError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore, Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, Measurement, Objective, Scores
from mfsearch.session.scoring import drawn, score, with_dass, with_proxies
from mfsearch.spaces.box import BoxSpace


class Halves(AbstractScore):
    name, signal, columns = "halves", "", ("half", "missing")

    def expected_cost(self, architecture: Architecture) -> float:
        return 0.0

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        return Scores(("half", "missing"), tuple((float(str(a.genotype[0])) / 2, None) for a in architectures), 0.0)


class Full(AbstractEvaluation):
    name, signal = "full", "value"

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        return Measurement({"value": 0.0}, 1.0)


SPACE = BoxSpace("box", {"x": (0.0, 1.0)})


def problem(*rungs: AbstractScore) -> Problem:
    return Problem("toy", SPACE, FidelityLadder([*rungs, Full()]), Objective("value", unit="none"))


def test_one_row_an_architecture():
    rows = score(problem(Halves()), ['{"x": 0.5}', '{"x": 1.0}'])
    assert rows == [
        {"architecture": '{"x": 0.5}', "half": 0.25, "missing": None},
        {"architecture": '{"x": 1.0}', "half": 0.5, "missing": None},
    ]


def test_what_cannot_be_scored():
    with pytest.raises(ConfigError, match=r"problem 'toy' must have score rungs; it has none\. Name another with --problem"):
        score(problem(), ['{"x": 0.5}'])
    with pytest.raises(SpaceError, match="must be a JSON object"):
        score(problem(Halves()), ["nonsense"])
    with pytest.raises(ConfigError, match="architectures must be given"):
        score(problem(Halves()), [])
    with pytest.raises(ConfigError, match="proxies must be of networks; 'toy' builds none"):
        with_proxies(problem(), ["params"], Path())
    with pytest.raises(ConfigError, match="predictions must be of networks; 'toy' builds none"):
        with_dass(problem(), "some.safetensors", Path())


def test_random_ones_are_the_same_for_the_same_seed():
    assert drawn(problem(), 4, 1) == drawn(problem(), 6, 1)[:4] != drawn(problem(), 4, 2)
